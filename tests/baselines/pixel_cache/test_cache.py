"""The cache of decoded images: exact, filled once, and clear about space."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from recipe_cases import NUM_CLASSES, write_pictures

from imagenet_g.baselines.pixel_cache import cache as cache_module
from imagenet_g.baselines.pixel_cache.cache import CacheRequest, find_folder, load_pixels, resize_short
from imagenet_g.benchmark.errors import DataError, StorageError
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """One picture of each class."""
    return load_folder(write_pictures(tmp_path / "set", per_class=[1] * NUM_CLASSES, seed=0), cache=None)


def make_request(root: Path, *, limit: int | None = None, heard: list[str] | None = None) -> CacheRequest:
    """Small images, one thread."""
    lines = heard if heard is not None else []
    return CacheRequest(root=root, short_px=16, workers=1, limit=limit, say=lines.append)


def test_a_cached_image_is_the_decoded_and_resized_one(tmp_path: Path, split: Split) -> None:
    """Bit for bit, also in another process's copy."""
    pixels = load_pixels(split, range(len(split.rows)), make_request(tmp_path / "cache"))
    copied = pickle.loads(pickle.dumps(pixels))
    for row in (0, 7, len(split.rows) - 1):
        expected = np.asarray(resize_short(load_image(split, row), 16))
        assert np.array_equal(np.asarray(pixels.read(row)), expected)
        assert np.array_equal(np.asarray(copied.read(row)), expected)


def test_only_what_is_missing_is_decoded(tmp_path: Path, split: Split) -> None:
    """A mix that needs more adds to the cache, and one that needs less decodes nothing."""
    heard: list[str] = []
    request = make_request(tmp_path / "cache", heard=heard)
    load_pixels(split, [1, 2, 3], request)
    load_pixels(split, [2, 3, 4, 5], request)
    load_pixels(split, [1, 5], request)
    assert [line.split(" of ")[0] for line in heard if line.startswith("decoding")] == [
        "decoding 3 images", "decoding 2 images",
    ]  # fmt: skip


def test_a_killed_fill_goes_on_behind_its_last_pack(
    tmp_path: Path, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is whole; only the rest is decoded again."""
    monkeypatch.setattr(cache_module, "_PACK_BYTES", 5000)
    heard: list[str] = []

    def stop(text: str) -> None:
        if "of 42 decoded" in text:
            raise KeyboardInterrupt

    root = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        load_pixels(split, range(42), CacheRequest(root, 16, 1, None, stop))
    load_pixels(split, range(42), make_request(root, heard=heard))
    (line,) = (line for line in heard if line.startswith("decoding"))
    assert 0 < int(line.split()[1]) < 42


def test_another_size_or_another_content_is_another_cache(tmp_path: Path, split: Split) -> None:
    """By the hash of the content and not by its place."""
    other = load_folder(write_pictures(tmp_path / "b", per_class=[1] * NUM_CLASSES, seed=1), cache=None)
    same = load_folder(write_pictures(tmp_path / "c", per_class=[1] * NUM_CLASSES, seed=0), cache=None)
    folders = [find_folder(tmp_path, one, 16) for one in (split, other, same)]
    assert folders[0] == folders[2] != folders[1]
    assert find_folder(tmp_path, split, 17) != folders[0]


def test_a_cut_pack_is_refused_and_named(tmp_path: Path, split: Split) -> None:
    """A mapped file that is too short would end the process, and not raise an error."""
    request = make_request(tmp_path / "cache")
    load_pixels(split, [0, 1], request)
    (pack,) = (tmp_path / "cache").rglob("*.safetensors")
    os.truncate(pack, pack.stat().st_size - 10)
    with pytest.raises(DataError, match=r"no whole pack of images .*Delete it"):
        load_pixels(split, [0, 1], request)


def test_a_limit_is_kept_before_anything_is_decoded(tmp_path: Path, split: Split) -> None:
    """With the sizes, and what to do."""
    with pytest.raises(StorageError, match=r"need about .* MB in the cache, which holds 0\.0 MB and is lim"):
        load_pixels(split, range(42), make_request(tmp_path / "cache", limit=1000))
    assert not (tmp_path / "cache").exists()


def test_a_disk_that_fills_up_is_one_message(
    tmp_path: Path, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen before the first image is decoded."""
    usage = type("Usage", (), {"free": (1 << 30) + 100})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(StorageError, match=r"the disk of .* has 0\.0 MB to spare.*--cache"):
        load_pixels(split, range(42), make_request(tmp_path / "cache"))
