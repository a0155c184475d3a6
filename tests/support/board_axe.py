"""`PYTHONPATH=tests/support python -m board_axe`: what axe-core finds on every tab and in the export.

Both widths, both schemes; serious and critical findings, with the elements.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from board_pictures import SCHEMES, WIDTHS, open_visitor
from live_board import open_browser, open_page, serve_board

from imagenet_g.leaderboard.board.board import load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.exporting.page import format_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

GRAVE = ("serious", "critical")
SHOWN_CHARACTERS = 160
START = "?version=mini-v2"
"""Has numbers in every column, images and pairs."""


def list_grave_faults(page: Page) -> list[str]:
    """Serious and critical findings on the page as it is, one line an element."""
    from axe_playwright_python.sync_playwright import Axe

    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in GRAVE]
    return [f"{one['id']}: {node['html'][:SHOWN_CHARACTERS]}" for one in found for node in one["nodes"]]


def check_tabs(page: Page, address: str) -> Iterator[tuple[str, list[str]]]:
    """Title and findings of every tab, on one load of the page; the filters are open on the first."""
    open_page(page, address + START)
    page.locator("#drawer-button").click()
    page.locator("#drawer[data-open]").wait_for()
    yield "filters", list_grave_faults(page)
    page.locator("#close-drawer").click()
    for title in page.locator(".tab-container.visually-hidden button").all_text_contents():
        open_any_tab(page, title)
        page.wait_for_timeout(300)
        yield title, list_grave_faults(page)


def open_any_tab(page: Page, title: str) -> None:
    """Open a tab by its title; on a phone most are behind the menu beside the first ones."""
    tab = page.get_by_role("tab", name=title, exact=True)
    if not tab.count():
        page.get_by_role("button", name="More tabs").click()
        page.locator(".overflow-dropdown").get_by_text(title, exact=True).click()
    else:
        tab.click()
    page.locator(f'[role=tab][aria-selected=true]:text-is("{title}")').wait_for()


def check_all(browser: Browser, address: str, export: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and findings of every view at every width and in every scheme."""
    for width, size in WIDTHS.items():
        for scheme in SCHEMES:
            page = open_visitor(browser, size, scheme)
            for title, faults in check_tabs(page, address):
                yield f"{title}, {width}, {scheme}", faults
            page.goto(export.as_uri())
            yield f"export, {width}, {scheme}", list_grave_faults(page)
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
