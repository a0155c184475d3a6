"""`PYTHONPATH=tests/support python -m board_pictures --to DIR`: every view of the board as a PNG.

Both widths, both schemes, and the page of the export; for looking at, since no test sees what is ugly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from live_board import open_browser, open_page, serve_board

from imagenet_g.leaderboard.board.board import BOARD_NAME, load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.exporting.page import format_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
VIEWS = {
    "finding": "",
    "mini": "?version=mini-v2",
    "real-sets": "?version=real-sets&split=imagenet-r",
    "scatter": "?version=real-sets&split=imagenet-r&tab=scatter",
    "profiles": "?version=mini-v2&tab=profiles",
    "ranks": "?version=real-sets&split=imagenet-r&tab=ranks",
    "compare": "?version=mini-v2&tab=compare",
    "images": "?version=mini-v2&split=mini-v2%2Fsd-i&tab=images",
    "model": "?version=mini-v2&split=mini-v2%2Fsd-l&model=imagenet-g__mini-clip",
    "parameters": "?version=real-sets&split=imagenet-r&tab=scatter&axis=parameters",
    "throughput": "?version=mini-v2&tab=scatter&axis=throughput",
    "pinned": "?version=real-sets&split=imagenet-r&pinned=testbed%2Fresnet50&search=dfn",
    "submit": "?tab=submit",
    "about": "?tab=about",
}
"""Name of a picture, and the address that it is of."""
DRAWN = """() => ![...document.querySelectorAll('[aria-label="Empty value"]')]
  .some(box => box.checkVisibility())"""
"""JavaScript: no plot is a box of Gradio's that waits for its first drawing."""
WAIT_MS, SETTLED_MS = 120_000, 1500
"""Plots move while they are drawn."""


def take_pictures(
    address: str, export: Path, to: Path, names: tuple[str, ...], *, whole: bool = False
) -> Iterator[Path]:
    """Pictures of the named views, and of the export where it is named, one by one.

    Args:
        address: Of the board.
        export: Its export.
        to: Folder of the pictures.
        names: Of the views.
        whole: Whether a picture goes on below the screen.
    """
    with open_browser() as browser:
        for width, size in WIDTHS.items():
            for scheme in SCHEMES:
                page = open_visitor(browser, size, scheme)
                for name in names:
                    show(page, name, address, export)
                    file = to / f"{name}-{width}-{scheme}.png"
                    page.screenshot(path=file, full_page=whole)
                    yield file
                page.context.close()


def open_visitor(browser: Browser, size: tuple[int, int], scheme: str) -> Page:
    """The page of a new visitor."""
    screen: dict[str, Any] = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=screen, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(WAIT_MS)
    return page


def show(page: Page, name: str, address: str, export: Path) -> None:
    """Open a view and wait until it stands still."""
    if name == "export":
        page.goto(export.as_uri())
        return
    # From one address to the same one, the state by which a page counts as settled would be the old one.
    page.goto("about:blank")
    open_page(page, address + VIEWS[name])
    page.wait_for_function(DRAWN)
    page.wait_for_timeout(SETTLED_MS)


def main() -> int:
    """Take the pictures and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("pictures"), metavar="DIR")
    parser.add_argument("--board", type=Path, metavar="DIR", help="a built board (default: build one)")
    parser.add_argument("--view", action="append", choices=[*VIEWS, "export"], help="default: all")
    parser.add_argument("--whole", action="store_true", help="go on below the screen")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        board = arguments.board or Path(name)
        if not (board / BOARD_NAME).exists():
            build_board(Path("submissions"), board)
        export = Path(name) / "export.html"
        export.write_text(format_page(load_board(board)), encoding="utf-8")
        with serve_board(board, Path("submissions")) as address:
            names = tuple(arguments.view or [*VIEWS, "export"])
            for file in take_pictures(address, export, arguments.to, names, whole=arguments.whole):
                sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
