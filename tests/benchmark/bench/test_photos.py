"""Photos of the speed benchmark: the same everywhere, as a folder and as parquet."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from imagenet_g.benchmark.bench import photos
from imagenet_g.benchmark.bench.photos import PICTURES, make_photo, write_parquet, write_photos
from imagenet_g.benchmark.bench.steps import load_photos
from imagenet_g.benchmark.errors import DataError


def test_a_photo_is_a_jpeg_of_500_by_375_and_the_same_each_time() -> None:
    """Whatever else was made before it."""
    later, sooner = make_photo(7), make_photo(3)
    assert later == make_photo(7) != sooner
    image = Image.open(BytesIO(later))
    assert (image.format, image.size, image.mode) == ("JPEG", (500, 375), "RGB")


def test_every_picture_gives_photos() -> None:
    """No photo of one is like a photo of another."""
    assert len({make_photo(number) for number in range(len(PICTURES))}) == len(PICTURES)


def test_folder_and_parquet_are_one_split(tmp_path: Path) -> None:
    """The same bytes with the same labels in the same order."""
    folder = write_photos(tmp_path / "photos", 5)
    first = load_photos(folder, tmp_path)
    second = load_photos(write_parquet(tmp_path / "parquet", folder), tmp_path)
    assert first.rows.labels.tolist() == second.rows.labels.tolist() == [[row] for row in range(5)]
    for row in range(5):
        assert first.reader.read_image(row) == second.reader.read_image(row) == make_photo(row)


def test_parquet_repeats_photos_where_more_rows_are_wanted(tmp_path: Path) -> None:
    """In groups, the last one smaller."""
    source = write_parquet(tmp_path / "p", write_photos(tmp_path / "photos", 2), number=203)
    split = load_photos(source, tmp_path)
    assert len(split.rows) == 203
    assert split.reader.read_image(202) == make_photo(0)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    photos.load_pictures.cache_clear()
    monkeypatch.setattr(photos, "PICTURES", (("skimage", "data/nothing.png"),))
    with pytest.raises(DataError, match="pip install scikit-learn scikit-image"):
        make_photo(0)
    photos.load_pictures.cache_clear()
