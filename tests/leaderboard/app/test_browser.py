"""The page in a real Chromium, on the repository's board: what readers do with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from live_board import TEMPORARY, open_page, wait_until_settled
from playwright.sync_api import BrowserContext, Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from submission_cases import STEM, set_at, write_case

from imagenet_g.leaderboard.app.plot_script import FETCHED

Show = Callable[[str], Page]
REAL = "?version=real-sets&split=imagenet-r"
CHOICES, CHOICE_MS = 5, 10_000
MULTIPLE = ("Columns",)
"""Dropdowns that show their choices beside the box."""
SETTLED_MS = 1500
"""Longer than the events last that filling the controls raises."""
REQUESTS = "**/gradio_api/run/**"
HOVERS, HOVER_MS = 40, 500


def choose(page: Page, label: str, value: str) -> None:
    """Pick a value of a dropdown as a person does; again, where an answer of the server closed the list."""
    box = page.get_by_label(label, exact=True)
    for _ in range(CHOICES):
        box.click()
        box.press("Control+a")
        box.press_sequentially(value)
        with suppress(PlaywrightTimeout):
            page.get_by_role("option", name=value, exact=True).click(timeout=CHOICE_MS)
            if label not in MULTIPLE:
                expect(box).to_have_value(value)
            return
    raise AssertionError(f"'{label}' offers no '{value}'")


def hold_answers(page: Page) -> Callable[[], None]:
    """Hold every request of the page from now on; the function returned sends them, the last one first."""
    held: list[Route] = []
    holding = True

    def meet(route: Route) -> None:
        held.append(route) if holding and route.request.method == "POST" else route.continue_()

    def release() -> None:
        nonlocal holding
        holding = False
        for route in reversed(held):
            with page.expect_response(route.request.url):
                route.continue_()

    page.route(REQUESTS, meet)
    return release


def open_drawer(page: Page) -> None:
    """Click the button of the filters, the columns and the line of the effective robustness."""
    page.get_by_role("button", name="Filters and columns").click()


def open_tab(page: Page, name: str) -> None:
    """Click a tab's title."""
    page.get_by_role("tab", name=name).click()


def hover_first_point(page: Page) -> None:
    """Point at the first model of the scatter plot; again, where the plot moved meanwhile to fit the page."""
    for _ in range(HOVERS):
        box = page.locator("#scatter .scatterlayer .point").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        with suppress(PlaywrightTimeout):
            page.locator("#scatter .hoverlayer .hovertext").first.wait_for(timeout=HOVER_MS)
            return


def expect_names(page: Page, names: list[str]) -> None:
    """Wait until the table shows these models of mini in this order."""
    expect(page.locator(".board tbody th")).to_have_text([f"☆{name}imagenet-g" for name in names])


def read_names(page: Page) -> list[str]:
    """Models of the table's page, in its order."""
    return page.locator(".board tbody th .model-link").all_inner_texts()


def test_the_page_opens_on_the_finding_and_leads_to_the_table_and_back(show: Show) -> None:
    """Without the controls of the table, and with every model of the newest version."""
    page = show("")
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


def test_the_newest_version_has_the_papers_rows(show: Show) -> None:
    """v1 is not empty before anybody has run it; an address with words opens the table."""
    page = show("?version=v1")
    expect(page.locator(".board tbody th")).to_have_count(6)
    assert "ResNeXt-101" in read_names(page)


def test_a_version_shows_every_model_and_its_notice(page: Page) -> None:
    """With the warning that mini measures nothing."""
    expect(page.locator(".board tbody th")).to_have_count(3)
    assert sorted(read_names(page)) == [f"EfficientNet-Lite{n}" for n in range(3)]
    expect(page.get_by_role("note")).to_contain_text("smoke tests")


def test_nothing_is_asked_of_another_machine(invite: Callable[..., BrowserContext], address: str) -> None:
    """Neither fonts nor telemetry, whatever tab is opened, by a visitor whose cache is empty."""
    page = invite().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, address)
    for tab in ("Accuracy against accuracy", "Compare", "Images", "Submit", "About"):
        open_tab(page, tab)
    expect(page.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true")
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]


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
    page.get_by_label("Search").press_sequentially("dfn2b; dfn5b")
    expect(page.locator(".board caption")).to_contain_text("imagenet-r: 4 models")
    assert all("dfn" in name for name in read_names(page))


def test_an_emptied_search_brings_every_model_back(page: Page) -> None:
    """Deleting is a change like typing."""
    search = page.get_by_label("Search")
    search.press_sequentially("9")
    expect(page.locator(".board caption")).to_contain_text("0 models")
    search.press("Backspace")
    expect(page.locator(".board caption")).to_contain_text("3 models")


def test_an_address_with_a_search_opens_its_own_page_of_the_table(show: Show) -> None:
    """Filling the controls does not turn back to the first: "next" leads to the third."""
    page = show(f"{REAL}&search=resnet&part=1")
    expect(page.get_by_label("Search")).to_have_value("resnet")
    expect(page.get_by_text("page 2 of")).to_be_visible()
    assert "part=1" in page.url
    page.get_by_role("button", name="next ›").click()
    wait_until_settled(page, "part=2")
    expect(page.get_by_text("page 3 of")).to_be_visible()


def test_a_filter_leaves_what_it_names(show: Show) -> None:
    """Zero-shot models only."""
    page = show(REAL)
    open_drawer(page)
    choose(page, "Supervision", "zero-shot")
    wait_until_settled(page, "supervision=zero-shot")
    expect(page.locator(".board caption")).not_to_contain_text("1716 models")
    owners = set(page.locator(".board tbody th small").all_inner_texts())
    assert owners == {"OpenCLIP"}


def test_a_version_brings_its_own_splits(page: Page) -> None:
    """And its own models: no ranking has two versions."""
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "split=imagenet-v2")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2")
    choose(page, "Split", "objectnet")
    wait_until_settled(page, "split=objectnet")


def test_a_choice_made_while_an_answer_is_under_way_stands(page: Page) -> None:
    """In whatever order the answers come: here the one to the version comes last."""
    release = hold_answers(page)
    choose(page, "Version", "real-sets")
    open_drawer(page)
    page.get_by_role("radio", name="linear").first.check()
    page.get_by_label("Search").press_sequentially("dfn")
    release()
    wait_until_settled(page, "version=real-sets&split=imagenet-v2&link=linear&search=dfn")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2: 4 models")
    expect(page.get_by_label("Split", exact=True)).to_have_value("imagenet-v2")
    expect(page.get_by_label("Search")).to_have_value("dfn")


def test_leaving_a_box_takes_back_no_later_choice(page: Page) -> None:
    """Gradio asks once more when a dropdown loses focus; that answer comes after the choice of a split."""
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "split=imagenet-v2")
    release = hold_answers(page)
    choose(page, "Split", "objectnet")
    page.get_by_label("Search").press_sequentially("dfn")
    release()
    wait_until_settled(page, "split=objectnet&search=dfn")
    expect(page.get_by_label("Split", exact=True)).to_have_value("objectnet")
    expect(page.locator(".board caption")).to_contain_text("objectnet: 4 models")


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
    page = show(REAL)
    first = page.locator(".board tbody tr").first
    before = str(first.text_content())
    open_drawer(page)
    choose(page, "Baseline of ER", "timm-in1k")
    expect(first).not_to_have_text(before)


def test_another_link_gives_other_effective_robustness(show: Show) -> None:
    """On the same rows."""
    page = show(REAL)
    first = page.locator(".board tbody tr").first
    before = str(first.text_content())
    open_drawer(page)
    page.get_by_role("radio", name="linear").first.check()
    expect(first).not_to_have_text(before)


def test_an_address_opens_the_state_it_names(show: Show) -> None:
    """A link in a paper shows what its author saw."""
    page = show("?version=real-sets&split=imagenet-sketch&search=resnet50&sort=er")
    expect(page.locator(".board caption")).to_contain_text("imagenet-sketch")
    expect(page.locator("th[aria-sort]")).to_contain_text("ER")
    expect(page.get_by_label("Search")).to_have_value("resnet50")


def test_an_address_of_a_filtered_view_opens_it(show: Show) -> None:
    """Its switch and its table, also after every event that filling the controls raises."""
    page = show("?version=mini-v2&split=mini-v2%2Fsd-i%3Aclip-filtered")
    expect(page.get_by_role("radio", name="clip-filtered")).to_be_checked()
    page.wait_for_timeout(SETTLED_MS)
    expect(page.locator(".board caption")).to_contain_text("mini-v2/sd-i:clip-filtered: 3 models")
    expect(page.get_by_role("radio", name="clip-filtered")).to_be_checked()


def test_the_address_follows_the_page(page: Page) -> None:
    """Copied, it opens the same page."""
    page.get_by_label("Search").press_sequentially("lite1")
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
        page.get_by_label("Search").fill(letters)
        wait_until_settled(page, f"search={letters}")
    expect_names(page, ["EfficientNet-Lite1"])
    page.go_back()
    expect(page.locator(".board caption")).to_contain_text("3 models")
    expect(page.get_by_label("Search")).to_have_value("")
    assert page.url == before


def test_an_address_of_words_that_nobody_knows_opens_the_page(show: Show) -> None:
    """`page` and `deep_link` are Gradio's own words; old links name choices that are gone."""
    stale = "version=mini&split=mini%2Fgone&baseline=gone&link=cubic&sort=luck&size=huge&generated=perhaps"
    page = show(f"?page=2&deep_link=none&{stale}&family=gone&columns=gone,model,model&tab=gone&part=99999")
    expect(page.locator(".board caption")).to_contain_text("mini/renditions: 3 models")
    many = "&".join(f"word{number}=1" for number in range(60))
    page = show(f"?version=mini&{many}&search=lite1")
    expect(page.locator(".board caption")).to_contain_text("mini/renditions: 3 models")


def test_versions_chosen_fast_one_after_another_all_get_an_answer(page: Page) -> None:
    """While earlier answers take the choices of later ones from the boxes."""
    box = page.get_by_label("Version", exact=True)
    for name in ("real-sets", "mini-v2 (practice)", "v1", "mini (practice)", "real-sets"):
        box.click()
        page.get_by_role("option", name=name, exact=True).click()
    wait_until_settled(page, "version=real-sets&split=imagenet-v2")
    expect(page.locator(".board caption")).to_contain_text("imagenet-v2")


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


def test_a_column_can_be_added(page: Page) -> None:
    """From the picker."""
    open_drawer(page)
    choose(page, "Columns", "Top-5, %")
    expect(page.get_by_role("columnheader", name="Top-5, %")).to_be_visible()


def test_the_plot_says_what_a_point_is(page: Page) -> None:
    """On hover."""
    open_tab(page, "Accuracy against accuracy")
    hover_first_point(page)
    expect(page.locator("#scatter .hoverlayer .hovertext")).to_contain_text("EfficientNet")


def test_an_open_plot_follows_the_link(show: Show) -> None:
    """Axes of the baseline's line are redrawn."""
    page = show(f"{REAL}&search=dfn")
    open_tab(page, "Accuracy against accuracy")
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


def test_a_choice_by_keyboard_is_taken(page: Page) -> None:
    """Of which Gradio's dropdown says less than of a click."""
    choose(page, "Version", "real-sets")
    wait_until_settled(page, "split=imagenet-v2")
    box = page.get_by_label("Split", exact=True)
    box.focus()
    box.press("Control+a")
    box.press_sequentially("objectnet")
    box.press("Enter")
    wait_until_settled(page, "split=objectnet")
    expect(page.locator(".board caption")).to_contain_text("objectnet")


def test_a_model_beyond_the_first_ones_is_named_on_the_plot(show: Show) -> None:
    """The picker finds it as its name is typed."""
    page = show(f"{REAL}&tab=scatter")
    box = page.get_by_label("Name these models", exact=False)
    box.click()
    box.press_sequentially("resnet50.a1_in1k", delay=50)
    page.get_by_role("option", name="resnet50.a1_in1k", exact=True).click()
    expect(page.locator("#scatter .textpoint")).to_have_text("resnet50.a1_in1k")


def test_the_script_of_the_plots_is_there_before_a_plot_is(page: Page) -> None:
    """Megabytes, for which the first plot would wait."""
    page.wait_for_function(f"performance.getEntriesByName('{FETCHED}').length")
    assert page.evaluate("performance.getEntriesByType('resource').some(e => e.name.includes('PlotlyPlot'))")
    expect(page.locator("#scatter .point")).to_have_count(0)


def test_clips_of_a_plot_outlive_a_change_of_the_address(page: Page) -> None:
    """They are named without it: the address follows the controls."""
    open_tab(page, "Accuracy against accuracy")
    clip = page.locator("#scatter .scatterlayer").locator("xpath=ancestor::*[@clip-path][1]")
    expect(clip).to_have_attribute("clip-path", re.compile(r"^url\(['\"]?#"))


def test_the_page_does_not_describe_its_events(context: BrowserContext, address: str) -> None:
    """Their choices of models, over and over, would be most of it."""
    page = context.request.get(address).text()
    assert '"named_endpoints":{}' in page


def test_pages_and_files_say_what_a_browser_may_do_with_them(context: BrowserContext, address: str) -> None:
    """Neither other hosts nor frames of other sites; types are not guessed."""
    for path in ("", "board.csv", "config", "gradio_api/file=nowhere"):
        headers = context.request.get(address + path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path


def test_nothing_of_a_visit_is_kept_in_the_browser(page: Page) -> None:
    """Neither what was searched nor what was uploaded."""
    page.get_by_label("Search").press_sequentially("lite1")
    wait_until_settled(page, "search=lite1")
    assert "lite1" not in page.evaluate("JSON.stringify(localStorage)")


def test_profiles_are_drawn_with_their_words(page: Page) -> None:
    """For the models of the version, which are few."""
    open_tab(page, "Profiles")
    expect(page.locator("#profiles .scatterlayer .trace")).to_have_count(6)
    expect(page.locator("#profiles-words")).to_contain_text("EfficientNet-Lite2")


def test_order_changes_follow_the_other_split(page: Page) -> None:
    """Drawn with their names and listed; where there is nothing to draw, the words say why."""
    open_tab(page, "Order changes")
    choose(page, "Other split or view", "mini/renditions:noto")
    expect(page.locator("#ranks-words")).to_contain_text("of 3 models change place by top-1")
    expect(page.locator("#ranks tbody tr")).to_have_count(3)
    expect(page.locator("#ranks svg")).to_contain_text("EfficientNet-Lite2")
    page.get_by_role("radio", name="ER").last.check()
    expect(page.locator("#ranks-words")).to_contain_text(
        "No model has effective robustness on mini/renditions"
    )
    expect(page.locator("#ranks svg")).to_have_count(0)


def test_two_models_are_compared_with_their_images(page: Page) -> None:
    """The paired test and both sheets."""
    open_tab(page, "Compare")
    expect(page.locator("#pair")).to_contain_text("McNemar")
    expect(page.locator(".gallery img").first).to_be_visible()
    shown = page.locator("#pair").inner_text()
    choose(page, "Second model", "EfficientNet-Lite2")
    expect(page.locator("#pair")).not_to_have_text(shown)
    expect(page.locator("#pair")).to_contain_text("EfficientNet-Lite2")


def test_images_are_shown_with_what_the_models_said(page: Page) -> None:
    """And drawn, not merely named."""
    open_tab(page, "Images")
    card = page.locator("#gallery figure").first
    expect(card).to_contain_text("EfficientNet-Lite2")
    card.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('#gallery img')?.naturalWidth > 50")


def test_images_can_be_chosen_by_class(page: Page) -> None:
    """By the name a person knows."""
    open_tab(page, "Images")
    choose(page, "Class", "zebra")
    expect(page.locator("#gallery figure strong").first).to_have_text("zebra")
    assert set(page.locator("#gallery figure strong").all_inner_texts()) == {"zebra"}


def test_a_reader_reports_a_wrong_image(page: Page, board_folder: Path) -> None:
    """Which writes a file for the maintainers."""
    open_tab(page, "Images")
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
    page: Page, board_folder: Path, tmp_path: Path, *, good: bool, words: str
) -> None:
    """A good one and a bad one; nothing is left of either."""
    bad = set_at("result.entries.0.scores.0.top1.low", 0.188)
    path = write_case(tmp_path, *(() if good else (bad,)))
    open_tab(page, "Submit")
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
    expect(page.locator(".board caption")).to_contain_text("imagenet-r")
    link = str(page.get_by_role("link", name="parquet").get_attribute("href"))
    rows = pd.read_parquet(BytesIO(page.context.request.get(address + link).body()))
    assert set(rows["split"]) == {"imagenet-r"}
    assert len(rows) > 1000
