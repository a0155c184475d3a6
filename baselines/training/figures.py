"""The loss of a run as a figure, from its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.training.loop import LOG

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pydantic import JsonValue

FIGURE = "loss.png"


def read_log(folder: Path) -> list[dict[str, JsonValue]]:
    """The lines of a run's log; a last one that was cut by a kill is left out."""
    lines = []
    for text in (folder / LOG).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def chart_log(lines: list[dict[str, JsonValue]], title: str) -> Chart:
    """Loss and share of right answers, and the learning rate, by epoch.

    Args:
        lines: Of the log.
        title: Which run.
    """
    epochs, losses, right, rates = (
        [float(str(line[name])) for line in lines]
        for name in ("epochs_done", "loss", "right", "learning_rate")
    )

    def draw(canvas: Figure) -> None:
        above, below = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        canvas.subplots_adjust(left=0.1, right=0.88, top=0.93, bottom=0.17)
        above.set_title(title, fontsize=10)
        above.plot(epochs, losses, color="#1f4e79")
        above.set_ylabel("loss", color="#1f4e79")
        share = above.twinx()
        share.plot(epochs, right, color="#b35900", linewidth=0.8)
        share.set_ylabel("right, share of views", color="#b35900")
        share.set_ylim(0, 1)
        below.plot(epochs, rates, color="#444444")
        below.set_ylabel("rate")
        below.set_xlabel("epochs")

    caption = (
        "Each point is one batch of training images, augmented; nothing here is measured on a held-out set."
    )
    return Chart(title, lines, caption, (7.2, 5.0), draw)


def draw_loss(folder: Path, title: str) -> Path | None:
    """Write the figure beside the log; None where nothing was logged or matplotlib is missing.

    Raises:
        StorageError: The place cannot be written.
    """
    from importlib.util import find_spec

    lines = read_log(folder) if (folder / LOG).is_file() else []
    # An extra: training does not fail for want of a picture.
    if not lines or find_spec("matplotlib") is None:
        return None
    return chart_log(lines, title).save(folder / FIGURE)
