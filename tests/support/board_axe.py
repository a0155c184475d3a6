"""`PYTHONPATH=tests/support python -m board_axe`: what axe-core finds on every tab and in the export.

Both widths, both schemes; serious and critical findings, with the elements.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from board_pictures import DRAWN, SCHEMES, WIDTHS, open_visitor
from live_board import open_browser, serve_board, visit_words

from imagenet_g.leaderboard.board.board import load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.exporting.page import format_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Page

GRAVE = ("serious", "critical")
COLOUR_RULES = ("color-contrast", "link-in-text-block")
STILL = "* { transition: none !important; animation: none !important; }"
SHOWN_CHARACTERS = 160
START = "?version=mini-v2"
"""Has numbers in every column, images and pairs."""


def list_grave_faults(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Serious and critical findings on the page as it is, one line an element; by the named rules alone."""
    from axe_playwright_python.sync_playwright import Axe

    # Half a megabyte of script, which stays until the page is loaded anew.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Without the elements at which a rule found nothing: they are most of the answer.
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)
    grave = [one for one in found if one["impact"] in GRAVE]
    return [f"{one['id']}: {node['html'][:SHOWN_CHARACTERS]}" for one in grave for node in one["nodes"]]


def check_schemes(page: Page, title: str) -> Iterator[tuple[str, list[str]]]:
    """Name and findings of the page as it is, in every scheme."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.locator("body.dark" if scheme == "dark" else "body:not(.dark)").wait_for()
        # A scheme changes colours and nothing else, so that one pass of the other rules is enough.
        yield f"{title}, {scheme}", list_grave_faults(page, () if scheme == SCHEMES[0] else COLOUR_RULES)


def check_tabs(page: Page, address: str) -> Iterator[tuple[str, list[str]]]:
    """Title and findings of every tab in every scheme; the filters are open on the first."""
    visit_words(page, address, START)
    # Halfway through a change of colours, no colour is that of the page.
    page.add_style_tag(content=STILL)
    page.locator("#drawer-button").click()
    page.locator("#drawer[data-open]").wait_for()
    yield from check_schemes(page, "filters")
    page.locator("#close-drawer").click()
    for title in page.locator(".tab-container.visually-hidden button").all_text_contents():
        open_any_tab(page, title)
        yield from check_schemes(page, title)


def open_any_tab(page: Page, title: str) -> None:
    """Open a tab by its title; on a phone most are behind the menu beside the first ones."""
    tab = page.get_by_role("tab", name=title, exact=True)
    if not tab.count():
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown").get_by_text(title, exact=True).click()
    else:
        tab.click()
    page.locator(f'[role=tab][aria-selected=true]:text-is("{title}")').wait_for()
    page.wait_for_function(DRAWN)


def check_all(browser: Browser, address: str, export: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and findings of every view at every width and in every scheme."""
    for width, size in WIDTHS.items():
        page = open_visitor(browser, size, SCHEMES[0])
        yield from ((f"{name}, {width}", faults) for name, faults in check_tabs(page, address))
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(export.as_uri())
            yield f"export, {scheme}, {width}", list_grave_faults(page)
        page.context.close()


def main() -> int:
    """Print how many elements are at fault, and which."""
    total = 0
    with TemporaryDirectory() as name, open_browser() as browser:
        build_board(Path("submissions"), Path(name))
        export = Path(name) / "export.html"
        export.write_text(format_page(load_board(Path(name))), encoding="utf-8")
        with serve_board(Path(name), Path("submissions")) as address:
            for view, faults in check_all(browser, address, export):
                total += len(faults)
                sys.stdout.write(
                    f"{view:45} {len(faults):5}\n" + "".join(f"    {one}\n" for one in faults[:20])
                )
                sys.stdout.flush()
    sys.stdout.write(f"{'all':45} {total:5}\n")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
