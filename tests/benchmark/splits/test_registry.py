"""The registry of versions, and what a published row does."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from hub_clients import Client
from hub_server import serve_hub
from image_sets import write_release

from imagenet_g.benchmark.catalogue import catalogue, listing
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.sources import find_snapshot_source, parse_hub_source
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import (
    KnownVersion,
    Publication,
    format_publication,
    format_superseded,
    load_versions,
    parse_versions,
)

REPO = "org/imagenet-g"
ROW = '[[version]]\nname = "v9"\ntitle = "T"\nembedded = false\nsplits = ["sd-l"]\nsuperseded_by = "v10"\n'
LOAD = """
import sys
from imagenet_g.benchmark.catalogue import catalogue
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import parse_versions
def load(text):
    versions = parse_versions(text)
    catalogue.load_versions = lambda: versions
    return catalogue.load_split(parse_split_ref("v9/sd-l"), data={}, cache=None)
record = load(sys.argv[1]).record
print(record.revision, record.notice)
try:
    load(sys.argv[2])
except DataError as error:
    print(error)
"""


def make_publication(commit: str, manifest_sha256: str) -> Publication:
    """A row of the registry."""
    return Publication(
        repo=REPO, tag="v1.0.0", commit=commit, manifest_sha256=manifest_sha256, released=date(2026, 3, 1)
    )


def test_a_published_version_is_fetched_by_its_commit_and_checked(tmp_path: Path) -> None:
    """A tag that was moved changes nothing; another manifest than the published one is refused."""
    with serve_hub() as hub:
        release = write_release(tmp_path / "release", [3, 7])
        commit = hub.put_folder(REPO, release, tag="v1.0.0")
        hub.repos[REPO].tags["v1.0.0"] = hub.put_folder(REPO, write_release(tmp_path / "other", [5]))
        right = make_publication(commit, hash_file(release / "manifest.json"))
        wrong = make_publication(commit, "0" * 64)
        texts = [ROW + format_publication(publication) for publication in (right, wrong)]
        lines = Client(hub.url, tmp_path / "home", token=None).run_python(LOAD, *texts).splitlines()
    assert lines[0] == f"{commit} v9 is superseded by v10."
    assert "it is not the release it claims to be" in lines[1]


def parse_one(words: str) -> KnownVersion:
    """A row of the registry."""
    return parse_versions(
        f'[[version]]\nname = "v9"\ntitle = "T"\nembedded = true\nsplits = ["a", "b"]\n{words}'
    )["v9"]


def test_a_split_may_be_superseded_alone() -> None:
    """The others of its version are not."""
    spec = parse_one('superseded_splits = { a = "v10/a" }')
    assert format_superseded(spec, "a") == "v9/a is superseded by v10/a."
    assert format_superseded(spec, "b") is None


def test_a_superseded_split_says_so_in_what_is_evaluated_and_in_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the notice of the split's record, and in the listing."""
    release = write_release(tmp_path / "release", [3, 7])
    row = parse_versions(ROW.replace('superseded_by = "v10"', 'superseded_splits = { sd-l = "v10/sd-l" }'))
    for module in (catalogue, listing):
        monkeypatch.setattr(module, "load_versions", lambda: row)
    split = catalogue.load_split(parse_split_ref("v9/sd-l"), data={"v9": release}, cache=None)
    listed = next(found for found in listing.list_splits({"v9": release}) if found.ref == "v9/sd-l")
    assert split.record.notice == listed.superseded == "v9/sd-l is superseded by v10/sd-l."


def test_embedded_rows_name_the_splits_that_ship() -> None:
    """As their manifests do."""
    data = Path(str(files("imagenet_g.benchmark.data")))
    embedded = {name: spec for name, spec in load_versions().items() if spec.embedded}
    assert embedded
    for name, spec in embedded.items():
        assert sorted(spec.splits) == sorted(load_manifest(data / name).splits)


def test_every_successor_in_the_registry_is_a_split_of_it() -> None:
    """Or the advice would lead nowhere."""
    versions = load_versions()
    known = {f"{name}/{split}" for name, spec in versions.items() for split in spec.splits}
    for spec in versions.values():
        assert set(spec.superseded_splits) <= set(spec.splits)
        assert set(spec.superseded_splits.values()) <= known


def test_what_publish_prints_can_be_put_in_the_registry() -> None:
    """Word for word."""
    publication = make_publication("a" * 40, "b" * 64)
    assert parse_versions(ROW + format_publication(publication))["v9"].published == publication


def test_versions_lists_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    """As a table and as JSON."""
    assert main(["versions"]) == 0
    table = capsys.readouterr().out
    assert main(["versions", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(load_versions())
    assert all(row["name"] in table for row in rows)
    assert "not published" in table


@pytest.mark.parametrize(
    "text",
    ["hub:org/name", "hub:name@v1", "hub:a/b/c@v1", "hub:../x@v1", "hub:a/b@", "hub:a/b@../x", "hub:a/b@-x"],
)
def test_a_malformed_source_is_refused(text: str) -> None:
    """Before it becomes part of an address or a path."""
    with pytest.raises(InputError, match=r"no revision|Malformed (repository|revision)"):
        parse_hub_source(text)


def test_only_the_hubs_cache_is_taken_for_the_hubs_cache() -> None:
    """By the shape of the path."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    found = find_snapshot_source(Path(f"/x/hub/datasets--org--a-name/snapshots/{commit}"))
    assert str(found) == f"hub:org/a-name@{commit}"
    assert find_snapshot_source(Path("/x/org/a-name")) is None
