"""Names in figures, read back from the text of an SVG."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context

from imagenet_g.benchmark.distances.figures import CloudFigure, draw_clouds

NAMES = ("$x$", "$", "a_b", "_hidden", "m[ema]", "<b>x</b>", r"\alpha", "50%", "a\x1b[31mb", "$\\frac{$")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_shows_the_name_as_it_is(name: str, tmp_path: Path) -> None:
    """In its title and its legend: no mathematics, nothing hidden, no traceback."""
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    figure = CloudFigure(title=name, split=(name, points), reference=("other", points), explained=(0.5, 0.5))
    with rc_context({"svg.fonttype": "none"}):
        draw_clouds(figure, tmp_path / "figure.svg")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", (tmp_path / "figure.svg").read_text(encoding="utf-8"))
    shown = [html.unescape(text).strip() for text in texts]
    expected = name.replace("\x1b", r"\x1b")
    assert expected in shown
    assert f"{expected} (2)" in shown
