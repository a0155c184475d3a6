"""What the server keeps of its visitors: bounded, however many come."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from board_visitors import find_event
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.state_holder import SessionState
from submission_cases import ROOT

from imagenet_g.leaderboard.app import server
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.uploads.store import UploadStore

KEPT = 3


@pytest.fixture(scope="module")
def visited(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """The page, opened by twice as many visitors as it keeps, and the folder of its store."""
    folder = tmp_path_factory.mktemp("visited")
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(server, "MAX_SESSIONS", KEPT)
        store = UploadStore(folder / "store")

        async def build() -> FastAPI:
            return server.build_server(board, submissions=ROOT, reports=folder / "reports", store=store)

        # Where no loop of events runs, Gradio makes a dozen, and closes none.
        with TestClient(asyncio.run(build())) as client:
            start = find_event(client.get("/config").json(), "load")
            for number in range(2 * KEPT):
                event = {"data": [], "fn_index": start, "session_hash": f"v{number}", "event_data": None}
                assert client.post("/gradio_api/run/predict?sort=gap", json=event).status_code == 200
            yield client, store.folder


def test_visits_leave_no_more_states_than_are_kept(visited: tuple[TestClient, Path]) -> None:
    """Each holds the components that it was shown; of the visitors before the newest nothing is left."""
    gc.collect()
    assert sum(isinstance(one, SessionState) for one in gc.get_objects()) == KEPT


def test_a_visitor_cannot_have_a_state_stored(visited: tuple[TestClient, Path]) -> None:
    """Gradio would write a file for each that is asked for, and keep it."""
    client, folder = visited
    assert client.get(f"/gradio_api/deep_link?session_hash=v{2 * KEPT - 1}").status_code == 404
    assert list(folder.rglob("*")) == []


def test_the_server_gives_memory_back_while_it_runs(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From before its threads start."""
    said: list[str] = []

    @contextmanager
    def note() -> Iterator[None]:
        said.append("kept low")
        yield
        said.append("ended")

    def build(*_: object, **__: Any) -> None:
        said.append("built")

    monkeypatch.setattr(server, "keep_memory_low", note)
    monkeypatch.setattr(server, "require_port", lambda *_: None)
    monkeypatch.setattr(server, "build_server", build)
    monkeypatch.setattr(server, "run_until_stopped", lambda *_, **__: said.append("ran"))
    server.run_server(board, submissions=ROOT, reports=tmp_path, host="127.0.0.1", port=1)
    assert said == ["kept low", "built", "ran", "ended"]
