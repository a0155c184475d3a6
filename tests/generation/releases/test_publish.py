"""Publishing releases to a Hub through the real clients, and getting the same back."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from build_specs import build, make_spec, make_split, make_stage
from hub_clients import Client, Done
from hub_server import OWNER_TOKEN, READER_TOKEN, StandInHub, serve_hub
from image_sets import write_release

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import EqualsView
from imagenet_g.generation.releases.check import check_release

REPO = "org/imagenet-g"
WRONG_TOKEN = "hf_wrongWRONGwrongWRONGwrong"
LOAD = """
import sys
from datasets import load_dataset
url, repo = sys.argv[1:]
rows = load_dataset(repo, "sd-l", revision="v1.0.0", split="validation")
print(len(rows), rows[0]["image"].size, rows.features["label"].int2str(rows[0]["label"]))
stream = load_dataset(repo, "sd-l--first-hand", revision="v1.0.0", split="validation", streaming=True)
print([row["image_id"] for row in stream])
splits = load_dataset("org/train", "sd-l", revision="v1.0.0")
print({name: rows.num_rows for name, rows in splits.items()})
"""


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
    """A small release of four shards with a view."""
    views = {"first-hand": EqualsView(column="wnid", value=load_classes()[7].wnid)}
    return write_release(tmp_path / "release", [3, 7, 11, 13], rows_per_shard=1, views=views)


def publish(owner: Client, release: Path, *words: object, tag: str = "v1.0.0") -> Done:
    """Run the command."""
    return owner.run("publish", release, "--repo", REPO, "--tag", tag, *words)


def test_a_built_release_comes_back_as_it_was_and_scores_the_same(
    hub: StandInHub, owner: Client, tmp_path: Path, tiny: Callable[[str], Path]
) -> None:
    """Build with a real pipeline, publish, download into a clean cache, evaluate."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), clip_token_limit=77)
    build(make_spec({"sd": stage}, {"sd-l": make_split("sd")}), tmp_path / "built")
    evaluate = ("evaluate", "--model", "python:toy_models:make_colour_model", "--split", "tiny/sd-l")
    done = publish(owner, tmp_path / "built")
    assert done.code == 0, done.err
    places = ("--out", str(tmp_path / "near"), "--cache", str(tmp_path / "cache"))
    assert main([*evaluate, "--data", f"tiny={tmp_path / 'built'}", *places]) == 0
    user = Client(hub.url, tmp_path / "user", token=None)
    fetched, far = user.run_all(
        ("download", "tiny/sd-l", "--repo", REPO, "--revision", "v1.0.0"),
        (*evaluate, "--out", tmp_path / "far"),
    )
    assert fetched.code == 0, fetched.err
    assert far.code == 0, far.err
    results = [json.loads(next((tmp_path / d).rglob("result.json")).read_text()) for d in ("near", "far")]
    near_split, far_split = (result["entries"][0]["split"] for result in results)
    assert near_split["manifest_sha256"] == far_split["manifest_sha256"]
    assert far_split["revision"] == hub.repos[REPO].tags["v1.0.0"]
    tables = [pq.read_table(next((tmp_path / d).rglob("predictions/*.parquet"))) for d in ("near", "far")]
    assert tables[0].equals(tables[1])


def test_publishing_tags_last_and_notes_the_commit(hub: StandInHub, owner: Client, release: Path) -> None:
    """At the commit that holds everything."""
    done = publish(owner, release)
    assert done.code == 0, done.err
    repo = hub.repos[REPO]
    commit = repo.tags["v1.0.0"]
    assert f"published {REPO} v1.0.0 at commit {commit}" in done.out
    noted = json.loads((release / "published.json").read_text())["publications"][0]
    assert (noted["commit"], noted["manifest_sha256"]) == (commit, hash_file(release / "manifest.json"))
    posts = [r.path for r in hub.connection.requests if r.method == "POST"]
    assert posts[-1].endswith(f"/tag/{commit}")
    names = {"README.md", "croissant.json", "eval.yaml", "samples.jpg", "manifest.json"}
    assert {path for path in repo.commits[commit].tree if not path.startswith("data/")} == names


def test_datasets_loads_what_was_published(
    hub: StandInHub, owner: Client, release: Path, tmp_path: Path
) -> None:
    """Without us; a view is a config of its own, and a training set is called so."""
    train = write_release(tmp_path / "train", [3, 7, 11], rows_per_shard=1, role="train")
    tag = ("--tag", "v1.0.0")
    done = owner.run_all(
        ("publish", release, "--repo", REPO, *tag), ("publish", train, "--repo", "org/train", *tag)
    )
    assert [one.code for one in done] == [0, 0], done
    lines = owner.run_python(LOAD, hub.url, REPO).splitlines()
    assert lines == [f"4 (8, 8) {load_classes()[3].wnid}", "['id-00001']", "{'train': 3}"]


def test_a_tag_is_never_moved(hub: StandInHub, owner: Client, release: Path, tmp_path: Path) -> None:
    """The same again changes nothing; another release is refused; a new tag leaves the old bytes."""
    other = write_release(tmp_path / "other", [5, 6])
    first, again, moved, second = owner.run_all(
        *(
            ("publish", folder, "--repo", REPO, "--tag", tag)
            for folder, tag in (
                (release, "v1.0.0"),
                (release, "v1.0.0"),
                (other, "v1.0.0"),
                (other, "v2.0.0"),
            )
        )
    )
    repo = hub.repos[REPO]
    assert (first.code, again.code, moved.code, second.code) == (0, 0, 2, 0), second.err
    assert "is this release already; nothing was uploaded" in again.out
    assert "a published tag is never moved. Choose a new --tag." in moved.err
    old, new = repo.commits[repo.tags["v1.0.0"]].tree, repo.commits[repo.tags["v2.0.0"]].tree
    assert old["manifest.json"].data == (release / "manifest.json").read_bytes()
    assert new["manifest.json"].data == (other / "manifest.json").read_bytes()
    assert [path for path in new if path.endswith("-of-00004.parquet")] == []


def test_an_upload_killed_three_times_ends_complete(hub: StandInHub, owner: Client, release: Path) -> None:
    """What the Hub has is not sent again, and no half release is ever seen."""
    for _ in range(3):
        stall = hub.fail("PUT", "^/lfs/", "stall", times=9, skip=1)
        process = owner.start("publish", release, "--repo", REPO, "--tag", "v1.0.0")
        while not stall.struck and process.is_alive():
            time.sleep(0.02)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        hub.connection.faults.clear()
        assert hub.repos[REPO].tags == {}
        assert hub.repos[REPO].resolve("main").tree == {}  # type: ignore[union-attr]
    done = publish(owner, release)
    assert done.code == 0, done.err
    tree = hub.repos[REPO].commits[hub.repos[REPO].tags["v1.0.0"]].tree
    for path in release.rglob("*.parquet"):
        assert tree[path.relative_to(release).as_posix()].data == path.read_bytes()


def test_a_shaky_connection_is_no_obstacle(hub: StandInHub, owner: Client, release: Path) -> None:
    """Cut in the middle of an upload, 503 from the storage, 429 at the commit's doorstep."""
    hub.fail("PUT", "^/lfs/", "cut-request", after=100)
    hub.fail("PUT", "^/lfs/", "status", status=503, skip=1)
    hub.fail("POST", "/preupload/", "status", status=429)
    done = publish(owner, release)
    assert done.code == 0, done.err


def test_a_lost_race_is_told_and_nothing_is_tagged(hub: StandInHub, owner: Client, release: Path) -> None:
    """Somebody else's commit came first."""
    hub.fail("POST", "/commit/", "status", status=412, times=9)
    done = publish(owner, release)
    assert done.code == 2
    assert f"Another commit to '{REPO}' came first" in done.err
    assert hub.repos[REPO].tags == {}


@pytest.mark.parametrize(
    ("token", "repo", "message"),
    [
        (None, REPO, "Publishing needs a token with write permission"),
        (WRONG_TOKEN, REPO, "The Hub does not accept your token"),
        (READER_TOKEN, REPO, f"Your token may not write to '{REPO}'"),
    ],
)
def test_who_may_not_write_is_told_why(
    hub: StandInHub, release: Path, tmp_path: Path, token: str | None, repo: str, message: str
) -> None:
    """One line, and the token is nowhere: not printed, not in a file, not in a traceback."""
    words = ("publish", release, "--repo", repo, "--tag", "v1.0.0")
    done, debug = Client(hub.url, tmp_path / "home", token=token).run_all(words, (*words, "--debug"))
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    if token is not None:
        assert token not in done.out + done.err + debug.out + debug.err
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path for path in files if token.encode() in path.read_bytes()] == []


def test_a_failed_upload_shows_no_signature(hub: StandInHub, owner: Client, release: Path) -> None:
    """Upload addresses carry a secret of their own."""
    hub.fail("PUT", "^/lfs/", "status", status=403, times=99)
    done, debug = owner.run_all(
        *(("publish", release, "--repo", REPO, "--tag", "v1", *more) for more in ((), ("--debug",)))
    )
    assert done.code == 2
    for secret in (OWNER_TOKEN, "signedSIGNEDsigned"):
        assert secret not in done.out + done.err + debug.out + debug.err


def test_private_and_gated_are_asked_for(hub: StandInHub, owner: Client, release: Path) -> None:
    """Both take effect; a public repository does not become private behind its owner's back."""
    hub.put_folder("org/public", release)
    done, refused = owner.run_all(
        ("publish", release, "--repo", REPO, "--tag", "v1.0.0", "--private", "--gated"),
        ("publish", release, "--repo", "org/public", "--tag", "v1.0.0", "--private"),
    )
    assert done.code == 0, done.err
    assert (hub.repos[REPO].private, hub.repos[REPO].gated) == (True, "auto")
    assert "'org/public' exists and is public" in refused.err


def test_nothing_leaves_the_house_in_a_dry_run(hub: StandInHub, owner: Client, release: Path) -> None:
    """Nor with --to, which makes the same tree."""
    folder = release.parent / "tree"
    dry, to = owner.run_all(
        ("publish", release, "--repo", REPO, "--tag", "v1.0.0", "--dry-run"),
        ("publish", release, "--repo", REPO, "--tag", "v1.0.0", "--to", folder),
    )
    assert "nothing was uploaded" in dry.out
    assert hub.connection.requests == []
    assert publish(owner, release).code == 0
    tree = hub.repos[REPO].commits[hub.repos[REPO].tags["v1.0.0"]].tree
    assert {path: blob.data for path, blob in tree.items()} == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert to.code == 0


def test_a_flipped_byte_stops_a_release_by_name(release: Path, tmp_path: Path) -> None:
    """Before anything is sent."""
    damaged = tmp_path / "damaged"
    shutil.copytree(release, damaged)
    shard = damaged / "data/sd-l/validation-00002-of-00004.parquet"
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match=r"validation-00002-of-00004\.parquet' has sha256"):
        check_release(damaged)
