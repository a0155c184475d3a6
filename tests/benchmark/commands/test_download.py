"""Downloading releases from a Hub, through the real clients."""

from __future__ import annotations

import errno
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hub_clients import Client
from hub_server import READER_TOKEN, StandInHub, serve_hub
from image_sets import write_release

from imagenet_g.benchmark.errors import DataError, StorageError
from imagenet_g.benchmark.hub.errors import translate_hub_errors
from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.hub_releases import HubRelease, complete_files
from imagenet_g.benchmark.splits.hub_streams import StreamedImages
from imagenet_g.benchmark.splits.manifests import load_manifest

REPO = "org/imagenet-g"
SHARDS = ["data/sd-l/validation-00000-of-00002.parquet", "data/sd-l/validation-00001-of-00002.parquet"]
ASK = ("download", "v9/sd-l", "--repo", REPO, "--revision", "v1.0.0")


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub."""
    with serve_hub() as running:
        yield running


@pytest.fixture
def release(hub: StandInHub, tmp_path: Path) -> Path:
    """A release of two shards, on the Hub as v1.0.0."""
    folder = write_release(tmp_path / "release", [3, 7, 11, 13], rows_per_shard=2)
    hub.put_folder(REPO, folder, tag="v1.0.0")
    return folder


@pytest.fixture
def client(hub: StandInHub, tmp_path: Path) -> Client:
    """Somebody without a token."""
    return Client(hub.url, tmp_path / "home", token=None)


def find_snapshot(client: Client) -> Path:
    """The one release in the client's cache."""
    (manifest,) = (client.home / "hf").rglob("manifest.json")
    return manifest.parent


def test_a_split_is_fetched_whole_and_says_which_copy(client: Client, hub: StandInHub, release: Path) -> None:
    """The commit behind the tag, and the same manifest."""
    done = client.run(*ASK)
    assert done.code == 0, done.err
    commit = hub.repos[REPO].tags["v1.0.0"]
    assert f"{REPO} at commit {commit}, fetched from the Hub" in done.out
    assert hash_file(find_snapshot(client) / "manifest.json") == hash_file(release / "manifest.json")
    assert [(find_snapshot(client) / name).is_file() for name in SHARDS] == [True, True]


def test_only_the_split_asked_for_is_fetched(client: Client, hub: StandInHub, release: Path) -> None:
    """Not the whole repository."""
    (release / "data" / "sd-i").mkdir()
    (release / "data" / "sd-i" / "validation-00000-of-00001.parquet").write_bytes(b"x" * 100)
    hub.put_folder(REPO, release, tag="v1.1.0")
    client.run(*ASK[:-1], "v1.1.0")
    assert hub.count("GET", "resolve/.*sd-l") == 2
    assert hub.count("GET", "resolve/.*sd-i") == 0


def test_a_copy_of_a_pinned_commit_needs_no_hub(client: Client, hub: StandInHub, release: Path) -> None:
    """What is whole is not asked for again."""
    client.run(*ASK)
    commit, seen = hub.repos[REPO].tags["v1.0.0"], len(hub.connection.requests)
    done = client.run(*ASK[:-1], commit)
    assert "already in the Hub's cache" in done.out
    assert len(hub.connection.requests) == seen


def test_a_tag_without_a_network_means_the_copy_seen_before(
    client: Client, hub: StandInHub, release: Path
) -> None:
    """It says so; without a copy there is one message."""
    assert client.run(*ASK).code == 0
    away = Client("http://127.0.0.1:9", client.home, token=None)
    done = away.run(*ASK)
    assert done.code == 0, done.err
    assert "the Hub was not reached" in done.out
    assert "already in the Hub's cache on this machine" in done.out


def test_no_network_and_no_copy_is_one_message(tmp_path: Path) -> None:
    """With the next step."""
    done = Client("http://127.0.0.1:9", tmp_path, token=None).run(*ASK)
    assert done.code == 2
    assert f"'{REPO}' at v1.0.0 cannot be fetched from http://127.0.0.1:9" in done.err
    assert "Check the network, or give a local copy with --data" in done.err
    assert len(done.err.splitlines()) == 1


def test_every_refusal_has_its_own_message(hub: StandInHub, release: Path, tmp_path: Path) -> None:
    """No such repository, private, no such tag, wrong version, not published."""
    hub.put_folder("org/secret", release, tag="v1.0.0")
    hub.repos["org/secret"].private = True
    gone, secret, tag, other, unpublished, unknown = Client(hub.url, tmp_path, token=None).run_all(
        ("download", "v9", "--repo", "org/nothing", "--revision", "v1.0.0"),
        ("download", "v9", "--repo", "org/secret", "--revision", "v1.0.0"),
        ("download", "v9", "--repo", REPO, "--revision", "v1.0.9"),
        ("download", "v8", "--repo", REPO, "--revision", "v1.0.0"),
        ("download", "v1/sd-l"),
        ("download", "v77"),
    )
    assert "There is no dataset 'org/nothing' on the Hub, or you may not see it" in gone.err
    assert "sign in with 'hf auth login' or set HF_TOKEN" in secret.err
    assert "Unknown revision 'v1.0.9'. Did you mean 'v1.0.0'?" in tag.err
    assert "holds version 'v9', not 'v8'" in other.err
    assert "it has not been published yet. Or give --repo ORG/NAME" in unpublished.err
    assert "Unknown version 'v77'" in unknown.err
    assert {d.code for d in (gone, secret, tag, other, unpublished, unknown)} == {2}
    assert {len(d.err.splitlines()) for d in (gone, secret, tag, other, unpublished, unknown)} == {1}


def test_a_wrong_token_is_told_and_not_shown(hub: StandInHub, release: Path, tmp_path: Path) -> None:
    """The token itself stays secret, with --debug as well."""
    token = "hf_wrongWRONGwrongWRONGwrong"
    plain, debug = Client(hub.url, tmp_path, token=token).run_all(ASK, (*ASK, "--debug"))
    assert "The Hub does not accept your token. Sign in with 'hf auth login'" in plain.err
    assert token not in plain.out + plain.err + debug.out + debug.err


def test_a_gated_release_says_where_to_accept(hub: StandInHub, release: Path, tmp_path: Path) -> None:
    """Once accepted it comes."""
    hub.repos[REPO].gated = "auto"
    anonymous = Client(hub.url, tmp_path / "a", token=None).run(*ASK)
    reader = Client(hub.url, tmp_path / "b", token=READER_TOKEN)
    refused = reader.run(*ASK)
    hub.accounts[READER_TOKEN].accepted.add(REPO)
    accepted = reader.run(*ASK)
    page = f"accept its terms at {hub.url}/datasets/{REPO}"
    assert f"{page}, sign in with" in anonymous.err
    assert f"{page}, and run this again" in refused.err
    assert accepted.code == 0, accepted.err


# The client waits a second before it goes on, so each place is cut once.
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_cut_download_ends_whole(client: Client, hub: StandInHub, release: Path, seed: int | None) -> None:
    """Wherever the connection broke, at the first byte or a random one, the files have their hashes."""
    size = (release / SHARDS[1]).stat().st_size
    after = 0 if seed is None else random.Random(seed).randrange(1, size)
    fault = hub.fail("GET", "resolve/.*00001-of", "cut-response", after=after)
    done = client.run(*ASK)
    assert done.code == 0, done.err
    assert fault.struck > 0
    for name in SHARDS:
        assert hash_file(find_snapshot(client) / name) == hash_file(release / name)


def test_a_byte_flipped_on_the_way_is_caught_and_mended(
    client: Client, hub: StandInHub, release: Path
) -> None:
    """The client checks sizes only; the manifest knows the hash."""
    hub.fail("GET", "resolve/.*00000-of", "flip", after=900)
    done = client.run(*ASK)
    assert done.code == 0, done.err
    assert hash_file(find_snapshot(client) / SHARDS[0]) == hash_file(release / SHARDS[0])


def test_a_byte_flipped_on_the_hub_is_named(client: Client, hub: StandInHub, release: Path) -> None:
    """What is on the Hub is not what was published."""
    hub.fail("GET", "resolve/.*00000-of", "flip", after=900, times=99)
    done = client.run(*ASK)
    assert done.code == 2
    assert f"'{SHARDS[0]}' of '{REPO}' does not have the hash its manifest gives" in done.err
    assert not (find_snapshot(client) / SHARDS[0]).exists()


def test_a_byte_flipped_in_the_cache_is_fetched_again(client: Client, hub: StandInHub, release: Path) -> None:
    """Disks rot."""
    client.run(*ASK)
    blob = (find_snapshot(client) / SHARDS[1]).resolve()
    data = bytearray(blob.read_bytes())
    data[500] ^= 1
    blob.write_bytes(data)
    done = client.run(*ASK)
    assert done.code == 0, done.err
    assert hash_file(find_snapshot(client) / SHARDS[1]) == hash_file(release / SHARDS[1])


def test_a_busy_hub_is_asked_again(client: Client, hub: StandInHub, release: Path) -> None:
    """429 and 503 pass."""
    hub.fail("HEAD", "resolve/.*manifest", "status", status=429)
    hub.fail("GET", "resolve/.*00000-of", "status", status=429)
    hub.fail("GET", "/tree/", "status", status=503)
    done = client.run(*ASK)
    assert done.code == 0, done.err


def test_a_first_tag_keeps_its_bytes_after_a_second(
    client: Client, hub: StandInHub, release: Path, tmp_path: Path
) -> None:
    """Versions live beside each other."""
    second = write_release(tmp_path / "second", [5, 6], version="v9")
    hub.put_folder(REPO, second, tag="v2.0.0")
    done = client.run(*ASK, "--to", tmp_path / "copy")
    assert done.code == 0, done.err
    for name in ("manifest.json", *SHARDS):
        assert hash_file(tmp_path / "copy" / name) == hash_file(release / name)


def test_evaluate_gives_the_same_predictions_streamed_fetched_and_from_a_folder(
    client: Client, hub: StandInHub, release: Path, tmp_path: Path
) -> None:
    """Same manifest; the commit is noted; streaming reads byte ranges and keeps no copy."""
    common = ("evaluate", "--split", "v9/sd-l", "--model", "python:toy_models:make_colour_model")
    remote = ("--data", f"v9=hub:{REPO}@v1.0.0")
    streamed, far, near = client.run_all(
        (*common, *remote, "--stream", "--out", tmp_path / "streamed"),
        (*common, *remote, "--out", tmp_path / "far", "--cache", tmp_path / "second"),
        (*common, "--data", f"v9={release}", "--out", tmp_path / "near", "--cache", tmp_path / "third"),
    )
    assert (streamed.code, far.code, near.code) == (0, 0, 0), streamed.err + far.err + near.err
    folders = [tmp_path / name for name in ("streamed", "far", "near")]
    found = [json.loads(next(folder.rglob("result.json")).read_text()) for folder in folders]
    splits = [result["entries"][0]["split"] for result in found]
    assert len({split["manifest_sha256"] for split in splits}) == 1
    commit = hub.repos[REPO].tags["v1.0.0"]
    assert [split["revision"] for split in splits] == [commit, commit, None]
    tables = [pq.read_table(next(folder.rglob("predictions/*.parquet"))) for folder in folders]
    assert tables[0].equals(tables[1])
    assert tables[1].equals(tables[2])
    # Had streaming kept a copy, nothing would have been left to fetch.
    assert "fetched from the Hub" in " ".join(far.err.split())
    assert "streamed; no copy is kept" in " ".join(streamed.err.split())
    assert any("range" in r.headers for r in hub.connection.requests if r.path.endswith(".parquet"))


def test_a_streamed_image_with_other_pixels_is_refused(tmp_path: Path) -> None:
    """No shard is hashed whole when it is streamed, so every image is checked by itself."""
    release = write_release(tmp_path / "release", [3, 7])
    images = ParquetImages(sorted(release.rglob("*.parquet")))
    hashes = [images.read_column("pixel_sha256")[0], "0" * 64]
    streamed = StreamedImages(images, hashes, HubSource(REPO, "v1.0.0"))
    assert streamed.read_image(0) == images.read_image(0)
    with pytest.raises(DataError, match="the pixels that came over the network"):
        streamed.read_image(1)


def test_too_little_space_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size of every file is in the manifest."""
    release = write_release(tmp_path / "release", [3, 7])
    manifest = load_manifest(release)
    opened = HubRelease(
        folder=tmp_path / "none", source=HubSource(REPO, "v1.0.0"), manifest=manifest, origin="hub"
    )
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(StorageError, match=r"GB are needed in .* and 0\.00 GB are free"):
        complete_files(opened, manifest.splits["sd-l"].files, cache=None)


def test_a_disk_that_fills_up_on_the_way_is_told() -> None:
    """Another program may take the space meanwhile."""
    with pytest.raises(StorageError, match="no space left"), translate_hub_errors(REPO, "v1.0.0"):
        raise OSError(errno.ENOSPC, "No space left on device")
