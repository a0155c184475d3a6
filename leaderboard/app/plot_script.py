"""Plotly's own script in the page: fetched before the first plot is asked for, and kept from losing clips."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

HEAD = "<script>document.querySelector('base')?.remove();</script>"
"""Beside a `base` Plotly names its clips by the page's whole address. The address follows the controls: the
clips would be lost with each change, and the page fetched again in search of them. This one says `./`, which
is what holds without it."""
FETCHED = "plot-script"
"""Mark among the page's performance entries: the script is in."""
_FETCH_JS = """() => {
  const script = () => import(new URL('assets/NAME', document.baseURI).href);
  const fetch_script = () => script().catch(() => {}).then(() => performance.mark('FETCHED'));
  if (!navigator.connection?.saveData) (window.requestIdleCallback ?? setTimeout)(fetch_script);
  return [];
}"""


def find_plot_script() -> str:
    """Name of the file with which this Gradio draws plotly's figures; empty where there is none so called."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    return next((file.name for file in sorted(folder.glob("PlotlyPlot-*.js"))), "")


def make_fetch_js(name: str) -> str:
    """What a page runs once it shows its table: fetch megabytes of script while nobody waits for them."""
    return _FETCH_JS.replace("NAME", name).replace("FETCHED", FETCHED) if name else "() => []"
