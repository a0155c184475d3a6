"""Whether a split can be read at all, whatever its images lie in."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from image_sets import encode, make_image, write_class_folders, write_hub_parquet, write_tar

from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image, require_readable
from imagenet_g.benchmark.splits.real_set_files import find_real_set
from imagenet_g.benchmark.splits.real_sets import load_real_set
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.training.pictures import load_pictures
from imagenet_g.generation.plans.sources import load_sources

WNIDS = [info.wnid for info in load_classes()]
R_WNIDS = [WNIDS[index] for index in load_class_set("imagenet-r").indices]
PAGE = b"<!DOCTYPE html><title>429 Too Many Requests</title>"


def load_set(base: str, path: Path) -> Split:
    """A local copy of a real set."""
    real_set = find_real_set(base)
    assert real_set is not None
    return load_real_set(real_set, path=path, cache=path.parent / "cache")


def write_folders(root: Path, data: bytes) -> str:
    """Class folders of two files."""
    for wnid in R_WNIDS[:2]:
        (root / wnid).mkdir(parents=True)
        (root / wnid / "a.jpg").write_bytes(data)
    return "imagenet-r"


def write_parquet(root: Path, data: bytes) -> str:
    """A parquet of two files."""
    write_hub_parquet(root / "a.parquet", [data, data], R_WNIDS[:2], column="wnid", names=None)
    return "imagenet-r"


def write_zip(root: Path, data: bytes) -> str:
    """A zip of two files."""
    (root / "data").mkdir(parents=True)
    with zipfile.ZipFile(root / "data" / "a.zip", "w") as archive:
        for wnid in WNIDS[:2]:
            archive.writestr(f"sketch/{wnid}/a.jpg", data)
    return "imagenet-sketch"


def write_gzip(root: Path, data: bytes) -> str:
    """A tar.gz of two files."""
    members = {f"set/{number}/a.jpg": data for number in (0, 7)}
    write_tar(root / "imagenetv2-matched-frequency.tar.gz", members, mode="w:gz")
    return "imagenet-v2"


def write_samples(root: Path, data: bytes) -> str:
    """A webdataset of two files."""
    members = {"0.jpg": data, "0.cls": b"0", "1.jpg": data, "1.cls": b"4"}
    write_tar(root / "imagenet1k-validation-00.tar", members)
    return "imagenet-val"


@pytest.mark.parametrize("write", [write_folders, write_parquet, write_zip, write_gzip, write_samples])
def test_images_that_are_pages_are_named_in_every_container(tmp_path: Path, write: object) -> None:
    """Folders, parquet, zip, tar.gz and webdataset: one mechanism, one message."""
    base = write(tmp_path / "set", PAGE)  # type: ignore[operator]
    split = load_set(base, tmp_path / "set")
    with pytest.raises(DataError, match=r"^None of the 2 images of 'x' .*\(2 images\): .* an HTML page"):
        require_readable(split, range(2), ref="x")


def test_one_readable_image_is_enough(tmp_path: Path) -> None:
    """Wherever it is among the others."""
    root = write_class_folders(tmp_path / "set", WNIDS[:50])
    for wnid in WNIDS[:50]:
        (root / wnid / "img_0.png").write_bytes(PAGE)
    (root / WNIDS[33] / "img_0.png").write_bytes(encode(make_image()))
    split = load_set("imagenet-val", root)
    require_readable(split, range(50), ref="x")
    assert load_image(split, 33).size == (8, 8)
    with pytest.raises(DataError, match="None of the 33 images"):
        require_readable(split, range(33), ref="x")


def test_sources_of_generated_images_are_checked_before_a_generator_runs(tmp_path: Path) -> None:
    """SD-I starts from real images."""
    write_folders(tmp_path / "set", PAGE)
    with pytest.raises(DataError, match="None of the 2 images of 'imagenet-r' can be read"):
        load_sources("imagenet-r", data={"imagenet-r": tmp_path / "set"}, cache=None)


def test_training_names_the_image_that_it_cannot_read(tmp_path: Path) -> None:
    """It needs every image, and says which one to repair."""
    root = write_class_folders(tmp_path / "set", WNIDS[:2])
    (root / WNIDS[1] / "img_0.png").write_bytes(b"")
    with pytest.raises(DataError, match=f"Image '{WNIDS[1]}/img_0.png' of 'folder:.*': empty file"):
        load_pictures(f"folder:{root}", {}, cache=None, say=lambda text: None, captioned=False)
