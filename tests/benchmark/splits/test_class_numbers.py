"""Class numbers that count from 0 or from 1: read right, or refused with both readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import encode, make_image, write_hub_parquet, write_tar

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.images.class_numbers import CHOICE_NAME, list_readings
from imagenet_g.benchmark.splits.real_set_files import find_real_set, load_sets
from imagenet_g.benchmark.splits.real_sets import load_real_set
from imagenet_g.benchmark.splits.splits import Split

PNG = encode(make_image())
SETS_FILE = """
[[set]]
name = "numbered-r"
title = "ImageNet-R by number"
class_set = "imagenet-r"
outputs = "split-classes"
label = "index"
license = "MIT"
source = "a test"
local_hint = "Give the folder."
"""


def load(base: str, path: Path) -> Split:
    """A local copy of a shipped set."""
    real_set = find_real_set(base)
    assert real_set is not None
    return load_real_set(real_set, path=path, cache=path.parent / "cache")


def write_folders(root: Path, numbers: list[int]) -> str:
    """Class folders named by number."""
    for number in numbers:
        (root / str(number)).mkdir(parents=True)
        (root / str(number) / "a.png").write_bytes(PNG)
    return "imagenet-v2"


def write_padded(root: Path, numbers: list[int]) -> str:
    """Class folders named by number, with zeros before it."""
    for number in numbers:
        (root / f"{number:05d}").mkdir(parents=True)
        (root / f"{number:05d}" / "a.png").write_bytes(PNG)
    return "imagenet-v2"


def write_gzip(root: Path, numbers: list[int]) -> str:
    """A tar.gz of such folders."""
    members = {f"set/{number}/a.png": PNG for number in numbers}
    write_tar(root / "imagenetv2-matched-frequency.tar.gz", members, mode="w:gz")
    return "imagenet-v2"


def write_samples(root: Path, numbers: list[int]) -> str:
    """A webdataset with class files."""
    members: dict[str, bytes] = {}
    for number in numbers:
        members |= {f"{number}.png": PNG, f"{number}.cls": str(number).encode()}
    write_tar(root / "imagenet1k-validation-00.tar", members)
    return "imagenet-val"


def write_parquet(root: Path, numbers: list[int]) -> str:
    """A parquet with a column of numbers."""
    path = root / "data" / "validation-0.parquet"
    write_hub_parquet(path, [PNG] * len(numbers), numbers, column="label", names=None)
    return "imagenet-hard"


Writer = Callable[[Path, list[int]], str]
every_layout = pytest.mark.parametrize(
    "write", [write_folders, write_padded, write_gzip, write_samples, write_parquet]
)


@every_layout
def test_numbers_with_1000_count_from_1_and_this_is_stated(tmp_path: Path, write: Writer) -> None:
    """Every label is one less than its number."""
    split = load(write(tmp_path / "set", [1, 2, 1000]), tmp_path / "set")
    assert sorted(split.rows.labels.ravel().tolist()) == [0, 1, 999]
    assert "counted from 1: 1 is n01440764 (tench), 1000 is n15075141" in str(split.record.notice)


def test_two_folders_of_one_number_are_refused(tmp_path: Path) -> None:
    """'1' and '01' would be one class of twice as many images."""
    base = write_folders(tmp_path / "set", [0, 1])
    (tmp_path / "set" / "1").rename(tmp_path / "set" / "01")
    write_folders(tmp_path / "set", [1])
    with pytest.raises(InputError, match="two folders of one class, '01' and '1'"):
        load(base, tmp_path / "set")


@every_layout
def test_numbers_with_0_count_from_0(tmp_path: Path, write: Writer) -> None:
    """As ImageNet-V2's authors have them."""
    split = load(write(tmp_path / "set", [0, 1, 999]), tmp_path / "set")
    assert sorted(split.rows.labels.ravel().tolist()) == [0, 1, 999]
    assert "counted from" not in str(split.record.notice)


@every_layout
def test_numbers_that_fit_both_readings_are_refused_with_both(tmp_path: Path, write: Writer) -> None:
    """One message: what the first number is in each, and how to choose."""
    base = write(tmp_path / "set", [1, 2, 999])
    with pytest.raises(InputError) as refused:
        load(base, tmp_path / "set")
    assert str(refused.value).startswith(
        f"The 3 class numbers of '{tmp_path / 'set'}' may count from 0 (1 is n01443537 (goldfish)) or from 1 "
        "(1 is n01440764 (tench)): they fit both"
    )
    assert f"write 0 or 1 into '{tmp_path / 'set' / CHOICE_NAME}'" in str(refused.value)


@every_layout
@pytest.mark.parametrize("first", [0, 1])
def test_the_choice_decides(tmp_path: Path, write: Writer, first: int) -> None:
    """Either reading, whatever the copy lies in."""
    base = write(tmp_path / "set", [1, 2, 999])
    (tmp_path / "set" / CHOICE_NAME).write_text(f"{first}\n")
    split = load(base, tmp_path / "set")
    assert sorted(split.rows.labels.ravel().tolist()) == [1 - first, 2 - first, 999 - first]


def test_another_choice_is_another_set(tmp_path: Path) -> None:
    """Predictions are kept under the hash, and hold labels."""
    base = write_folders(tmp_path / "set", [1, 2])
    hashes = set()
    for first in "01":
        (tmp_path / "set" / CHOICE_NAME).write_text(first)
        hashes.add(load(base, tmp_path / "set").record.content_sha256)
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [("2", "holds '2'"), ("", "holds ''"), ("ü", "holds 'ü'"), ("1", "'0' would then be no class")],
)
def test_a_choice_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Also 1 where there is a number 0."""
    base = write_folders(tmp_path / "set", [0, 7])
    (tmp_path / "set" / CHOICE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(base, tmp_path / "set")


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf1\r\n", "1\r\n".encode("utf-16")])
def test_a_choice_written_on_windows_is_read(tmp_path: Path, data: bytes) -> None:
    """Its editors and shells put a byte-order mark in front."""
    place = tmp_path / "set" / "7"
    place.mkdir(parents=True)
    (place / "a.png").write_bytes(PNG)
    (place.parent / CHOICE_NAME).write_bytes(data)
    assert load("imagenet-v2", place.parent).class_set.indices == (6,)


@given(st.sets(st.integers(0, 999), min_size=1), st.integers(0, 1))
def test_the_right_reading_is_never_excluded(indices: set[int], first: int) -> None:
    """And another one fits only where neither end decides."""
    readings = list_readings([str(index + first) for index in indices], range(1000))
    assert first in readings
    assert (len(readings) == 1) == ((0 if first == 0 else 999) in indices)


def test_the_classes_of_a_set_decide_too(tmp_path: Path) -> None:
    """A set of 200 classes leaves one reading where 1000 leave two."""
    (tmp_path / "sets.toml").write_text(SETS_FILE)
    real_set = load_sets([tmp_path / "sets.toml"])["numbered-r"]
    indices = list(load_class_set("imagenet-r").indices)[1:50]
    write_folders(tmp_path / "set", [index + 1 for index in indices])
    split = load_real_set(real_set, path=tmp_path / "set", cache=None)
    assert split.rows.labels.ravel().tolist().count(indices[0]) == 1
    assert sorted(split.rows.labels.ravel().tolist()) == indices


@pytest.mark.parametrize("base", ["imagenet-r", "imagenet-a", "imagenet-val", "imagenet-sketch"])
def test_numbers_in_the_place_of_wnids_are_refused(tmp_path: Path, base: str) -> None:
    """Nobody can tell whether they count the set's classes or the 1000."""
    write_folders(tmp_path / "set", [1, 2])
    with pytest.raises(InputError, match="not wnids of ImageNet's 1000 classes"):
        load(base, tmp_path / "set")


def test_a_column_of_numbers_in_the_place_of_wnids_is_refused(tmp_path: Path) -> None:
    """ImageNet-A's mirror has names."""
    write_hub_parquet(tmp_path / "set" / "a.parquet", [PNG] * 2, [1, 2], column="label", names=None)
    with pytest.raises(DataError, match="class '1', which is not one of ImageNet's 1000"):
        load("imagenet-a", tmp_path / "set")
