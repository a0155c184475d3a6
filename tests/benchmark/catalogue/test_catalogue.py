"""From a reference to a split, and the list of what there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_sets import write_class_folders, write_release

from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
from imagenet_g.benchmark.catalogue.listing import list_splits
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.splits.manifests import EqualsView
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions

LISTED_SETS = {
    "imagenet-val", "imagenet-v2", "imagenet-v2/threshold-0.7", "imagenet-v2/top-images", "imagenet-sketch",
    "imagenet-r", "imagenet-a", "objectnet", "imagenet-c/<corruption>/<severity>",
    "imagenet-d-diffusion/background", "imagenet-d-diffusion/texture", "imagenet-d-diffusion/material",
}  # fmt: skip
WNIDS = [info.wnid for info in load_classes()]


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache instead of the person's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_the_embedded_release_is_opened_whole() -> None:
    """Every shard is hashed, every row checked."""
    split = load_split(parse_split_ref("mini/renditions"), data={}, cache=None)
    assert split.record.version == "mini"
    assert len(split.class_set.indices) >= 120
    assert split.record.notice is not None


def test_a_version_is_opened_from_its_path(tmp_path: Path) -> None:
    """The view of the reference is left to apply_view."""
    release = write_release(tmp_path / "r", [0, 1], version="v1")
    split = load_split(parse_split_ref("v1/sd-l:imagenet-r"), data={"v1": release}, cache=None)
    assert (split.record.ref, len(split.rows)) == ("v1/sd-l", 2)


def test_a_folder_keeps_its_reference_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are found again under it."""
    write_class_folders(tmp_path / "set", WNIDS[:1])
    monkeypatch.chdir(tmp_path)
    record = load_split(parse_split_ref("folder:./set/"), data={}, cache=None).record
    assert (record.ref, record.name) == ("folder:./set/", "./set/")


def test_a_real_set_is_opened_from_its_path(tmp_path: Path) -> None:
    """Under its own name."""
    write_class_folders(tmp_path / "val", WNIDS[:2])
    split = load_split(parse_split_ref("imagenet-val"), data={"imagenet-val": tmp_path / "val"}, cache=None)
    assert split.record.ref == "imagenet-val"


def test_variants_are_found_under_their_family(tmp_path: Path) -> None:
    """One root for ImageNet-V2, as for ImageNet-C."""
    for number, variant in enumerate(("matched-frequency", "threshold0.7", "top-images")):
        write_class_folders(tmp_path / f"imagenetv2-{variant}-format-val", ["0", str(number)])
    labels = [
        load_split(parse_split_ref(ref), data={"imagenet-v2": tmp_path}, cache=None).rows.labels[-1, 0]
        for ref in ("imagenet-v2", "imagenet-v2/threshold-0.7", "imagenet-v2/top-images")
    ]
    assert labels == [0, 1, 2]


def test_an_unknown_version_is_suggested() -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match=r"Unknown version or set 'mimi'\. Did you mean 'mini'"):
        load_split(parse_split_ref("mimi/renditions"), data={}, cache=None)


@pytest.mark.parametrize(("ref", "meant"), [("mini/rendition", "mini/renditions"), ("v1/sd-ll", "v1/sd-l")])
def test_an_unknown_split_is_suggested(ref: str, meant: str) -> None:
    """Of a version that is available here, and of one that is not."""
    with pytest.raises(UnknownNameError, match=f"Did you mean '{meant}'"):
        load_split(parse_split_ref(ref), data={}, cache=None)


def test_an_unpublished_version_says_so() -> None:
    """And not that it is unknown."""
    with pytest.raises(InputError, match=r"'v1/sd-l' has not been published yet.*--data v1=PATH"):
        load_split(parse_split_ref("v1/sd-l"), data={}, cache=None)


def test_a_release_of_another_version_is_refused(tmp_path: Path) -> None:
    """Results would be filed under the wrong one."""
    release = write_release(tmp_path / "r", [0], version="v2")
    with pytest.raises(DataError, match="holds version 'v2', not 'v1'"):
        load_split(parse_split_ref("v1/sd-l"), data={"v1": release}, cache=None)


def test_pairs_become_paths(tmp_path: Path) -> None:
    """A path may hold an equals sign."""
    (tmp_path / "a=b").mkdir()
    pairs = [f"imagenet-val={tmp_path}", f"imagenet-c={tmp_path / 'a=b'}"]
    assert parse_data_pairs(pairs) == {"imagenet-val": tmp_path, "imagenet-c": tmp_path / "a=b"}


def test_a_copy_of_an_unknown_set_needs_its_table(tmp_path: Path) -> None:
    """The message names the option."""
    with pytest.raises(UnknownNameError, match=r"Unknown --data name 'my-toy'.*its table with --sets FILE"):
        parse_data_pairs([f"my-toy={tmp_path}"])


@pytest.mark.parametrize("pair", ["", "imagenet-val", "=x", "imagenet-val="])
def test_malformed_pairs_are_refused(pair: str) -> None:
    """With an example."""
    with pytest.raises(InputError, match="NAME=PATH"):
        parse_data_pairs([pair])


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    """One of them would be ignored."""
    with pytest.raises(InputError, match="twice"):
        parse_data_pairs([f"imagenet-val={tmp_path}"] * 2)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Before anything is run."""
    with pytest.raises(InputError, match="no folder"):
        parse_data_pairs([f"imagenet-val={tmp_path / 'nowhere'}"])


def test_an_archive_in_the_place_of_a_folder_is_not_called_missing(tmp_path: Path) -> None:
    """It is there; what to do with it is stated."""
    (tmp_path / "val.zip").write_bytes(b"")
    with pytest.raises(InputError, match=r"val\.zip' is a file .*give the folder that holds it"):
        parse_data_pairs([f"imagenet-val={tmp_path / 'val.zip'}"])


def test_a_misspelt_name_is_suggested(tmp_path: Path) -> None:
    """It is not taken for a version of your own."""
    with pytest.raises(UnknownNameError, match="Did you mean 'imagenet-val'"):
        parse_data_pairs([f"imagenet-vall={tmp_path}"])


def test_everything_known_is_listed(tmp_path: Path) -> None:
    """Versions, then real sets, with where they are."""
    own = write_release(
        tmp_path / "own", [0, 1], version="v7", views={"zero": EqualsView(column="wnid", value=WNIDS[0])}
    )
    listings = {listing.ref: listing for listing in list_splits({"v7": own, "imagenet-a": tmp_path})}
    assert set(listings) >= {*LISTED_SETS, "v7/sd-l"}
    assert set(listings) >= {f"v1/{name}" for name in load_versions()["v1"].splits}
    status = {ref: listing.status for ref, listing in listings.items()}
    assert status["mini/renditions"] == "embedded"
    assert status["v7/sd-l"] == status["imagenet-a"] == "local"
    assert status["v1/sd-l"] == "not published"
    assert (status["imagenet-val"], status["imagenet-r"]) == ("hub, gated", "hub")
    assert listings["v7/sd-l"].views == ("zero",)
    assert [ref for ref, listing in listings.items() if listing.on_hand] == [
        "mini/real",
        "mini/renditions",
        "mini/sd-i",
        "mini/sd-l",
        "mini/sd-li",
        "mini-v2/sd-i",
        "mini-v2/sd-l",
        "mini-v2/sd-li",
        "mini-v3/real",
        "mini-v3/sd-l",
        "v7/sd-l",
        "imagenet-a",
    ]


def test_the_command_lists_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table, names and brackets as they are."""
    (tmp_path / "[red]").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["splits", "--data", "imagenet-a=[red]"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in load_real_sets())
    assert "local [red]" in text


def test_the_command_gives_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts."""
    assert main(["splits", "--json"]) == 0
    rows = {row["ref"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["imagenet-r"]["num_classes"] == 200
    assert rows["v1/sd-l"]["num_images"] is None
    assert rows["mini/renditions"]["on_hand"] is True


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback."""
    assert main(["splits", "--data", "imagenet-val"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
