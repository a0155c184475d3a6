"""The page for those who use a keyboard, a screen reader, a phone or a dark screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from board_pictures import WIDTHS
from playwright.sync_api import Page, expect

TABS = ("", "finding", "scatter", "profiles", "ranks", "compare", "images", "model", "submit", "about")
NAMELESS_JS = """() => [...document.querySelectorAll('input, textarea, select, button, summary')]
  .filter(e => e.checkVisibility() && !e.closest('[aria-hidden=true]'))
  .filter(e => !(e.labels?.length || e.ariaLabel?.trim() || e.title?.trim() || e.textContent?.trim()
                 || e.getAttribute('aria-labelledby')))
  .map(e => e.outerHTML.slice(0, 200))"""
CONTRAST_JS = """selector => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = channels => channels.slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const found = rgb(getComputedStyle(e).backgroundColor); if (found[3] === 255) return found; }
    return [255, 255, 255, 255]; };
  return [...document.querySelectorAll(selector)].map(e => {
    const text = rgb(getComputedStyle(e).color), ground = behind(e);
    const mixed = text.slice(0, 3).map((c, n) => c * text[3] / 255 + ground[n] * (1 - text[3] / 255));
    const [low, high] = [light(mixed), light(ground)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  });
}"""
Show = Callable[[str], Page]


@pytest.mark.parametrize("tab", TABS)
def test_every_control_has_a_name(show: Show, tab: str) -> None:
    """A screen reader can say what each is for."""
    page = show(f"?version=mini&tab={tab}")
    assert page.evaluate(NAMELESS_JS) == []


def test_the_keyboard_reaches_the_table_and_sorts_it(load: Show) -> None:
    """By Tab and Enter alone; the table can be scrolled from there."""
    # Loaded anew: the first Tab begins where the last click was.
    page = load("?version=mini")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.board-scroll')"):
            break
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Model")).to_have_attribute("aria-sort", "ascending")


def test_the_table_is_a_named_region_with_scoped_headings(page: Page) -> None:
    """Rows are named by their model."""
    expect(page.get_by_role("region", name="mini/renditions")).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(3)


def test_the_plot_is_also_said_in_words(show: Show) -> None:
    """How many points, and which line."""
    page = show("?version=mini&split=mini%2Frenditions&tab=scatter")
    expect(page.locator("#scatter-words")).to_contain_text("3 of 3 models are drawn")


@pytest.mark.parametrize("tab", TABS)
def test_a_phone_never_scrolls_the_page_sideways(show_on_phone: Show, tab: str) -> None:
    """The table scrolls inside its own frame."""
    page = show_on_phone(f"?tab={tab}")
    # Waited for: a plot is drawn as wide as it likes, and fitted to the page a moment later.
    page.wait_for_function("w => document.documentElement.scrollWidth <= w", arg=WIDTHS["phone"][0])
