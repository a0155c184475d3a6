"""The page: words from outside stay words, and a plot shows its numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from critique_cases import make_critique

from imagenet_g.benchmark.critiques.critique import Extremes, RankedImage
from imagenet_g.generation.critique.pages.blocks import ImageStrip, SectionPage, ShownImage
from imagenet_g.generation.critique.pages.html import format_html
from imagenet_g.generation.critique.pages.markdown import format_markdown, list_pictures
from imagenet_g.generation.critique.pages.page import make_page
from imagenet_g.generation.critique.pages.plots import RangeRow, draw_ranges
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails

HOSTILE = "<script>alert(1)</script>|`x`"


def make_hostile() -> str:
    """HTML of a critique whose names try to be markup."""
    image = RankedImage(image_id=HOSTILE, wnid="n01440764", value=0.5)
    extremes = Extremes(measure=HOSTILE, note=HOSTILE, worst=(image,), best=())
    critique = make_critique().model_copy(update={"extremes": (extremes,)})
    split = critique.split.model_copy(update={"ref": HOSTILE, "notice": HOSTILE})
    return format_html(make_page(critique.model_copy(update={"split": split}), Thumbnails()))


def test_no_name_becomes_markup() -> None:
    """Only the page's own tags are there."""
    page = make_hostile()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_the_page_fetches_nothing() -> None:
    """One file, and a policy that forbids the rest."""
    page = make_hostile()
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)


def test_the_answer_stands_before_the_figures_and_the_sections() -> None:
    """What a reviewer reads first."""
    page = format_html(make_page(make_critique(), Thumbnails()))
    places = [page.index(word) for word in ('class="answer"', "<table>", 'id="distance-to-the-reference"')]
    assert places == sorted(places)


def test_every_section_that_is_missing_says_why() -> None:
    """In the list of what is not measured."""
    critique = make_critique()
    page = format_markdown(make_page(critique, Thumbnails()))
    part = page.split("## Not measured")[1]
    assert all(
        f"| {name.replace('_', ' ')} | Not made. |" in part.replace("\\", "") for name in critique.unmeasured
    )


def test_an_image_that_cannot_be_read_says_so() -> None:
    """In its place."""
    assert "The image cannot be read." in make_hostile()


def test_the_markdown_names_each_plot_that_is_written_beside_it() -> None:
    """And no other."""
    page = make_page(make_critique(), Thumbnails())
    named = set(re.findall(r"\]\(pictures/([^)]+)\)", format_markdown(page)))
    assert named == {name for name, _ in list_pictures(page)}
    assert named == {"distances-made-up.svg", "diversity-made-up.svg"}


def test_an_image_that_the_page_hides_is_no_file_beside_the_markdown() -> None:
    """It is named there, and nothing more."""
    address = "data:image/webp;base64,AAAA"
    images = (ShownImage("seen", address, "seen"), ShownImage("hidden", address, "hidden", blurred=True))
    page = make_page(make_critique(), Thumbnails())
    section = SectionPage("Safety", (ImageStrip("highest scores", images),))
    page = replace(page, sections=(section,))
    assert [name for name, _ in list_pictures(page)] == ["safety-0-0-0.webp"]
    assert format_markdown(page).count(".webp") == 1


def test_a_plot_is_well_formed_and_its_marks_are_in_the_order_of_the_values() -> None:
    """One dot a row, at a place that grows with its value."""
    rows = [RangeRow("a & b", 1.0, 0.5, 1.5, 0.2), RangeRow("c", 3.0), RangeRow("d", 2.0, floor=0.1)]
    root = ElementTree.fromstring(draw_ranges(rows, title="t", axis="x"))
    dots = [float(dot.attrib["cx"]) for dot in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert dots[0] < dots[2] < dots[1]


@pytest.mark.parametrize("value", [0.0, 5.0, -2.0])
def test_a_plot_of_one_value_has_an_axis(value: float) -> None:
    """No division by a length of zero."""
    assert "nan" not in draw_ranges([RangeRow("a", value)], title="t", axis="x").lower()
