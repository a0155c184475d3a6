"""What axe-core finds on the live page and in the export: on a desktop and on a phone, light and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from board_axe import check_tabs, list_grave_faults
from board_pictures import SCHEMES, WIDTHS
from playwright.sync_api import BrowserContext, Page

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.exporting.page import format_page

NUM_VIEWS = 11
"""Ten tabs, and the filters."""


@pytest.mark.parametrize("width", ["kept_page", "kept_phone"])
def test_no_tab_has_a_serious_or_critical_fault(
    width: str, request: pytest.FixtureRequest, address: str
) -> None:
    """Contrast, names, roles and order, by the rules of axe-core."""
    page: Page = request.getfixturevalue(width)
    found = dict(check_tabs(page, address))
    page.emulate_media(color_scheme="light")
    assert {view: faults for view, faults in found.items() if faults} == {}
    assert len(found) == NUM_VIEWS * len(SCHEMES)


@pytest.fixture(scope="module")
def export(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of one version, whose three models have every kind of cell: axe-core reads every row."""
    small = replace(
        board, info=board.info.model_copy(update={"versions": (board.info.find_version("mini-v2"),)})
    )
    path = tmp_path_factory.mktemp("export") / "board.html"
    path.write_text(format_page(small), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_export_has_no_grave_fault_and_fits_a_narrowed_window(
    context: BrowserContext, export: Path, scheme: str
) -> None:
    """Opened wide, then made as narrow as a phone."""
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(export.as_uri())
    assert list_grave_faults(page) == []
    width, height = WIDTHS["phone"]
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert list_grave_faults(page) == []
