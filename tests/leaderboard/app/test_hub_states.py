"""The states on the Submit tab: asked for once a minute, and unknown where the Hub cannot be asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_clients import Client
from hub_server import serve_hub
from hub_store import PullRequest, Repo

from imagenet_g.leaderboard.app import hub_states
from imagenet_g.leaderboard.app.hub_states import KEPT_SECONDS, HubStates

SHOW = """
from imagenet_g.leaderboard.app.hub_states import HubStates
states = HubStates("lab/board", {"mini/a__b"})
print(states.show())
print(states.show())
"""


def test_the_page_shows_what_the_hub_says(tmp_path: Path) -> None:
    """By the real client; a second visitor costs no request."""
    with serve_hub() as hub:
        repo = hub.repos["lab/board"] = Repo()
        made = repo.commit("main", "Submit mini/a__b", {}, parent=None, pull=True)
        assert made is not None
        repo.requests["refs/pr/1"] = PullRequest("Submit mini/a__b", "jo")
        first, second = Client(hub.url, tmp_path).run_python(SHOW).splitlines()
        assert first == second
        assert hub.count("GET", "/discussions") == 1
    assert "received, waits to be validated" in first
    assert "mini/a__b" in first


def test_without_a_network_the_states_are_unknown(tmp_path: Path) -> None:
    """In words, and not as an empty table."""
    said = Client("http://127.0.0.1:9", tmp_path).run_python(SHOW)
    assert "<strong>Unknown.</strong> The Hub could not be asked." in said
    assert "<table" not in said


def test_an_answer_is_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown one too, so that no visitor can make the server ask again and again."""
    asked: list[str] = []

    def find(url: str, *, on_hub: bool) -> str:
        assert on_hub
        asked.append(url)
        return "no answer"

    monkeypatch.setattr(hub_states, "find_obstacle", find)
    now = [0.0]
    states = HubStates("lab/board", (), clock=lambda: now[0])
    for now[0] in (0.0, KEPT_SECONDS, KEPT_SECONDS + 1):
        states.show()
    assert len(asked) == 2
