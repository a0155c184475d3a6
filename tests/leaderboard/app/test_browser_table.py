"""The table in a real Chromium, on the repository's board: what readers do with it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd
from board_acts import choose, expect_names, open_drawer, read_names
from live_board import wait_until_settled
from playwright.sync_api import Page, expect

Show = Callable[[str], Page]
REAL = "?version=real-sets&split=imagenet-r"


def test_a_version_shows_every_model_and_its_notice(page: Page) -> None:
    """With the warning that mini measures nothing."""
    expect(page.locator(".board tbody th")).to_have_count(3)
    assert sorted(read_names(page)) == [f"EfficientNet-Lite{n}" for n in range(3)]
    expect(page.get_by_role("note")).to_contain_text("smoke tests")


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(page: Page) -> None:
    """And says so to screen readers."""
    heading = page.get_by_role("columnheader", name="Model")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect_names(page, [f"EfficientNet-Lite{n}" for n in range(3)])
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect_names(page, [f"EfficientNet-Lite{n}" for n in (2, 1, 0)])


def test_the_search_leaves_the_models_it_names(show: Show) -> None:
    """As they are typed, with no button."""
    page = show(REAL)
    page.get_by_label("Search", exact=True).press_sequentially("dfn2b; dfn5b")
    expect(page.locator(".board caption")).to_contain_text("imagenet-r: 4 models")
    assert all("dfn" in name for name in read_names(page))


def test_an_emptied_search_brings_every_model_back(page: Page) -> None:
    """Deleting is a change like typing."""
    search = page.get_by_label("Search", exact=True)
    search.press_sequentially("9")
    expect(page.locator(".board caption")).to_contain_text("0 models")
    search.press("Backspace")
    expect(page.locator(".board caption")).to_contain_text("3 models")


def test_a_filter_leaves_what_it_names(show: Show) -> None:
    """Zero-shot models only."""
    page = show(REAL)
    open_drawer(page)
    choose(page, "Supervision", "zero-shot")
    wait_until_settled(page, "supervision=zero-shot")
    expect(page.locator(".board caption")).not_to_contain_text("1716 models")
    owners = set(page.locator(".board tbody th small").all_inner_texts())
    assert owners == {"OpenCLIP"}


def test_the_filtered_view_of_a_generated_split_has_its_own_numbers(show: Show) -> None:
    """With the same models; accuracy is higher where a CLIP agrees with the label."""
    page = show("?version=mini-v2&split=mini-v2%2Fsd-i")
    caption = page.locator(".board caption")
    expect(caption).to_contain_text("mini-v2/sd-i: 3 models")
    before = str(page.locator(".board tbody").text_content())
    page.get_by_role("radio", name="clip-filtered").check()
    expect(caption).to_contain_text("mini-v2/sd-i:clip-filtered: 3 models")
    expect(page.locator(".board tbody")).not_to_have_text(before)


def test_a_superseded_split_names_the_one_to_use_instead(show: Show) -> None:
    """Above its table; a split that nothing supersedes does not."""
    page = show("?version=mini&split=mini%2Fsd-l")
    expect(page.get_by_role("note")).to_contain_text("mini/sd-l is superseded by mini-v2/sd-l.")
    choose(page, "Split", "mini/real")
    expect(page.get_by_role("note")).not_to_contain_text("superseded")


def test_another_baseline_gives_other_effective_robustness(show: Show) -> None:
    """On the same rows."""
    page = show(f"{REAL}&search=dfn")
    first = page.locator(".board tbody tr").first
    before = str(first.text_content())
    open_drawer(page)
    choose(page, "Baseline of ER", "timm-in1k")
    expect(first).not_to_have_text(before)


def test_the_pager_turns_pages(show: Show) -> None:
    """Fifty rows a page."""
    page = show(REAL)
    expect(page.locator(".board tbody th")).to_have_count(50)
    first = read_names(page)
    page.get_by_role("button", name="next ›").click()
    expect(page.get_by_text("page 2 of")).to_be_visible()
    assert len(first) == len(read_names(page)) == 50
    assert first != read_names(page)


def test_a_flag_opens_with_its_reason(page: Page) -> None:
    """By click; the same words on hover."""
    flag = page.locator(".flags summary").first
    assert "reference covers other classes" in str(flag.get_attribute("title"))
    flag.click()
    expect(page.locator(".flags li").first).to_contain_text("reference covers other classes")


def test_a_pinned_row_stays_first_whatever_is_filtered(page: Page) -> None:
    """By its star; pressed again it lets go."""
    page.get_by_role("button", name="Pin EfficientNet-Lite1").click()
    wait_until_settled(page, "pinned=")
    page.get_by_label("Search", exact=True).fill("lite2")
    wait_until_settled(page, "search=lite2")
    expect(page.locator(".board tbody th .model-link")).to_have_text(
        ["EfficientNet-Lite1", "EfficientNet-Lite2"]
    )
    expect(page.locator(".board tbody.pinned tr")).to_have_count(1)
    page.locator(".board tbody.pinned .pin").click()
    expect(page.locator(".board tbody th .model-link")).to_have_text(["EfficientNet-Lite2"])


def test_the_open_drawer_leaves_the_table_in_view(show: Show) -> None:
    """On a screen of 1280 by 800: names and first numbers are beside it, on the screen, and not under it."""
    page = show(REAL)
    open_drawer(page)
    drawer, first = page.locator("#drawer"), page.locator(".board tbody tr").first
    expect(drawer).to_have_attribute("data-open", "")
    taken = drawer.bounding_box()
    assert taken is not None
    for cell in (first.locator("th"), first.locator(".col-top1"), first.locator(".col-gap")):
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= taken["x"] or box["x"] >= taken["x"] + taken["width"]
        assert 0 <= box["y"] < 800 - box["height"]


def test_a_phone_shows_rows_as_cards_with_gap_and_robustness(show_on_phone: Show) -> None:
    """Each with its title beside it, and within the screen."""
    page = show_on_phone("?version=mini-v2")
    card = page.locator(".board tbody tr").first
    width = page.evaluate("() => document.documentElement.clientWidth")
    for name, title in (("gap", "AG"), ("er", "ER")):
        cell = card.locator(f".col-{name}")
        expect(cell).to_be_visible()
        assert (
            page.evaluate("e => getComputedStyle(e, '::before').content", cell.element_handle())
            == f'"{title}"'
        )
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_column_can_be_added(page: Page) -> None:
    """From the picker."""
    open_drawer(page)
    choose(page, "Columns", "Top-5, %")
    expect(page.get_by_role("columnheader", name="Top-5, %")).to_be_visible()


def test_nothing_of_a_visit_is_kept_in_the_browser(page: Page) -> None:
    """Neither what was searched nor what was uploaded."""
    page.get_by_label("Search", exact=True).fill("lite1")
    wait_until_settled(page, "search=lite1")
    assert "lite1" not in page.evaluate("JSON.stringify(localStorage)")


def test_the_csv_has_the_rows_of_the_page(page: Page, tmp_path: Path) -> None:
    """With fractions, not percent."""
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "board.csv")
    rows = list(csv.DictReader((tmp_path / "board.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["model"] for row in rows] == read_names(page)
    assert all(0 < float(row["top1"]) < 1 for row in rows)


def test_the_parquet_has_all_rows_not_only_the_pages(show: Show, address: str) -> None:
    """Of the split that is shown."""
    page = show(REAL)
    link = str(page.get_by_role("link", name="parquet").get_attribute("href"))
    rows = pd.read_parquet(BytesIO(page.context.request.get(address + link).body()))
    assert set(rows["split"]) == {"imagenet-r"}
    assert len(rows) > 1000
