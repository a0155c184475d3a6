"""A first visit to the board: what the browser asks for, and what it is told that it may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from board_acts import open_tab
from live_board import open_page
from playwright.sync_api import Browser, BrowserContext, expect

from imagenet_g.leaderboard.app.plot_script import FETCHED

TABS = ("Accuracy against accuracy", "Compare", "Images", "Submit", "About")


@dataclass(frozen=True, slots=True)
class FirstVisit:
    """What a visitor whose cache is empty got.

    Attributes:
        asked: Addresses of all requests.
        scripts: Names of what was fetched before any tab was opened.
        points: Drawn before any tab was opened.
    """

    asked: list[str]
    scripts: list[str]
    points: int


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str) -> Iterator[FirstVisit]:
    """A visitor who opens one tab after the other."""
    with browser.new_context() as visitor:
        page = visitor.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        open_page(page, address + "?version=mini")
        page.wait_for_function(f"performance.getEntriesByName('{FETCHED}').length")
        scripts = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        points = page.locator("#scatter .point").count()
        for tab in TABS:
            open_tab(page, tab)
        expect(page.get_by_role("tab", name=TABS[-1])).to_have_attribute("aria-selected", "true")
        yield FirstVisit(asked, scripts, points)


def test_nothing_is_asked_of_another_machine(visit: FirstVisit, address: str) -> None:
    """Neither fonts nor telemetry, whatever tab is opened."""
    assert len(visit.asked) > 10
    assert not [url for url in visit.asked if not url.startswith((address, "data:", "blob:"))]


def test_the_script_of_the_plots_is_there_before_a_plot_is(visit: FirstVisit) -> None:
    """Megabytes, for which the first plot would wait."""
    assert any("PlotlyPlot" in name for name in visit.scripts)
    assert visit.points == 0


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
