"""`imagenet-g submit --hub` against a stand-in for the Hub, by the real client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_clients import Client, Done
from hub_server import READER_TOKEN, StandInHub, serve_hub
from hub_store import Repo
from submission_cases import ROOT, write_result_folder
from submission_cases import STEM as GOOD

from imagenet_g.benchmark.errors import DataError
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.submitting.pull_requests import open_pull_request
from imagenet_g.leaderboard.validation.validate import make_report

REPO = "org/board"
STEM = "example-lab__a-net"
SAID = ("--organisation=Example Lab", "--name=A Net", "--authors=A. Author", "--contact=a@example.org")


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub with the board's dataset, which belongs to somebody else."""
    with serve_hub() as running:
        running.repos[REPO] = Repo()
        yield running


def submit(client: Client, folder: Path, *words: object) -> Done:
    """Submit a result from a folder."""
    result = folder / "result"
    given = result if result.exists() else write_result_folder(result)
    return client.run("submit", given, "--to", folder / "to", "--hub", REPO, *SAID, *words)


def list_proposed(hub: StandInHub) -> dict[str, bytes]:
    """Files of the only pull request."""
    (oid,) = hub.repos[REPO].pulls.values()
    return {path: blob.data for path, blob in hub.repos[REPO].commits[oid].tree.items()}


def test_a_pull_request_has_the_submission_and_its_predictions(hub: StandInHub, tmp_path: Path) -> None:
    """Byte for byte what lies on disk; the main branch stays as it was."""
    done = submit(Client(hub.url, tmp_path / "home", token=READER_TOKEN), tmp_path)
    assert done.code == 0, done.err
    assert f"opened {hub.url}/datasets/{REPO}/discussions/1" in done.out
    proposed = list_proposed(hub)
    assert set(proposed) == {
        f"submissions/mini/{STEM}.json",
        f"submissions/mini/{STEM}/mini-renditions.parquet",
    }
    for name, data in proposed.items():
        assert (tmp_path / "to" / name.removeprefix("submissions/")).read_bytes() == data
    assert hub.repos[REPO].resolve("main").tree == {}  # type: ignore[union-attr]
    assert READER_TOKEN.encode() not in b"".join(proposed.values())


def test_without_a_token_nothing_is_asked_or_written(hub: StandInHub, tmp_path: Path) -> None:
    """One message, with the next step."""
    done = submit(Client(hub.url, tmp_path / "home", token=None), tmp_path)
    assert done.code == 2
    assert done.err.strip() == (
        f"imagenet-g: A pull request on '{REPO}' needs an account. With --local the submission is written "
        "and checked here, and nothing is sent. To sign in: 'hf auth login', or set HF_TOKEN."
    )
    assert not (tmp_path / "to").exists()


def test_a_repository_that_is_not_there_is_said_first(hub: StandInHub, tmp_path: Path) -> None:
    """Before anything is written."""
    hub.repos.clear()
    done = submit(Client(hub.url, tmp_path / "home"), tmp_path)
    assert done.code == 2
    assert f"There is no dataset '{REPO}'" in done.err
    assert not (tmp_path / "to").exists()


def test_without_a_network_nothing_is_written(tmp_path: Path) -> None:
    """Nobody listens at that address."""
    done = submit(Client("http://127.0.0.1:9", tmp_path / "home"), tmp_path)
    assert done.code == 2
    assert done.err.count("imagenet-g:") == 1
    assert "Check the network" in done.err
    assert "With --local the submission is written" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [("status", 403, "Your token may not write"), ("cut-request", 0, "Check the network")],
)
def test_a_refusal_leaves_no_pull_request_and_a_whole_submission(
    hub: StandInHub, tmp_path: Path, kind: str, status: int, reason: str
) -> None:
    """The message names the file; what it says to do opens the pull request, without a question."""
    hub.fail("POST", "/commit/", kind, status=status)
    client = Client(hub.url, tmp_path / "home")
    written = tmp_path / "to" / "mini" / f"{STEM}.json"
    done, again = client.run_all(
        ("submit", write_result_folder(tmp_path / "result"), "--to", tmp_path / "to", "--hub", REPO, *SAID),
        ("submit", written, "--to", tmp_path / "to", "--hub", REPO),
    )
    assert done.code == 2, done.out
    assert reason in done.err
    assert f"'imagenet-g submit {written} --hub {REPO}' tries again" in done.err
    assert again.code == 0, again.err
    assert len(hub.repos[REPO].pulls) == 1
    assert len(list_proposed(hub)) == 2


def test_a_refused_submission_opens_no_pull_request(hub: StandInHub, tmp_path: Path) -> None:
    """Nor is anything written."""
    done = submit(Client(hub.url, tmp_path / "home"), tmp_path, "--supervision=zero-shot")
    assert done.code == 2
    assert "contradiction" in done.out
    assert hub.count("POST", "/commit/") == 0
    assert list((tmp_path / "to").rglob("*.json")) == []


def test_a_token_in_the_notes_does_not_leave_the_machine(tmp_path: Path) -> None:
    """Whoever pasted it."""
    path = tmp_path / "x__y.json"
    path.write_text('{"notes": "hf_ownerOWNERownerOWNERownerOWNER01"}')
    submission = Submission.model_validate_json((ROOT / "mini" / f"{GOOD}.json").read_bytes())
    with pytest.raises(DataError, match="access token"):
        open_pull_request(path, submission, make_report(path, None, submission, []), REPO)
