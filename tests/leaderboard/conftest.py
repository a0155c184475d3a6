"""The board in a real browser: one server and one Chromium for all tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from live_board import open_browser, open_page, serve_board
from playwright.sync_api import Browser, BrowserContext, Page, expect
from submission_cases import ROOT

from imagenet_g.leaderboard import ci
from imagenet_g.leaderboard.board.board import Board, load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.validation import bounded, worker
from imagenet_g.leaderboard.validation.validate import validate_submission

TIMEOUT_MS = 60_000
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Board]:
    """The repository's board, built once for all tests: its folder, and what the build returned."""
    folder = tmp_path_factory.mktemp("board")
    return folder, build_board(ROOT, folder)


@pytest.fixture(scope="session")
def board_folder(built: tuple[Path, Board]) -> Path:
    """The repository's board as files."""
    return built[0]


@pytest.fixture(scope="session")
def board(board_folder: Path) -> Board:
    """The repository's board, read back; tests must not change its tables."""
    return load_board(board_folder)


@pytest.fixture
def validated_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are validated in this process: another one takes seconds to start, and has tests of its own."""

    def validate(files: Sequence[Path], against: Path, **options: Any) -> Iterator[ValidationReport]:
        given = {name: options[name] for name in ("data", "baselines") if options.get(name)}
        request = worker.Request(files=tuple(files), beside=tuple(files), against=against, **given)
        context = worker.add_others(worker.make_context(request), request)
        return (validate_submission(file, context) for file in files)

    monkeypatch.setattr(bounded, "validate_bounded", validate)
    monkeypatch.setattr(ci, "validate_bounded", validate)


@pytest.fixture(scope="module")
def address(board_folder: Path) -> Iterator[str]:
    """The repository's board behind the real server."""
    with serve_board(board_folder, ROOT) as url:
        yield url
    log = (board_folder / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; without one, every test that needs it fails and says what to install."""
    with open_browser() as running:
        yield running


@contextmanager
def open_visitors(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes visitors of their own, with the screen they are given; they leave at the end."""
    with ExitStack() as leaving:

        def open_context(**screen: Any) -> BrowserContext:
            opened = leaving.enter_context(browser.new_context(**screen))
            opened.set_default_timeout(TIMEOUT_MS)
            return opened

        yield open_context


@pytest.fixture
def invite(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes visitors for one test; none has been here before."""
    with open_visitors(browser) as open_context:
        yield open_context


@pytest.fixture(scope="module")
def keep(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes visitors for a module: from their second page on, the page's scripts are in their caches."""
    with open_visitors(browser) as open_context:
        yield open_context


@pytest.fixture(scope="module")
def desktop(keep: Callable[..., BrowserContext]) -> BrowserContext:
    """The module's visitor on a desktop."""
    return keep(viewport={"width": 1280, "height": 900})


@pytest.fixture
def context(desktop: BrowserContext) -> Iterator[BrowserContext]:
    """The visitor on a desktop, who comes without cookies and leaves no page open."""
    desktop.clear_cookies()
    yield desktop
    for opened in desktop.pages:
        opened.close()


@pytest.fixture(scope="module")
def kept_page(keep: Callable[..., BrowserContext]) -> Iterator[Page]:
    """The page of a visitor on a desktop: a new one for each test would compile the board's scripts anew.

    The server fails none of its requests.
    """
    page = keep(viewport={"width": 1280, "height": 900}).new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 500 else None)
    yield page
    assert failed == []


@pytest.fixture
def show(kept_page: Page, address: str) -> Iterator[Callable[[str], Page]]:
    """Opens the board in the kept page, with the words that it is given behind the address."""

    def open_words(words: str) -> Page:
        open_page(kept_page, address + words)
        return kept_page

    kept_page.context.clear_cookies()
    yield open_words
    kept_page.unroute_all()
    # From an address to the same one, the browser would keep the state by which a page counts as settled; and
    # the server is not to wait for a page at its end.
    kept_page.goto("about:blank")


@pytest.fixture
def page(show: Callable[[str], Page]) -> Page:
    """The board, opened on the ranking that has submissions."""
    return show("?version=mini")
