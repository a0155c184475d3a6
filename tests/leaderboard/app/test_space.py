"""The folder that can be pushed as a Space: what is in it, and that it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from submission_cases import ROOT

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.leaderboard.app.space import write_space
from imagenet_g.leaderboard.board.build import build_board

SECONDS = 90


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's submissions as a board."""
    folder = tmp_path_factory.mktemp("board") / "board"
    build_board(ROOT, folder, published=False)
    return folder


@pytest.fixture
def space(board: Path, tmp_path: Path) -> Path:
    """A fresh Space."""
    write_space(tmp_path / "space", board=board, submissions=ROOT)
    return tmp_path / "space"


def test_the_card_is_what_the_hub_reads(space: Path) -> None:
    """By the Hub's own reader; the Gradio is the one that is installed."""
    card = SpaceCard.load(space / "README.md").data
    assert (card.sdk, card.app_file) == ("gradio", "app.py")
    assert card.sdk_version == version("gradio")
    assert (space / card.app_file).is_file()


def test_the_requirement_is_this_release(space: Path) -> None:
    """With the leaderboard's own libraries."""
    requirement = Requirement((space / "requirements.txt").read_text().strip())
    assert (requirement.name, requirement.extras) == ("imagenet-g", {"leaderboard"})
    assert requirement.specifier.contains(version("imagenet-g"))


def test_another_requirement_can_be_given(
    board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a release that is in no index."""
    words = [
        "--board",
        str(board),
        "--submissions",
        str(ROOT),
        "--requirement",
        "imagenet-g[leaderboard] @ git+x",
    ]
    assert main(["leaderboard", "space", *words, "--to", str(tmp_path / "s")]) == 0
    assert (tmp_path / "s" / "requirements.txt").read_text() == "imagenet-g[leaderboard] @ git+x\n"
    assert "wrote" in capsys.readouterr().out


def test_submissions_go_along_without_their_predictions(space: Path) -> None:
    """They are compared with uploads, which needs their words only."""
    assert (space / "submissions" / "mini" / "imagenet-g__efficientnet-lite0.json").is_file()
    assert list((space / "submissions").rglob("*.parquet")) == []


def test_a_clone_keeps_its_git_and_loses_what_left_the_board(space: Path, board: Path) -> None:
    """Written again after every build."""
    (space / ".git").mkdir()
    (space / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (space / "board" / "answers" / "old.parquet").write_bytes(b"old")
    write_space(space, board=board, submissions=ROOT)
    assert (space / ".git" / "HEAD").is_file()
    assert not (space / "board" / "answers" / "old.parquet").exists()


def test_a_folder_of_something_else_is_left_alone(board: Path, tmp_path: Path) -> None:
    """Such as a project with a README."""
    (tmp_path / "README.md").write_text("# A project\n")
    with pytest.raises(InputError, match="is not a Space"):
        write_space(tmp_path, board=board, submissions=ROOT)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_board_itself_is_not_overwritten(space: Path) -> None:
    """A Space is not written over what it is written from."""
    with pytest.raises(InputError, match="the board itself"):
        write_space(space, board=space / "board", submissions=ROOT)


def test_without_a_board_nothing_is_written(tmp_path: Path) -> None:
    """Half a board is refused."""
    with pytest.raises(DataError, match="has no complete board"):
        write_space(tmp_path / "space", board=tmp_path, submissions=ROOT)
    assert not (tmp_path / "space").exists()


def find_free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_written_app_starts_and_shows_the_board(space: Path) -> None:
    """In a process of its own, from another folder, as the Space starts it."""
    port = find_free_port()
    address = f"http://127.0.0.1:{port}"
    named = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    log = space / "log"
    with log.open("wb") as output:
        app = subprocess.Popen(
            [sys.executable, str(space / "app.py")], cwd=space.parent, env={**os.environ, **named},
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        page = fetch(address, app, log)
        assert "ImageNet-G leaderboard" in page
        rows = fetch(f"{address}/board.csv", app, log)
        assert "EfficientNet-Lite0" in rows
    finally:
        app.kill()
        app.wait(10)


def fetch(address: str, app: subprocess.Popen[bytes], log: Path) -> str:
    """The answer at an address, once the app listens."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and app.poll() is None:
        try:
            with direct.open(address, timeout=20) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} did not answer:\n{log.read_text()}")


def list_files(folder: Path) -> dict[str, bytes]:
    """Content by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_board_in_the_space_is_the_board(space: Path, board: Path) -> None:
    """File for file."""
    assert list_files(space / "board") == list_files(board)
