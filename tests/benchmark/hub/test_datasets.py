"""What the Hub refuses, over a real connection to a server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FETCH = """
from imagenet_g.benchmark.errors import FetchError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files
try:
    fetch_hub_files("owner/name", ["*.parquet"], gated={gated}, hint="Use --data x=PATH.")
except FetchError as error:
    print(error)
"""


class RefusingHub(BaseHTTPRequestHandler):
    """Answers every request with one status and the Hub's error code."""

    status = 403
    code = ""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(self.status)
        self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that refuses as the parameter says."""
    status, code = request.param
    handler = type("Handler", (RefusingHub,), {"status": status, "code": code})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def fetch(hub_url: str, cache: Path, *, gated: bool) -> str:
    """What a fresh process says; the Hub's client reads its address when it is imported."""
    environment = os.environ | {"HF_ENDPOINT": hub_url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", FETCH.format(gated=gated)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("hub_url", [(403, "GatedRepo"), (401, "RepoNotFound")], indirect=True)
def test_a_gated_set_says_how_to_get_in(hub_url: str, tmp_path: Path) -> None:
    """Without a sign-in the Hub does not even say that it is there."""
    text = fetch(hub_url, tmp_path, gated=True)
    assert "'owner/name' is gated: accept its terms" in text
    assert "'hf auth login'" in text
    assert text.endswith("Use --data x=PATH.\n")


@pytest.mark.parametrize("hub_url", [(404, "RepoNotFound")], indirect=True)
def test_a_set_that_is_gone_is_named(hub_url: str, tmp_path: Path) -> None:
    """Repositories are renamed and deleted."""
    assert "'owner/name' does not exist, or you have no access to it" in fetch(hub_url, tmp_path, gated=False)


@pytest.mark.parametrize("hub_url", [(418, "")], indirect=True)
def test_any_other_refusal_is_passed_on(hub_url: str, tmp_path: Path) -> None:
    """With the Hub's reason."""
    text = fetch(hub_url, tmp_path, gated=False)
    assert "could not be fetched from the Hub" in text
    assert "418" in text


def test_a_closed_port_is_no_traceback(tmp_path: Path) -> None:
    """No network at all."""
    text = fetch("http://127.0.0.1:9", tmp_path, gated=False)
    assert "could not be fetched from the Hub" in text
    assert "Use --data x=PATH." in text
