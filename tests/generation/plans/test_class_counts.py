"""Counts of ImageNet's training set: from devkit, folder or CSV; counts of another set are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from build_specs import CLASSES
from PIL import Image
from scipy.io import savemat
from training_counts import TOTAL, make_counts, write_counts_csv, write_meta

from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError
from imagenet_g.generation.plans.class_counts import (
    TOTAL_IMAGES,
    count_images,
    load_training_counts,
    resolve_counts,
)
from imagenet_g.generation.plans.devkit import read_synsets
from imagenet_g.generation.plans.plan import make_plan
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec, parse_version_spec

SPEC = """
schema_version = 1
version = "train-1"
title = "Training"
status = "draft"
license = "CC0-1.0"
encoding = { format = "png" }

[generators.any]
kind = "python"
inputs = "prompt"
factory = "module:Factory"

[splits.sd-l]
title = "Training images"
generator = "any"
classes = "imagenet-100"
counts = { of = "imagenet-train", times = 2 }
batch_size = 8
prompts = { recipe = "openai-80", class_names = "open_clip" }
"""


@pytest.fixture(scope="module")
def counts() -> dict[str, int]:
    """Of 1000 classes."""
    return make_counts()


@pytest.fixture(scope="module")
def meta(tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int]) -> Path:
    """A devkit's folder."""
    folder = tmp_path_factory.mktemp("devkit") / "data"
    folder.mkdir()
    return write_meta(folder / "meta.mat", counts)


def make_split(**keys: object) -> SplitSpec:
    """A split of three classes."""
    table = {"title": "t", "generator": "g", "classes": CLASSES[:3], "batch_size": 2}
    return SplitSpec.model_validate(table | keys)


def load_spec() -> VersionSpec:
    """The version above."""
    return parse_version_spec(SPEC, source="test")


def test_the_devkit_gives_the_counts_of_all_classes(meta: Path, counts: dict[str, int]) -> None:
    """By its file and by its folder, without the synsets that are no classes."""
    assert load_training_counts(meta.parent.parent) == counts
    assert read_synsets(meta) == counts
    assert sum(counts.values()) == TOTAL == TOTAL_IMAGES


def test_a_csv_gives_the_same_counts_as_the_devkit(tmp_path: Path, counts: dict[str, int]) -> None:
    """Columns wnid and images."""
    assert load_training_counts(write_counts_csv(tmp_path / "counts.csv", counts)) == counts


def test_a_folder_with_other_images_is_told_from_the_training_set(tmp_path: Path) -> None:
    """Its images are counted; hidden and other files are no images."""
    for wnid in CLASSES[:2]:
        (tmp_path / "train" / wnid).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (2, 2)).save(tmp_path / "train" / wnid / f"{number}.png")
        (tmp_path / "train" / wnid / ".hidden.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"4 images of 2 of the 1000 classes.*1,281,167 images, 732 to 1300"):
        load_training_counts(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({CLASSES[0]: 733}, "it has 1,281,168 images in all"),
        ({CLASSES[0]: 731}, "it has 731 images of class n01440764"),
        ({CLASSES[0]: 1301}, "it has 1,301 images of class n01440764"),
    ],
)
def test_counts_of_another_set_are_refused(
    tmp_path: Path, counts: dict[str, int], change: dict[str, int], told: str
) -> None:
    """By the total and the limits of ImageNet's training set."""
    with pytest.raises(DataError, match=told):
        load_training_counts(write_counts_csv(tmp_path / "counts.csv", counts | change))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "is no CSV with the columns wnid and images"),
        ("", "is no CSV with the columns"),
        ("wnid,images\nn01440764,-3\n", "Line 2"),
        ("wnid,images\nn01440764\n", "Line 2"),
        ("wnid,images\nn01440764,800\nn01440764,800\n", "Line 3"),
    ],
)
def test_a_csv_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """With what is wanted."""
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        load_training_counts(path)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to give instead."""
    with pytest.raises(InputError, match=r"no file or folder .*meta\.mat of ILSVRC2012_devkit_t12"):
        load_training_counts(tmp_path / "nothing")


def claim_many_rows(path: Path) -> bytes:
    """The table of a `meta.mat`, with 2^31 - 1 rows in its head: its reader would make room for them."""
    table = np.empty((3, 1), dtype=[("WNID", "O"), ("num_train_images", "O")])
    table[:, 0] = [("n01440764", 900.0)] * 3
    savemat(path, {"synsets": table}, do_compression=False)
    data = path.read_bytes()
    # Tag of the array's dimensions: int32 (5), 8 bytes, then 3 x 1.
    head = b"\5\0\0\0\x08\0\0\0"
    return data.replace(head + b"\3\0\0\0\1\0\0\0", head + b"\xff\xff\xff\x7f\1\0\0\0", 1)


@pytest.mark.parametrize(
    "data", [b"", b"synsets", gzip.compress(bytes(5000))], ids=["empty", "text", "another format"]
)
def test_a_file_of_another_format_is_an_error(tmp_path: Path, data: bytes) -> None:
    """Of the reader, which no caller sees: see below."""
    path = tmp_path / "meta.mat"
    path.write_bytes(data)
    with pytest.raises(Exception, match=r".+"):
        read_synsets(path)


def test_a_file_without_the_field_is_an_error(tmp_path: Path) -> None:
    """That of another kit, or another variable of that name."""
    with pytest.raises(ValueError, match="no table 'synsets' with the fields WNID and num_train_images"):
        read_synsets(write_meta(tmp_path / "meta.mat", {"n01440764": 900}, field="num_images"))
    savemat(tmp_path / "meta.mat", {"synsets": np.arange(5)})
    with pytest.raises(ValueError, match="no table 'synsets'"):
        read_synsets(tmp_path / "meta.mat")


@pytest.mark.parametrize("name", ["cut", "large"])
def test_a_damaged_devkit_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    """One that ends early, and one that claims more than memory holds."""
    path = write_meta(tmp_path / "meta.mat", {"n01440764": 900})
    path.write_bytes(path.read_bytes()[:-40] if name == "cut" else claim_many_rows(path))
    with pytest.raises(InputError) as caught:
        load_training_counts(path)
    assert "is not the meta.mat of the ILSVRC development kit" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counts_are_filled_in_for_the_classes_of_the_split(tmp_path: Path, counts: dict[str, int]) -> None:
    """And for no other class, so that a plan of 100 classes does not hold the other 900."""
    place = write_counts_csv(tmp_path / "counts.csv", counts)
    split = resolve_counts(load_spec(), ["sd-l"], place, {}).splits["sd-l"]
    assert split.counts is not None and len(split.counts.images) == 100
    assert [count_images(split, index) for index in split.class_indices] == [
        2 * number for number in split.counts.images.values()
    ]
    assert split.counts.images.items() <= counts.items()


def test_the_copy_of_the_training_set_gives_the_counts_where_no_other_place_is_named(
    meta: Path, tmp_path: Path, counts: dict[str, int]
) -> None:
    """A folder that is given as imagenet-train."""
    given = resolve_counts(load_spec(), ["sd-l"], None, {"imagenet-train": meta.parent})
    place = write_counts_csv(tmp_path / "counts.csv", counts)
    assert given == resolve_counts(load_spec(), ["sd-l"], place, {})


def test_without_the_counts_the_file_and_the_total_are_named() -> None:
    """In the message of a plan, and before it."""
    with pytest.raises(
        InputError, match=r"1,281,167 in all.*--counts PATH: meta\.mat of ILSVRC2012_devkit_t12"
    ):
        resolve_counts(load_spec(), ["sd-l"], None, {})
    split = load_spec().splits["sd-l"]
    with pytest.raises(InputError, match="1,281,167"):
        make_plan("v", "sd-l", split, rows_per_shard=8, recipe={})


def test_a_plan_has_as_many_rows_of_each_class_as_the_counts_say() -> None:
    """In the order of classes, each from index 0."""
    images = dict(zip(CLASSES[:3], (3, 1, 2), strict=True))
    split = make_split(counts={"images": images, "times": 2})
    table = make_plan("v", "s", split, rows_per_shard=8, recipe={}).table
    assert table["wnid"].to_pylist() == [CLASSES[0]] * 6 + [CLASSES[1]] * 2 + [CLASSES[2]] * 4
    assert table["index"].to_pylist() == [*range(6), *range(2), *range(4)]


@pytest.mark.parametrize("sources", [(3, 1, 2), (3, 2, 2)])
def test_sources_are_compared_with_the_count_of_their_class(sources: tuple[int, ...]) -> None:
    """A class that asks for few needs few."""
    split = make_split(
        counts={"images": dict(zip(CLASSES[:3], (3, 2, 2), strict=True))},
        sources={"ref": "imagenet-train"},
    )
    ids = {index: [f"{index}-{n}" for n in range(number)] for index, number in enumerate(sources)}
    if sources[1] == 2:
        made = make_plan("v", "s", split, rows_per_shard=8, recipe={}, source_ids=ids).table
        assert made["source_image_id"].to_pylist() == [one for group in ids.values() for one in group]
    else:
        with pytest.raises(InputError, match="asks for 2 images of class n01443537, which has 1"):
            make_plan("v", "s", split, rows_per_shard=8, recipe={}, source_ids=ids)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"counts": "imagenet-train", "images_per_class": 3},
        {"counts": "imagenet-21k"},
        {"counts": {}},
        {"counts": {"images": {"n00000000": 3}}},
        {"counts": {"images": {"n01440764": 0}}},
    ],
)
def test_counts_that_mean_nothing_are_refused(keys: dict[str, object]) -> None:
    """Neither, both, an unknown set, none, no class, no image."""
    with pytest.raises(ValueError, match="validation error"):
        make_split(**keys)


def test_counts_that_lack_a_class_are_refused() -> None:
    """Before the plan."""
    split = make_split(counts={"images": {CLASSES[0]: 2}})
    with pytest.raises(ImagenetGError, match=f"lack class {CLASSES[1]}"):
        make_plan("v", "s", split, rows_per_shard=8, recipe={})
