"""Plots, orders, pairs, images and uploads in a real Chromium, on the repository's board."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from board_acts import choose, hover_first_point, open_drawer
from live_board import TEMPORARY, wait_until_settled
from playwright.sync_api import Page, expect
from submission_cases import STEM, set_at, write_case

from imagenet_g.leaderboard.app.plot_script import FETCHED

Show = Callable[[str], Page]
REAL = "?version=real-sets&split=imagenet-r"


def test_the_plot_says_what_a_point_is(show: Show) -> None:
    """On hover."""
    page = show("?version=mini&tab=scatter")
    hover_first_point(page)
    expect(page.locator("#scatter .hoverlayer .hovertext")).to_contain_text("EfficientNet")


def test_clips_of_a_plot_outlive_a_change_of_the_address(show: Show) -> None:
    """They are named without it: the address follows the controls."""
    page = show("?version=mini&tab=scatter")
    clip = page.locator("#scatter .scatterlayer").locator("xpath=ancestor::*[@clip-path][1]")
    expect(clip).to_have_attribute("clip-path", re.compile(r"^url\(['\"]?#"))


def test_an_open_plot_follows_the_link(show: Show) -> None:
    """Axes of the baseline's line are redrawn."""
    page = show(f"{REAL}&search=dfn&tab=scatter")
    legend = page.locator("#scatter .legend")
    expect(legend).to_contain_text("testbed")
    before = str(legend.text_content())
    open_drawer(page)
    page.get_by_role("radio", name="linear").first.check()
    expect(legend).not_to_have_text(before)


def test_an_open_plot_follows_the_split_with_one_request(show: Show) -> None:
    """With the table and the address; a second request would take as long again."""
    page = show(f"{REAL}&search=dfn&tab=scatter")
    expect(page.locator("#scatter .ytitle")).to_contain_text("imagenet-r")
    page.wait_for_function(f"performance.getEntriesByName('{FETCHED}').length")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    choose(page, "Split", "imagenet-sketch")
    expect(page.locator("#scatter .ytitle")).to_contain_text("imagenet-sketch")
    wait_until_settled(page, "split=imagenet-sketch")
    page.get_by_label("Split", exact=True).focus()
    page.get_by_label("Search", exact=True).focus()
    # A late second request of the first choice would come before the one of another choice has its answer.
    choose(page, "Split", "imagenet-a")
    expect(page.locator("#scatter .ytitle")).to_contain_text("imagenet-a")
    wait_until_settled(page, "split=imagenet-a")
    assert len(asked) == 2


def test_a_model_beyond_the_first_ones_is_named_on_the_plot(show: Show) -> None:
    """The picker finds it as its name is typed."""
    page = show(f"{REAL}&tab=scatter")
    box = page.get_by_label("Name these models", exact=False)
    box.click()
    # The picker asks the server with every key: one question is enough here.
    box.fill("resnet50.a1_in1")
    box.press("k")
    page.get_by_role("option", name="resnet50.a1_in1k", exact=True).click()
    expect(page.locator("#scatter .textpoint")).to_have_text("resnet50.a1_in1k")


def test_profiles_are_drawn_with_their_words(show: Show) -> None:
    """For the models of the version, which are few."""
    page = show("?version=mini&tab=profiles")
    expect(page.locator("#profiles .scatterlayer .trace")).to_have_count(6)
    expect(page.locator("#profiles-words")).to_contain_text("EfficientNet-Lite2")


def test_order_changes_follow_the_other_split(show: Show) -> None:
    """Drawn with their names and listed; where there is nothing to draw, the words say why."""
    page = show("?version=mini&tab=ranks")
    choose(page, "Other split or view", "mini/renditions:noto")
    expect(page.locator("#ranks-words")).to_contain_text("of 3 models change place by top-1")
    expect(page.locator("#ranks tbody tr")).to_have_count(3)
    expect(page.locator("#ranks svg")).to_contain_text("EfficientNet-Lite2")
    page.get_by_role("radio", name="ER").last.check()
    expect(page.locator("#ranks-words")).to_contain_text(
        "No model has a place by effective robustness on mini/renditions"
    )
    expect(page.locator("#ranks svg")).to_have_count(0)


def test_two_models_are_compared_with_their_images(show: Show) -> None:
    """The paired test and both sheets."""
    page = show("?version=mini&tab=compare")
    expect(page.locator("#pair")).to_contain_text("McNemar")
    expect(page.locator(".gallery img").first).to_be_visible()
    shown = page.locator("#pair").inner_text()
    choose(page, "Second model", "EfficientNet-Lite2")
    expect(page.locator("#pair")).not_to_have_text(shown)
    expect(page.locator("#pair")).to_contain_text("EfficientNet-Lite2")


def test_images_are_shown_with_what_the_models_said(show: Show) -> None:
    """And drawn, not merely named."""
    page = show("?version=mini&tab=images")
    card = page.locator("#gallery figure").first
    expect(card).to_contain_text("EfficientNet-Lite2")
    card.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('#gallery img')?.naturalWidth > 50")


def test_images_can_be_chosen_by_class(show: Show) -> None:
    """By the name a person knows."""
    page = show("?version=mini&tab=images")
    choose(page, "Class", "zebra")
    expect(page.locator("#gallery figure strong").first).to_have_text("zebra")
    assert set(page.locator("#gallery figure strong").all_inner_texts()) == {"zebra"}


def test_a_reader_reports_a_wrong_image(show: Show, board_folder: Path) -> None:
    """Which writes a file for the maintainers."""
    page = show("?version=mini&tab=images")
    image_id = page.locator("#gallery figure code").first.inner_text()
    page.get_by_role("button", name="This image is wrong").click()
    page.get_by_label("Image id").fill(image_id)
    page.get_by_role("button", name="Report", exact=True).click()
    expect(page.get_by_text("Written as")).to_be_visible()
    assert [file for file in (board_folder / "reports").iterdir() if image_id in file.read_text()]


@pytest.mark.parametrize(
    ("good", "words"), [(True, "accepted, trust level 'recomputed'"), (False, "not-reproduced")]
)
def test_a_submission_is_checked_on_the_page(
    load: Show, board_folder: Path, tmp_path: Path, *, good: bool, words: str
) -> None:
    """A good one and a bad one; nothing is left of either."""
    bad = set_at("result.entries.0.scores.0.top1.low", 0.188)
    path = write_case(tmp_path, *(() if good else (bad,)))
    page = load("?tab=submit")
    files = [str(path), str(path.parent / STEM / "mini-renditions.parquet")]
    page.locator('input[type="file"]').first.set_input_files(files)
    expect(page.get_by_text("mini-renditions").first).to_be_visible()
    page.get_by_role("button", name="Check", exact=True).click()
    page.wait_for_function("w => document.querySelector('#report textarea')?.value.includes(w)", arg=words)
    expect(page.locator("#verdict .good" if good else "#verdict .bad")).to_have_text(
        re.compile("^Accepted." if good else "^Refused. 1 error;")
    )
    # "Nothing you upload is kept": neither by the board nor by Gradio.
    assert len(list((board_folder / TEMPORARY).rglob("*"))) == 1, "more than the empty folder of uploads"
