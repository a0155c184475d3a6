"""From one command to the board: sent, validated, merged, reviewed; by the real client, on a stand-in Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_clients import Client, Done
from hub_server import OWNER_TOKEN, READER_TOKEN, StandInHub, serve_hub
from hub_store import Blob, Repo
from submission_cases import ROOT, write_result_folder

from imagenet_g.leaderboard.submitting.official import VARIABLE, choose_board, load_official

REPO = load_official()
STEM = "example-lab__a-net"
NAME = f"mini/{STEM}"
SAID = ("--organisation=Example Lab", "--name=A Net", "--authors=A. Author", "--contact=a@example.org")


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub with the official board, which has one reviewed submission of another model."""
    with serve_hub() as running:
        running.repos[REPO] = Repo()
        running.accounts[OWNER_TOKEN].organizations = (REPO.split("/")[0],)
        running.page_size = 100
        yield running


@pytest.fixture
def author(hub: StandInHub, tmp_path: Path) -> Client:
    """Somebody who has an account and no rights."""
    return Client(hub.url, tmp_path / "author", token=READER_TOKEN)


@pytest.fixture
def maintainer(hub: StandInHub, tmp_path: Path) -> Client:
    """Who may write to the board's repository."""
    return Client(hub.url, tmp_path / "maintainer")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result of a model that is not on the board."""
    return write_result_folder(tmp_path / "result")


def put_on_board(hub: StandInHub, *names: str) -> None:
    """Submissions of this repository, with their predictions and reviews."""
    repo = hub.repos[REPO]
    tree = dict(repo.commits[repo.branches["main"]].tree)
    for name in names:
        for file in sorted((ROOT / "mini").glob(f"{name}*")):
            for path in [file] if file.is_file() else sorted(file.iterdir()):
                tree[f"submissions/{path.relative_to(ROOT)}"] = Blob(
                    path.read_bytes(), path.suffix == ".parquet"
                )
    assert repo.commit("main", "pushed", tree, parent=None) is not None


def send(client: Client, result: Path, *words: object) -> tuple[str | Path, ...]:
    """Words of the command that submits."""
    return ("submit", result, "--to", result.parent / "to", *SAID, *map(str, words))


def read_states(done: Done) -> str:
    """The table as one line, without its frame and however it was broken."""
    assert done.code == 0, done.err
    return " ".join(done.out.replace("│", " ").split())


def test_one_command_sends_to_the_official_board_and_its_way_can_be_followed(
    hub: StandInHub, author: Client, maintainer: Client, result: Path
) -> None:
    """Received, accepted by a verdict, merged, reviewed; and a second submission of the model is a change."""
    sent, status = author.run_all(send(author, result), ("submit", "--status"))
    assert sent.code == 0, sent.err
    assert f"compared with 0 submissions of {REPO} on the Hub" in sent.out
    assert f"opened {hub.url}/datasets/{REPO}/discussions/1" in sent.out
    assert f"1 {NAME} reader received" in read_states(status)

    judged, accepted = maintainer.run_all(
        ("validate", "--pull", 1, "--record"),
        ("submit", "--status", result.parent / "to" / f"{NAME}.json"),
    )
    assert judged.code == 0, judged.out + judged.err
    assert f"1 {NAME} reader validated: accepted" in read_states(accepted)

    hub.repos[REPO].merge(1)
    assert "taken into the repository, waits for its review" in read_states(author.run("submit", "--status"))
    # A maintainer reviews a clone and pushes it.
    clone = result.parent / "clone"
    shutil.copytree(result.parent / "to", clone)
    recorded = maintainer.run("validate", "--record", clone, "--against", clone)
    assert recorded.code == 0, recorded.out + recorded.err
    repo = hub.repos[REPO]
    review = Blob((clone / "mini" / f"{STEM}.review.json").read_bytes(), lfs=False)
    tree = {**repo.commits[repo.branches["main"]].tree, f"submissions/{NAME}.review.json": review}
    repo.commit("main", "review", tree, parent=None)
    assert "reviewed, listed when the board is built next" in read_states(author.run("submit", "--status"))

    same, other = author.run_all(send(author, result), send(author, result, "--notes=A second time."))
    assert same.code == 2
    assert "The board has exactly this submission already" in same.err
    assert other.code == 0, other.err
    assert "earlier pull request 1 of mini/example-lab__a-net: reviewed" in other.out
    assert "note    changed: statement.notes: was None, is 'A second time.'" in other.out
    assert len(repo.pulls) == 2


def test_a_refused_submission_says_why_and_a_correction_waits_again(
    hub: StandInHub, author: Client, maintainer: Client, result: Path
) -> None:
    """The verdict is of one commit; what the author pushes behind it has none yet."""
    assert author.run(*send(author, result)).code == 0
    content = json.loads((result.parent / "to" / f"{NAME}.json").read_text())
    content["statement"]["training_data"] = "more-data"
    hub.repos[REPO].change_pull(1, f"submissions/{NAME}.json", json.dumps(content).encode())
    judged, refused = maintainer.run_all(("validate", "--pull", 1, "--record"), ("submit", "--status"))
    assert judged.code == 2
    assert "validated: refused: seal: the file was edited after it was written" in read_states(refused)
    good = (result.parent / "to" / f"{NAME}.json").read_bytes()
    hub.repos[REPO].change_pull(1, f"submissions/{NAME}.json", good)
    assert "received, waits to be validated" in read_states(author.run("submit", "--status"))


def test_a_request_with_its_own_review_is_refused(
    hub: StandInHub, author: Client, maintainer: Client, result: Path
) -> None:
    """And one with a verdict; neither counts, because neither is on the main branch."""
    assert author.run(*send(author, result)).code == 0
    review = (ROOT / "mini" / "imagenet-g__efficientnet-lite0.review.json").read_bytes()
    hub.repos[REPO].change_pull(1, f"submissions/{NAME}.review.json", review)
    hub.repos[REPO].change_pull(1, "verdicts/1.json", b"{}")
    status, judged = maintainer.run_all(("submit", "--status"), ("validate", "--pull", 1))
    assert "received" in read_states(status)
    assert judged.code == 2
    assert f"error   request: submissions/{NAME}.review.json: is no part of the submission" in judged.out
    assert "error   request: verdicts/1.json: is no part of the submission" in judged.out


def test_it_is_compared_with_what_the_board_has(hub: StandInHub, author: Client, result: Path) -> None:
    """Without their predictions, by hashes: a copy is refused before it is sent, and is not written."""
    put_on_board(hub, "imagenet-g__efficientnet-lite0", "imagenet-g__efficientnet-lite1")
    done = author.run(*send(author, result))
    assert done.code == 2, done.out
    assert "compared with 2 submissions" in done.out
    assert "'EfficientNet-Lite0' has the same weights and the same preprocessing" in done.out
    assert hub.repos[REPO].pulls == {}
    assert hub.count("GET", r"/resolve/.*\.parquet") == 0
    assert not (result.parent / "to" / f"{NAME}.json").exists()


def test_what_was_fetched_is_not_fetched_again(hub: StandInHub, author: Client, result: Path) -> None:
    """Also where the first fetch broke off; and what is gone from the board is gone from the copy."""
    put_on_board(hub, "imagenet-g__efficientnet-lite1", "imagenet-g__mini-clip")
    hub.fail("GET", r"/resolve/.*mini-clip\.json", "status", status=500)
    first, second = author.run_all(send(author, result), send(author, result))
    assert first.code == 2
    assert "Run the command again later; the transfer resumes" in first.err
    assert second.code == 0, second.err
    assert hub.count("GET", r"/resolve/.*efficientnet-lite1\.json") == 1
    repo = hub.repos[REPO]
    kept = {path: blob for path, blob in repo.commits[repo.branches["main"]].tree.items() if "clip" in path}
    repo.commit("main", "removed", kept, parent=None)
    third = author.run(*send(author, result, "--notes=Again."))
    assert "compared with 1 submissions" in third.out, third.err


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("submissions/mini/x__y.json", b" " * 5_000_001, "has 5,000,001 bytes; at most 5,000,000 are read"),
        ("submissions/mini/-x__y.json", b"{}", "has a file with an odd name"),
    ],
)
def test_a_board_that_is_no_board_is_not_fetched(
    hub: StandInHub, author: Client, result: Path, path: str, data: bytes, words: str
) -> None:
    """Sizes and names are looked at before a byte is."""
    hub.repos[REPO].commit("main", "odd", {path: Blob(data, lfs=False)}, parent=None)
    done = author.run(*send(author, result))
    assert done.code == 2
    assert words in done.err
    assert hub.count("GET", "/resolve/") == 0


def test_a_hostile_file_on_the_board_stops_nothing(hub: StandInHub, author: Client, result: Path) -> None:
    """It counts as no submission."""
    tree = {f"submissions/mini/x__{n}.json": Blob(d, lfs=False) for n, d in enumerate([b"[" * 5000, b"\xff"])}
    hub.repos[REPO].commit("main", "odd", tree, parent=None)
    done = author.run(*send(author, result))
    assert done.code == 0, done.err


def test_states_are_unknown_without_a_network(tmp_path: Path) -> None:
    """In one line."""
    done = Client("http://127.0.0.1:9", tmp_path / "home").run("submit", "--status")
    assert done.code == 2
    assert done.err.count("imagenet-g:") == 1
    assert "Check the network" in done.err


def test_local_asks_no_hub(hub: StandInHub, author: Client, result: Path) -> None:
    """The file is written and checked."""
    done = author.run(*send(author, result, "--local"))
    assert done.code == 0, done.err
    assert (result.parent / "to" / f"{NAME}.json").is_file()
    assert hub.connection.requests == []


def test_another_board_is_named_by_an_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option first."""
    assert choose_board(None) == REPO
    monkeypatch.setenv(VARIABLE, "my-lab/board")
    assert choose_board(None) == "my-lab/board"
    assert choose_board("other/board") == "other/board"
