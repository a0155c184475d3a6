"""A Hub that is busy, moved or damaged, through its real client against a stand-in on loopback."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_clients import Client
from hub_server import StandInHub, serve_hub
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.hub.patience import find_wait

REPO = "org/imagenet-g"
OPEN = """
import sys, time
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files
from imagenet_g.benchmark.hub.fetching import describe_hub_file, fetch
from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.splits.hub_releases import open_hub_release
sys.stderr = sys.stdout
for how in sys.argv[1].split(","):
    started = time.monotonic()
    try:
        if how == "release":
            release = open_hub_release(HubSource("org/imagenet-g", "v1.0.0"))
            print("opened", release.origin, "NOTE", release.note)
        if how == "dataset":
            fetch_hub_files("org/imagenet-g", ["manifest.json"], gated=False, hint="")
            print("opened")
        if how == "weights":
            with fetch(describe_hub_file("org/model", ["config.json"], instead="give another")):
                pass
    except ImagenetGError as error:
        print(type(error).__name__, error)
    print("SECONDS", time.monotonic() - started)
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release."""
    return write_release(tmp_path_factory.mktemp("made") / "release", [3, 7])


@pytest.fixture
def hub(release: Path) -> Iterator[StandInHub]:
    """A Hub that has it."""
    with serve_hub() as running:
        running.put_folder(REPO, release, tag="v1.0.0")
        yield running


@pytest.fixture
def reader(hub: StandInHub, tmp_path: Path) -> Client:
    """Who reads it."""
    return Client(hub.url, tmp_path / "reader", token=None)


def read_seconds(text: str) -> float:
    """How long the last thing took."""
    return float(re.findall(r"SECONDS ([0-9.]+)", text)[-1])


@pytest.mark.parametrize(("how", "status"), [("release", 429), ("dataset", 503)])
def test_a_busy_hub_is_asked_again_when_it_says(
    hub: StandInHub, reader: Client, how: str, status: int
) -> None:
    """Not sooner, and the wait is said aloud."""
    for method in ("HEAD", "GET"):
        hub.fail(method, "org/imagenet-g", "status", status=status, retry_after=1, times=2)
    found = reader.run_python(OPEN, how)
    assert "opened" in found, found
    assert f"The Hub is busy ({status}) and asks to wait 1 s; waiting." in found
    assert read_seconds(found) >= 1


def test_a_longer_wait_than_minutes_is_told_and_not_waited(hub: StandInHub, reader: Client) -> None:
    """The network has no part in it, and no advice is about it."""
    for method in ("HEAD", "GET"):
        hub.fail(method, "org/", "status", status=429, retry_after=3600, times=999)
    found = reader.run_python(OPEN, "release,dataset,weights")
    assert found.count("FetchError") == 3, found
    assert found.count("429") >= 3
    assert "Check the network" not in found and "Without a network" not in found
    assert max(map(float, re.findall(r"SECONDS ([0-9.]+)", found))) < 20


def test_a_tag_that_moved_is_said_aloud(hub: StandInHub, reader: Client, tmp_path: Path) -> None:
    """With both commits, by any command that takes the release; the one that is opened is the new one."""
    first = hub.repos[REPO].tags["v1.0.0"]
    reader.run_python(OPEN, "release")
    second = hub.put_folder(REPO, write_release(tmp_path / "other", [11]), tag="v1.0.0")
    found = reader.run_python(OPEN, "release")
    assert f"'v1.0.0' of '{REPO}' has moved: it was commit {first} before and is {second} now" in found
    # 'splits' takes it as evaluate, score, critique and all others do that have --data.
    hub.put_folder(REPO, write_release(tmp_path / "third", [12]), tag="v1.0.0")
    done = reader.run("splits", "--data", f"v9=hub:{REPO}@v1.0.0")
    assert f"has moved: it was commit {second} before" in " ".join(done.err.split()), done.out + done.err


def test_a_corrupt_manifest_does_not_stay(hub: StandInHub, reader: Client, release: Path) -> None:
    """The first run says what is wrong, in words; the second, with the Hub mended, is whole."""
    text = (release / "manifest.json").read_bytes()
    (release / "manifest.json").write_bytes(b'{"version": 3}')
    hub.put_folder(REPO, release, tag="v1.0.0")
    (release / "manifest.json").write_bytes(text)
    first = reader.run_python(OPEN, "release")
    assert "is not a valid manifest" in first and "taken out of the cache" in first
    assert "pydantic" not in first
    assert not [path for path in (reader.home / "hf").rglob("manifest.json") if path.exists()]
    hub.put_folder(REPO, release, tag="v1.0.0")
    assert "opened" in reader.run_python(OPEN, "release")


def test_publishing_without_a_token_ends_before_anything_is_hashed(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged file would be found first otherwise."""
    monkeypatch.setattr("imagenet_g.benchmark.hub.errors.has_account", lambda: False)
    damaged = shutil.copytree(release, tmp_path / "damaged")
    for path in damaged.rglob("*.parquet"):
        path.write_bytes(b"PAR1")
    assert main(["publish", str(damaged), "--repo", REPO, "--tag", "v2.0.0"]) == 2
    assert "needs a token" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"retry-after": "0"}, 0),
        (429, {"retry-after": "soon"}, None),
        (429, {"retry-after": "Sun, 29 Nov 2026 12:00:00"}, None),
        (429, {"retry-after": "-5"}, None),
        (429, {"ratelimit": '"api";r=3;t=55'}, None),
        (429, {}, None),
        (500, {"retry-after": "5"}, None),
    ],
)
def test_what_is_no_request_to_wait_is_none(
    status: int, headers: dict[str, str], seconds: int | None
) -> None:
    """Whatever a server sends."""
    assert find_wait(status, headers) == seconds
