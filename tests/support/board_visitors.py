"""The page of a large board, timed as its readers meet it: in a browser, and by many at once."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from board_pictures import open_visitor
from live_board import DIRECT, open_browser, wait_until_settled
from playwright.sync_api import TimeoutError as PageTimeoutError

from imagenet_g.leaderboard.app.plot_script import FETCHED
from imagenet_g.leaderboard.pages.queries import PAGE_WORD

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SCREEN = (1440, 900)
NUM_VISITORS = 50
VISIT_SECONDS = 120
NUM_LOADS = 3
"""Of each page that is timed from its address, by new visitors; the middle one counts."""


@dataclass(frozen=True, slots=True)
class VisitScore:
    """What visitors who came at once got.

    Attributes:
        errors: What went wrong, in words.
        seconds: For each visitor, from the first request to the last answer.
    """

    errors: tuple[str, ...]
    seconds: tuple[float, ...]


def time_page(address: str) -> Iterator[tuple[str, float]]:
    """Seconds to the first paint, to the table, and of each interaction to its last change on the page.

    Raises:
        InputError: There is no browser here.
    """
    with open_browser() as browser:
        page = open_visitor(browser, SCREEN, "light")
        for name, words in (("first finding", ""), ("first table", "?version=mini")):
            shown, painted = [], []
            for _ in range(NUM_LOADS):
                # The one before still compiles what it fetched for later.
                page.context.close()
                page = open_visitor(browser, SCREEN, "light")
                started = time.perf_counter()
                page.goto(address + words, wait_until="commit")
                page.wait_for_selector(".board tbody tr" if words else ".overview tbody tr")
                shown.append(time.perf_counter() - started)
                wait_until_settled(page)
                painted.append(page.evaluate(PAINTED) / 1000)
            yield f"page: {name}", median(shown)
            yield f"page: first paint of the {name.split()[1]}", median(painted)
        # A reader reads before the first click; meanwhile plotly's script comes in, and is timed here.
        page.wait_for_function(f"performance.getEntriesByName('{FETCHED}').length")
        yield "plot script in", time.perf_counter() - started
        for name, act, done in list_interactions(page):
            started = time.perf_counter()
            act()
            try:
                page.wait_for_function(done)
            except PageTimeoutError as error:
                raise RuntimeError(f"'{name}' changed nothing that was waited for: {done}") from error
            yield f"page: {name}", time.perf_counter() - started


def list_interactions(page: Page) -> Iterator[tuple[str, Callable[[], Any], str]]:
    """What a reader does, one after the other, and what must then be seen on the page."""
    caption = "document.querySelector('.board caption').innerText"
    # Such as "mini/split-0: 2000 models, sorted by ...": what stands before the comma counts them.
    everyone = f"{caption}.startsWith({json.dumps(page.evaluate(caption).partition(',')[0])})"
    yield (
        "sort",
        page.get_by_role("button", name="AG, points").click,
        f"{caption}.includes('by accuracy gap')",
    )
    yield (
        "next page",
        page.get_by_role("button", name="next ›").click,
        "document.querySelector('.pager').innerText.includes('page 2')",
    )
    search = page.get_by_label("Search", exact=True)
    yield "search", lambda: search.press_sequentially("9"), f"!{everyone}"
    search.press("Backspace")
    page.wait_for_function(everyone)
    yield "another split", point_at_split(page, "mini/split-7").click, f"{caption}.includes('split-7')"
    tab = page.get_by_role("tab", name="Accuracy against accuracy")
    yield "scatter, first time", tab.click, see_points("scatter", "split-7")
    page.get_by_role("tab", name="Board").click()
    yield "scatter, again", tab.click, see_points("scatter", "split-7")
    option = point_at_split(page, "mini/split-8")
    yield "scatter, another split", option.click, see_points("scatter", "split-8")
    profiles = page.get_by_role("tab", name="Profiles")
    yield "profiles", profiles.click, see_points("profiles", "accuracy gap")
    page.get_by_role("tab", name="Order changes").click()
    by_gap = page.locator("#ranked-by").get_by_role("radio", name="AG")
    listed = "document.querySelector('#ranks caption')?.innerText.includes('accuracy gap')"
    yield "order changes", by_gap.check, listed


def point_at_split(page: Page, name: str) -> Locator:
    """A choice of the split picker with the pointer on it: its list has unrolled, which is not timed."""
    page.get_by_label("Split", exact=True).click()
    option = page.get_by_role("option", name=name)
    option.hover()
    return option


def see_points(plot: str, title: str) -> str:
    """JavaScript: a plot's points and the title of its vertical axis are drawn where a reader sees them."""
    return f"""() => {{
      const found = what => [...document.querySelectorAll('#{plot} ' + what)];
      const seen = e => e?.checkVisibility() && e.getBoundingClientRect().height > 0;
      const points = found('.scatterlayer .point'), title = found('.ytitle')[0];
      return seen(points[0]) && seen(points.at(-1)) && seen(title) && title.textContent.includes('{title}');
    }}"""


def run_visitors(address: str, *, count: int = NUM_VISITORS) -> VisitScore:
    """Let many open the page, sort the table and fetch the rows, all at the same time."""
    config = json.loads(fetch(f"{address}config"))
    start = find_event(config, "load")
    with ThreadPoolExecutor(count) as visitors:
        seen = list(visitors.map(lambda number: visit(address, start, number), range(count)))
    return VisitScore(tuple(words for words, _ in seen if words), tuple(seconds for _, seconds in seen))


def visit(address: str, start: int, number: int) -> tuple[str, float]:
    """One visitor: what went wrong, or nothing, and how long it took."""
    started = time.perf_counter()
    words = urllib.parse.urlencode({"sort": "gap", PAGE_WORD: number % 3})
    try:
        fetch(address)
        body = {"data": [], "fn_index": start, "session_hash": f"visitor{number}", "event_data": None}
        answer = json.loads(fetch(f"{address}gradio_api/run/predict?{words}", json.dumps(body).encode()))
        wrong = "" if "sorted by accuracy gap" in json.dumps(answer) else f"no table: {str(answer)[:200]}"
        if fetch(f"{address}board.csv?{words}").count(b"\n") < 2:
            wrong = "no rows in the CSV"
    except OSError as error:
        wrong = f"{type(error).__name__}: {error}"
    return wrong, time.perf_counter() - started


def fetch(url: str, body: bytes | None = None) -> bytes:
    """The answer to a GET, or to a POST of JSON where there is a body.

    Raises:
        OSError: No answer in time, or one that is no success.
    """
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with DIRECT.open(request, timeout=VISIT_SECONDS) as answer:
        return bytes(answer.read())


def find_event(config: dict[str, Any], name: str) -> int:
    """Number of the page's first event of a name."""
    return next(
        int(event["id"])
        for event in config["dependencies"]
        if any(target[1] == name for target in event["targets"])
    )
