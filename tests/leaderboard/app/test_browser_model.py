"""The page of a model in a real Chromium: how it is reached, left and read."""

from __future__ import annotations

import re
from collections.abc import Callable

from board_acts import hover_first_point
from live_board import wait_until_settled
from playwright.sync_api import Page, expect

Show = Callable[[str], Page]
CLIP = "imagenet-g__mini-clip"


def expect_model(page: Page, name: str) -> None:
    """Wait until the page of a model is open."""
    expect(page.locator(".mp h2")).to_have_text(name)
    expect(page.locator(".mp h2")).to_be_visible()


def test_a_name_leads_to_the_models_page_and_back_and_forward_work(show: Show) -> None:
    """Back shows the table's address as it was."""
    page = show("?version=mini&search=lite")
    before = page.url
    page.get_by_role("link", name="EfficientNet-Lite1").click()
    expect_model(page, "EfficientNet-Lite1")
    assert "tab=model&model=imagenet-g__efficientnet-lite1" in page.url
    page.go_back()
    expect(page.get_by_role("tab", name="Board")).to_have_attribute("aria-selected", "true")
    assert page.url == before
    page.go_forward()
    expect_model(page, "EfficientNet-Lite1")


def test_another_split_keeps_the_model(show: Show) -> None:
    """In the address and on the page, whose classes are those of the split."""
    page = show(f"?model={CLIP}")
    expect_model(page, "mini-clip")
    page.get_by_role("link", name="mini/sd-l", exact=True).click()
    expect(page.locator(".mp-splits [aria-current]")).to_have_text("mini/sd-l")
    wait_until_settled(page, f"split=mini%2Fsd-l&baseline=drawn&tab=model&model={CLIP}")
    page.reload()
    expect_model(page, "mini-clip")
    expect(page.locator(".mp-splits [aria-current]")).to_have_text("mini/sd-l")


def test_a_point_of_the_plot_leads_to_its_model(show: Show) -> None:
    """By a click, as its name does."""
    page = show("?version=mini&tab=scatter")
    expect(page.locator("#scatter .scatterlayer .point")).to_have_count(3)
    hover_first_point(page)
    # Where the mouse is: the plot answers to presses on the point that it has named.
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".mp h2")).to_have_text(re.compile("^EfficientNet-Lite[012]$"))


def test_the_badges_markdown_names_the_boards_own_address(show: Show, address: str) -> None:
    """Which the server does not know, and the badge lies at."""
    page = show(f"?model={CLIP}")
    text = page.locator(".mp pre", has_text="badge.svg")
    expect(text).to_contain_text(f"]({address}badge.svg?model={CLIP}&")
    found = re.search(r"!\[[^\]]*\]\(([^)]+)\)", str(text.text_content()))
    assert found is not None
    answer = page.context.request.get(found[1])
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "% top-1, recomputed" in answer.text()


def test_a_stale_address_says_so_and_leads_to_the_table(load: Show) -> None:
    """Without an error of the server, which the fixture looks for."""
    page = load("?model=%3Cscript%3E&tab=scatter&version=none&page=3")
    expect(page.locator(".mp")).to_contain_text("This board has no model '")
    page.get_by_role("link", name="Table of").click()
    expect(page.get_by_role("tab", name="Board")).to_have_attribute("aria-selected", "true")
