"""Measured lines go to the Hub with their release and come back with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_clients import Client
from hub_server import OWNER_TOKEN, StandInHub, serve_hub
from image_sets import write_release
from line_cases import make_line

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.lines.version_lines import load_lines, store_lines

REPO = "org/imagenet-g"


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub."""
    with serve_hub() as running:
        yield running


@pytest.fixture
def owner(hub: StandInHub, tmp_path: Path) -> Client:
    """A maintainer."""
    return Client(hub.url, tmp_path / "owner", token=OWNER_TOKEN)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of four images."""
    return write_release(tmp_path / "release", [3, 7, 11, 13])


def test_a_line_is_published_with_the_version_and_downloaded_with_it(
    hub: StandInHub, owner: Client, release: Path, tmp_path: Path
) -> None:
    """Into the Hub's cache, and into a folder."""
    store_lines(release, [make_line()])
    assert owner.run("publish", release, "--repo", REPO, "--tag", "v1.0.0").code == 0
    user = Client(hub.url, tmp_path / "user", token=None)
    ask = ("download", "v9/sd-l", "--repo", REPO, "--revision", "v1.0.0")
    fetched, copied = user.run_all(ask, (*ask, "--to", tmp_path / "copy"))
    assert "1 measured lines: v9/sd-l" in fetched.out, fetched.err
    (manifest,) = (user.home / "hf").rglob("manifest.json")
    assert load_lines(manifest.parent, "v9") == (make_line(),)
    assert copied.code == 0, copied.err
    assert load_lines(tmp_path / "copy", "v9") == (make_line(),)


def test_a_release_without_lines_is_downloaded_as_before(
    hub: StandInHub, owner: Client, release: Path, tmp_path: Path
) -> None:
    """The Hub is asked for them once, and not again."""
    hub.put_folder(REPO, release, tag="v1.0.0")
    ask = ("download", "v9/sd-l", "--repo", REPO, "--revision", "v1.0.0")
    first, second = Client(hub.url, tmp_path / "user", token=None).run_all(ask, ask)
    assert (first.code, second.code) == (0, 0), first.err
    assert "measured lines" not in first.out
    asked = [hub.count(method, "resolve/.*lines/index.json") for method in ("HEAD", "GET")]
    assert sum(asked) == 1


def test_a_line_that_is_measured_later_needs_a_tag_of_its_own(
    hub: StandInHub, owner: Client, release: Path
) -> None:
    """The published tag is never moved; under a new one the images are not sent again."""
    store = (release, [make_line()])
    first = owner.run("publish", release, "--repo", REPO, "--tag", "v1.0.0")
    store_lines(*store)
    same, later, again = owner.run_all(
        *(
            ("publish", release, "--repo", REPO, "--tag", tag)
            for tag in ("v1.0.0", "v1.0.0-lines", "v1.0.0-lines")
        )
    )
    assert first.code == 0
    assert same.code == 2
    assert "without the lines that were measured since" in same.err
    assert (later.code, again.code) == (0, 0), later.err
    repo = hub.repos[REPO]
    old, new = (repo.commits[repo.tags[tag]].tree for tag in ("v1.0.0", "v1.0.0-lines"))
    assert [name for name in old if name.startswith("lines/")] == []
    assert len([name for name in new if name.startswith("lines/")]) == 2


def test_the_published_tree_on_disk_has_the_lines(release: Path, tmp_path: Path) -> None:
    """`publish --to` writes what would be uploaded, and evaluate finds the lines in it."""
    store_lines(release, [make_line()])
    assert main(["publish", str(release), "--to", str(tmp_path / "tree")]) == 0
    assert load_lines(tmp_path / "tree", "v9") == (make_line(),)
