"""The board in a real browser: one server for a process, one Chromium and one loaded page for a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from live_board import open_browser, open_page, serve_board, visit_words
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from submission_cases import ROOT

from imagenet_g.leaderboard import ci
from imagenet_g.leaderboard.board.board import Board, load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.validation import bounded, worker
from imagenet_g.leaderboard.validation.validate import validate_submission

TIMEOUT_MS = 60_000
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
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


@pytest.fixture(scope="session")
def address(board_folder: Path) -> Iterator[str]:
    """The repository's board behind the real server, which takes seconds to start: one for all modules."""
    with serve_board(board_folder, ROOT) as url:
        yield url
    log = (board_folder / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; without one, every test that needs it fails and says what to install."""
    # For a module and not for all: Playwright keeps an event loop running, beside which none can begin.
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
    """Makes visitors who stay: from their second page on, the page's scripts are in their caches."""
    with open_visitors(browser) as open_context:
        yield open_context


@pytest.fixture(scope="module")
def desktop(keep: Callable[..., BrowserContext]) -> BrowserContext:
    """The visitor on a desktop who stays."""
    return keep(viewport=DESKTOP)


@pytest.fixture
def context(desktop: BrowserContext) -> Iterator[BrowserContext]:
    """The visitor on a desktop, who comes without cookies and leaves no page open."""
    desktop.clear_cookies()
    yield desktop
    for opened in desktop.pages:
        opened.close()


@contextmanager
def keep_page(visitor: BrowserContext) -> Iterator[Page]:
    """A page for many tests; the server fails none of its requests."""
    page = visitor.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 500 else None)
    yield page
    # The server is not to wait for a page at its end.
    page.goto("about:blank")
    assert failed == []


@pytest.fixture(scope="module")
def kept_page(keep: Callable[..., BrowserContext], address: str) -> Iterator[Page]:
    """The page of a visitor on a desktop: a load takes seconds, in which the board's scripts are compiled.

    It ends before the server at the address does.
    """
    with keep_page(keep(viewport=DESKTOP)) as page:
        yield page


@pytest.fixture(scope="module")
def kept_phone(keep: Callable[..., BrowserContext], address: str) -> Iterator[Page]:
    """The page of a visitor with a narrow screen."""
    with keep_page(keep(viewport=PHONE)) as page:
        yield page


@pytest.fixture
def show(kept_page: Page, address: str) -> Callable[[str], Page]:
    """Leads the open board to the words that it is given behind the address, as its own links do."""

    def visit(words: str) -> Page:
        visit_words(kept_page, address, words)
        return kept_page

    return visit


@pytest.fixture
def load(kept_page: Page, address: str) -> Iterator[Callable[[str], Page]]:
    """Loads the board anew, for claims about an address that somebody was sent."""

    def open_words(words: str) -> Page:
        # From an address to the same one, the browser would keep the state by which a page counts as settled.
        kept_page.goto("about:blank")
        open_page(kept_page, address + words)
        return kept_page

    yield open_words
    # Requests that a test holds are let go, whichever way it came to its page.
    kept_page.unroute_all()


@pytest.fixture
def show_on_phone(kept_phone: Page, address: str) -> Callable[[str], Page]:
    """As `show`, on a narrow screen."""

    def visit(words: str) -> Page:
        visit_words(kept_phone, address, words)
        return kept_phone

    return visit


@pytest.fixture
def page(show: Callable[[str], Page]) -> Page:
    """The board, opened on the ranking that has submissions."""
    return show("?version=mini")
