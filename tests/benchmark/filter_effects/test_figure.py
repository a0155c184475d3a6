"""The figure of a filter's circularity."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from judged_cases import COLUMN, make_case
from matplotlib.figure import Figure
from PIL import Image

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.filter_effects.figure import (
    draw_filter_effects,
    draw_ranks,
    draw_views,
    list_movers,
    make_caption,
    name_model,
    render_filter_effects,
)
from imagenet_g.benchmark.filter_effects.measuring import FilterSettings, measure_filter_effects
from imagenet_g.benchmark.filter_effects.records import FilterSection


@pytest.fixture(scope="module")
def section() -> FilterSection:
    """Five models, one of them the filter, one a judge."""
    models, split, reference = make_case(num_images=200)
    judge = models[1].evidence.model.spec
    return measure_filter_effects(
        models, split, reference, settings=FilterSettings(judges=(judge,), num_blind=20)
    )


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_it_is_written_whole(section: FilterSection, tmp_path: Path, ending: str) -> None:
    """In the format of its ending."""
    path = tmp_path / f"filter.{ending}"
    draw_filter_effects(section, path)
    if ending == "png":
        with Image.open(path) as image:
            assert image.size == (1650, 1230)
    assert path.stat().st_size > 10_000


def test_for_a_page_it_is_one_element_of_the_same_bytes(section: FilterSection) -> None:
    """Without a date, an address or a size in points; the letters are text."""
    found = render_filter_effects(section)
    assert found == render_filter_effects(section)
    root = ElementTree.fromstring(found)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "<metadata" not in found
    words = " ".join(text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "accuracy by view" in words


def test_drawn_accuracies_are_those_of_the_section(section: FilterSection) -> None:
    """In percent, a line a model."""
    axes = Figure().add_subplot()
    draw_views(axes, section)
    for number, container in enumerate(axes.containers):
        drawn = container[0].get_ydata()
        assert list(drawn) == pytest.approx(
            [100 * view.models[number].accuracy.value for view in section.views]
        )
    assert len(axes.containers) == len(section.models)


def test_drawn_ranks_are_those_of_the_section(section: FilterSection) -> None:
    """By the share that each threshold keeps."""
    axes = Figure().add_subplot()
    draw_ranks(axes, section)
    expected = [point.agreement.tau for point in section.curve if point.agreement.tau is not None]
    assert list(np.asarray(axes.lines[0].get_ydata())) == pytest.approx(expected)


def test_kin_and_judges_are_marked(section: FilterSection) -> None:
    """In the legend, and the filter in the caption."""
    assert name_model(section.models[-1]).endswith("(the filter)")
    assert name_model(section.models[1]).endswith("(judge)")
    assert f"{COLUMN} of at least 0.5" in make_caption(section)


def test_the_models_that_move_most_are_named(section: FilterSection) -> None:
    """By the ranks that they gain or lose on each view, the most first."""
    lines = [line.replace("\n", " ") for line in list_movers(section)]
    assert len(lines) == len(section.views) - 1
    for line, view in zip(lines, section.views[1:], strict=True):
        most = max(abs(one.moved) for one in view.models)
        assert ("no model moves" in line) == (most == 0)
        first = line.partition(": ")[2].partition(",")[0].rpartition(" ")[2]
        assert most == 0 or abs(float(first)) == most


def test_another_ending_is_refused(section: FilterSection, tmp_path: Path) -> None:
    """And nothing is written."""
    with pytest.raises(InputError, match="png, pdf, svg"):
        draw_filter_effects(section, tmp_path / "filter.jpg")
    assert not list(tmp_path.iterdir())
