"""The page as its readers meet it: the real server in a process of its own, and a real Chromium.

For the tests and the benchmark; the package itself needs neither playwright nor a browser.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
START_SECONDS, STOP_SECONDS = 240, 30
TEMPORARY = "temporary"
"""Folder beside the board's files that the server has its temporary files in."""
ANSWERS = "**/gradio_api/run/**"
"""Requests of the page for what it shows."""
LEAVE_JS = """() => {
  document.querySelector('#drawer[data-open] #close-drawer')?.click();
  scrollTo(0, 0);
  return document.querySelector('#address :is(textarea, input)')?.value ?? null;
}"""
"""The address that the server sent last, whatever tab was opened since."""
VISIT_JS = """words => {
  history.pushState({}, '', words || location.pathname);
  return location.search.slice(1);
}"""
RESTORE_JS = "() => document.querySelector('#restore').click()"
# A proxy of the machine has no business between a page and its own server.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def find_chromium() -> str:
    """Path of a Chromium on this machine.

    Raises:
        InputError: No Chromium was found; the message says how to install one.
    """
    found = (path for name in CHROMIUM_NAMES if (path := shutil.which(name)))
    if path := next(found, None):
        return path
    raise InputError(
        f"There is no Chromium here (looked for {', '.join(CHROMIUM_NAMES)}). Install one: "
        "'apt-get install chromium' on Debian, or any package that puts one of these names on PATH."
    )


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A running Chromium, closed at the end.

    Raises:
        InputError: Chromium or playwright is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("Driving a browser needs playwright: pip install 'imagenet-g[dev]'.") from error
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve_board(board: Path, submissions: Path, *options: str) -> Iterator[str]:
    """`imagenet-g leaderboard serve` on a free port; the address ends with a slash.

    Raises:
        TimeoutError: The server did not answer in time; what it printed is in the message.
    """
    with start_server(board, submissions, *options) as (address, _):
        yield address


@contextmanager
def start_server(
    board: Path, submissions: Path, *options: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """As `serve_board`, with the server's process beside the address."""
    port = find_free_port()
    address = f"http://127.0.0.1:{port}/"
    words = [sys.executable, "-m", "imagenet_g.benchmark.cli", "leaderboard", "serve", *options]
    words += ["--board", str(board), "--submissions", str(submissions), "--port", str(port)]
    log, temporary = board / "server.log", board / TEMPORARY
    temporary.mkdir(exist_ok=True)
    # Temporary files in a folder of its own, where a test sees what is left.
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "TMPDIR": str(temporary)}
    with log.open("wb") as output:
        server = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, env=env)
    try:
        wait_for_server(address, server, log)
        yield address, server
    finally:
        server.terminate()
        server.wait(timeout=STOP_SECONDS)


def find_free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for_server(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers.

    Raises:
        TimeoutError: It did not in time; what it printed is in the message.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            DIRECT.open(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"No answer from {address}. The server said:\n{log.read_text(errors='replace')}")


def open_page(page: Page, address: str) -> None:
    """Open an address of the board and wait until the page shows its state, not just its frame."""
    page.goto(address)
    wait_until_settled(page)


def wait_until_settled(page: Page, words: str = "") -> None:
    """Wait until the page's own address, which it sets last, holds some words."""
    page.wait_for_function("w => (history.state?.board ?? null)?.includes(w)", arg=words)


def is_answer(answer: Response, words: str) -> bool:
    """Whether a response is that to the words behind an address, and not a late one to something else."""
    if not fnmatch(answer.url, ANSWERS):
        return False
    sent = answer.request.post_data_json
    return isinstance(sent, dict) and sent.get("data", [])[:1] == [words]


def visit_words(page: Page, address: str, words: str) -> None:
    """Lead an open board to other words behind its address as its own links do: nothing is loaded anew.

    A load takes seconds, this a few tenths. A page that is not on the board yet is loaded.

    Args:
        page: The page of a visitor.
        address: Of the board, with a slash at its end.
        words: Such as "?version=mini".
    """
    if not page.url.startswith(address):
        open_page(page, address + words)
        return
    before = page.evaluate(LEAVE_JS)
    asked = page.evaluate(VISIT_JS, words)
    with page.expect_response(lambda answer: is_answer(answer, asked)) as answer:
        page.evaluate(RESTORE_JS)
    # The page notices another address only: where it is led to what it shows already, nothing would settle.
    if before is not None and before in answer.value.json()["data"]:
        page.evaluate("words => history.replaceState({board: words}, '', '?' + words)", before)
    wait_until_settled(page)
