"""The board's addresses in a real Chromium: what they open, and how they follow what readers choose."""

from __future__ import annotations

from collections.abc import Callable

from board_acts import choose, expect_names, hold_answers, open_drawer, open_tab
from live_board import wait_until_settled
from playwright.sync_api import Page, expect

Show = Callable[[str], Page]
SETTLED_MS = 1500
"""Longer than the events last that filling the controls raises."""
REAL = "?version=real-sets&split=imagenet-r"


def test_the_page_opens_on_the_finding_and_leads_to_the_table_and_back(load: Show) -> None:
    """Without the controls of the table, and with every model of the newest version."""
    page = load("")
    heading = page.locator(".opening h2")
    expect(heading).to_contain_text("the median model loses")
    expect(page.get_by_label("Version", exact=True)).to_be_hidden()
    expect(page.locator(".overview tbody tr")).to_have_count(6)
    open_tab(page, "Board")
    expect(page.locator(".board tbody th")).to_have_count(6)
    expect(page.get_by_label("Version", exact=True)).to_be_visible()
    page.go_back()
    expect(heading).to_be_visible()
    page.go_forward()
    expect(page.locator(".board tbody th").first).to_be_visible()


def test_an_address_opens_the_state_it_names(load: Show) -> None:
    """A link in a paper shows what its author saw; "next" leads from its page of the table, not the first."""
    page = load("?version=real-sets&split=imagenet-sketch&search=resnet&sort=er&part=1")
    expect(page.locator(".board caption")).to_contain_text("imagenet-sketch")
    expect(page.locator("th[aria-sort]")).to_contain_text("ER")
    expect(page.get_by_label("Search", exact=True)).to_have_value("resnet")
    expect(page.get_by_text("page 2 of")).to_be_visible()
    assert "part=1" in page.url
    page.get_by_role("button", name="next ›").click()
    wait_until_settled(page, "part=2")
    expect(page.get_by_text("page 3 of")).to_be_visible()


def test_an_address_of_a_filtered_view_opens_it(show: Show) -> None:
    """Its switch and its table, also after every event that filling the controls raises."""
    page = show("?version=mini-v2&split=mini-v2%2Fsd-i%3Aclip-filtered")
    expect(page.get_by_role("radio", name="clip-filtered")).to_be_checked()
    page.wait_for_timeout(SETTLED_MS)
    expect(page.locator(".board caption")).to_contain_text("mini-v2/sd-i:clip-filtered: 3 models")
    expect(page.get_by_role("radio", name="clip-filtered")).to_be_checked()


def test_an_address_of_words_that_nobody_knows_opens_the_page(load: Show) -> None:
    """`page` and `deep_link` are Gradio's own words; old links name choices that are gone."""
    stale = "version=mini&split=mini%2Fgone&baseline=gone&link=cubic&sort=luck&size=huge&generated=perhaps"
    many = "&".join(f"word{number}=1" for number in range(60))
    rest = f"family=gone&columns=gone,model,model&tab=gone&part=99999&{many}"
    page = load(f"?page=2&deep_link=none&{stale}&{rest}")
    expect(page.locator(".board caption")).to_contain_text("mini/renditions: 3 models")


def test_the_address_follows_the_page(page: Page) -> None:
    """Copied, it opens the same page."""
    page.get_by_label("Search", exact=True).fill("lite1")
    wait_until_settled(page, "search=lite1")
    assert "search=lite1" in page.url
    page.reload()
    wait_until_settled(page, "search=lite1")
    expect_names(page, ["EfficientNet-Lite1"])


def test_back_and_forward_bring_every_state_back(page: Page) -> None:
    """Of the table, of the controls and of the tabs, none of them twice."""
    page.get_by_role("columnheader", name="Model").get_by_role("button").click()
    wait_until_settled(page, "sort=model")
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "version=real-sets")
    open_tab(page, "About")
    wait_until_settled(page, "tab=about")
    page.go_back()
    expect(page.get_by_role("tab", name="Board")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.locator(".board caption")).to_contain_text("mini/renditions: 3 models")
    expect(page.get_by_label("Version", exact=True)).to_have_value("mini (practice)")
    expect_names(page, [f"EfficientNet-Lite{n}" for n in range(3)])
    page.go_forward()
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2")
    expect(page.get_by_label("Split", exact=True)).to_have_value("imagenet-v2")
    page.go_forward()
    expect(page.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true")
    assert "tab=about" in page.url


def test_a_typed_word_is_one_step_back(page: Page) -> None:
    """Not one for each letter."""
    before = page.url
    for letters in ("lite", "lite1"):
        page.get_by_label("Search", exact=True).fill(letters)
        wait_until_settled(page, f"search={letters}")
    expect_names(page, ["EfficientNet-Lite1"])
    page.go_back()
    expect(page.locator(".board caption")).to_contain_text("3 models")
    expect(page.get_by_label("Search", exact=True)).to_have_value("")
    assert page.url == before


def test_a_version_brings_its_own_splits(page: Page) -> None:
    """And its own models: no ranking has two versions. A choice by keyboard counts, as a click does."""
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "split=imagenet-v2")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2")
    # Gradio's dropdown says less of a choice by keyboard than of a click.
    box = page.get_by_label("Split", exact=True)
    box.focus()
    box.press("Control+a")
    box.press_sequentially("objectnet")
    box.press("Enter")
    wait_until_settled(page, "split=objectnet")
    expect(page.locator(".board caption")).to_contain_text("objectnet")


def test_a_choice_made_while_an_answer_is_under_way_stands(load: Show) -> None:
    """In whatever order the answers come: here the one to the version comes last."""
    page = load("?version=mini")
    release = hold_answers(page)
    choose(page, "Version", "real-sets")
    open_drawer(page)
    page.get_by_role("radio", name="linear").first.check()
    page.get_by_label("Search", exact=True).press_sequentially("dfn")
    release()
    wait_until_settled(page, "version=real-sets&split=imagenet-v2&link=linear&search=dfn")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2: 4 models")
    expect(page.get_by_label("Split", exact=True)).to_have_value("imagenet-v2")
    expect(page.get_by_label("Search", exact=True)).to_have_value("dfn")


def test_leaving_a_box_takes_back_no_later_choice(load: Show) -> None:
    """Gradio asks once more when a dropdown loses focus; that answer comes after the choice of a split."""
    page = load("?version=mini")
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "split=imagenet-v2")
    release = hold_answers(page)
    choose(page, "Split", "objectnet")
    page.get_by_label("Search", exact=True).press_sequentially("dfn")
    release()
    wait_until_settled(page, "split=objectnet&search=dfn")
    expect(page.get_by_label("Split", exact=True)).to_have_value("objectnet")
    expect(page.locator(".board caption")).to_contain_text("objectnet: 4 models")


def test_versions_chosen_fast_one_after_another_all_get_an_answer(page: Page) -> None:
    """While earlier answers take the choices of later ones from the boxes."""
    box = page.get_by_label("Version", exact=True)
    for name in ("real-sets", "mini-v2 (practice)", "v1", "mini (practice)", "real-sets"):
        box.click()
        page.get_by_role("option", name=name, exact=True).click()
    wait_until_settled(page, "version=real-sets&split=imagenet-v2")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2")
