"""Adopting a dataset of the Hub, and publishing what was adopted, against the stand-in Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from adopted_sets import WNIDS, adopt, make_set, read_ids, read_recipe, write_folders
from hub_clients import Client
from hub_server import OWNER_TOKEN, StandInHub, serve_hub
from image_sets import write_hub_parquet

LOAD = """
import sys
from datasets import load_dataset
rows = load_dataset("org/adopted", "drawn", revision="v1.0.0", split="validation")
print([[row["image_id"], rows.features["label"].int2str(row["label"])] for row in rows])
assert "imagenet_g" not in sys.modules
"""


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub."""
    with serve_hub() as running:
        yield running


def test_a_dataset_of_the_hub_is_adopted_published_evaluated_and_loaded_without_us(
    hub: StandInHub, tmp_path: Path
) -> None:
    """The ids are those of the same images in class folders, on every way."""
    items = make_set()
    labels = [label for label, _ in items]
    write_hub_parquet(
        tmp_path / "set" / "data" / "test-0.parquet", [*items.values()], labels, column="label", names=WNIDS
    )
    commit = hub.put_folder("someone/set", tmp_path / "set")
    expected = read_ids(adopt(write_folders(tmp_path / "folders"), tmp_path / "local"))
    owner, out = Client(hub.url, tmp_path / "owner", token=OWNER_TOKEN), tmp_path / "release"
    words = ("--version", "gen-1", "--split", "drawn", "--out", out, "--license", "MIT")
    evaluate = (
        "--model",
        "timm:packaged:mini-resnet-s",
        "--split",
        "gen-1/drawn",
        "--out",
        tmp_path / "results",
    )
    done = owner.run_all(
        ["adopt", "hub:someone/set", *words],
        ["publish", out, "--repo", "org/adopted", "--tag", "v1.0.0"],
        ["evaluate", *evaluate, "--data", "gen-1=hub:org/adopted@v1.0.0"],
        ["verify", out],
        [
            "download",
            "gen-1/drawn",
            "--repo",
            "org/adopted",
            "--revision",
            "v1.0.0",
            "--to",
            tmp_path / "plain",
        ],
    )
    assert [one.code for one in done] == [0] * 5, [one.err for one in done]
    assert read_ids(out) == read_ids(tmp_path / "plain") == expected
    source = read_recipe(out)["source"]
    assert isinstance(source, dict)
    assert (source["name"], source["revision"]) == ("hub:someone/set", commit)
    (result,) = (tmp_path / "results").rglob("result.json")
    assert json.loads(result.read_text())["entries"][0]["n"] == 6
    loaded = Client(hub.url, tmp_path / "reader", token=None).run_alone(LOAD)
    assert json.loads(loaded.replace("'", '"')) == [[image_id, wnid] for image_id, wnid, _ in expected]


def test_a_tag_that_moved_is_said_aloud_and_its_new_images_are_adopted(
    hub: StandInHub, tmp_path: Path
) -> None:
    """With both commits, once; a commit that is named never moves, and nothing is said of it."""
    commits, items = [], make_set()
    for place in range(2):
        labels, images = [label for label, _ in items][place:], [*items.values()][place:]
        file = tmp_path / str(place) / "data" / "test-0.parquet"
        write_hub_parquet(file, images, labels, column="label", names=WNIDS)
        commits.append(hub.put_folder("someone/set", tmp_path / str(place), tag="v1.0.0"))
        words = ("--version", "gen-1", "--split", "drawn", "--license", "MIT")
        person = Client(hub.url, tmp_path / "person", token=None)
        done = person.run_all(
            ["adopt", "hub:someone/set@v1.0.0", *words, "--out", tmp_path / f"{place}a"],
            ["adopt", "hub:someone/set@v1.0.0", *words, "--out", tmp_path / f"{place}b"],
            ["adopt", f"hub:someone/set@{commits[0]}", *words, "--out", tmp_path / f"{place}c"],
        )
        assert [one.code for one in done] == [0, 0, 0], done
        said = [" ".join(one.err.split()) for one in done]
        moved = f"'v1.0.0' of 'someone/set' has moved: it was commit {commits[0]} before and is {commits[-1]}"
        assert [moved in one for one in said] == [place == 1, False, False], said
        assert "has moved" not in said[1] + said[2]
    assert [len(read_ids(tmp_path / name)) for name in ("0a", "1a", "1c")] == [
        len(items), len(items) - 1, len(items),
    ]  # fmt: skip
