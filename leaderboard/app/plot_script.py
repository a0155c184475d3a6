"""Plotly's own script in the page: fetched before the first plot is opened, and kept from losing clips."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

HEAD = "<script>document.querySelector('base')?.remove();</script>"
"""With a `base` element Plotly names its clip paths by the page's whole address. The address follows the
controls: the clips would be lost with each change, and the page fetched again in search of them. This one is
`./`, which also holds without it."""
FETCHED = "plot-script"
"""Mark among the page's performance entries: the script is in."""
_FETCH_JS = """() => {
  const script = () => import(new URL('assets/NAME', document.baseURI).href);
  const fetch_script = () => script().catch(() => {}).then(() => performance.mark('FETCHED'));
  if (!navigator.connection?.saveData) (window.requestIdleCallback ?? setTimeout)(fetch_script);
  return [];
}"""


def find_plot_script() -> str:
    """Name of the file with which this Gradio draws plotly's figures; empty where no file has that name."""
    # By pattern: the name holds a hash that changes with each release of Gradio. Without the file the page
    # still works, and the first plot waits for its script.
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    return next((file.name for file in sorted(folder.glob("PlotlyPlot-*.js"))), "")


def make_fetch_js(name: str) -> str:
    """A script that fetches plotly's megabytes once the table is shown, while the reader is busy.

    Example:
        >>> make_fetch_js("")
        '() => []'
        >>> "assets/PlotlyPlot-1.js" in make_fetch_js("PlotlyPlot-1.js")
        True
    """
    return _FETCH_JS.replace("NAME", name).replace("FETCHED", FETCHED) if name else "() => []"
