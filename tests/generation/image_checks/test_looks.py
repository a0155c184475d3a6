"""Looks at images against numpy and scikit-image, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from checked_images import MemoryReader, check, draw, make_memory_split
from PIL import Image
from skimage.exposure import is_low_contrast

from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.looks import look_at_rows
from imagenet_g.generation.image_checks.tones import count_plain, find_plain
from imagenet_g.generation.near_duplicates.hashing import compute_phash
from imagenet_g.generation.rendering.pixel_scorer import find_quantile


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.99, 1.0])
def test_quantiles_from_counts_are_those_of_numpy(share: float) -> None:
    """777 values of 0 to 255."""
    values = np.random.default_rng(0).integers(0, 256, 777)
    counts = np.bincount(values, minlength=256)
    assert find_quantile(counts, share) == pytest.approx(np.quantile(values, share))


def test_brightness_and_contrast_are_mean_and_deviation_of_the_grey_values() -> None:
    """As numpy has them."""
    pictures = [draw(seed) for seed in range(3)]
    looks = check(pictures, [0, 0, 0]).looks
    greys = [np.asarray(picture.convert("L"), dtype=np.float64) / 255 for picture in pictures]
    assert looks.get("brightness") == pytest.approx([grey.mean() for grey in greys], abs=1e-6)
    assert looks.get("contrast") == pytest.approx([grey.std() for grey in greys], abs=1e-6)


def test_hashes_are_whole_after_being_kept_as_floats() -> None:
    """64 bits do not fit into a float32."""
    pictures = [draw(seed) for seed in range(20)]
    assert check(pictures, [0] * 20).looks.hashes.tolist() == [compute_phash(one) for one in pictures]


def test_hue_entropy_is_that_of_the_shares_of_hues_and_unknown_for_greys() -> None:
    """Halves have one bit; a half and two quarters have one and a half."""
    halves = Image.new("RGB", (64, 64), (255, 0, 0))
    halves.paste((0, 0, 255), (0, 0, 64, 32))
    quarters = halves.copy()
    quarters.paste((0, 255, 0), (0, 0, 64, 16))
    grey = Image.new("RGB", (64, 64), (90, 90, 90))
    found = check([halves, quarters, grey], [0, 0, 0]).looks.get("hue_entropy")
    assert found[:2] == pytest.approx([1.0, 1.5]) and np.isnan(found[2])


def test_low_contrast_is_what_scikit_image_calls_so() -> None:
    """Grey pictures of every range about the limit."""
    noise = np.random.default_rng(1).random((40, 40))
    pictures = [Image.fromarray((100 + width * noise).astype(np.uint8)) for width in range(2, 30)]
    masks = find_plain(check(pictures, [0] * len(pictures)).looks)
    expected = [is_low_contrast(np.asarray(one)) for one in pictures]  # type: ignore[no-untyped-call]
    assert masks["low_contrast"].tolist() == expected
    assert 0 < masks["low_contrast"].sum() < len(pictures)


def test_near_black_near_white_and_flat_images_are_counted_with_their_classes() -> None:
    """One of each, and a picture that is none of them."""
    rng = np.random.default_rng(2)
    dark = Image.fromarray(rng.integers(0, 24, (40, 40, 3), dtype=np.uint8))
    light = Image.fromarray(rng.integers(232, 256, (40, 40, 3), dtype=np.uint8))
    flat = Image.new("RGB", (40, 40), (200, 30, 30))
    plain = count_plain(check([dark, light, flat, draw(3)], [0, 0, 1, 1]))
    counts = (plain.num_near_black, plain.num_near_white, plain.num_flat, plain.num_any, plain.num_images)
    assert counts == (1, 1, 1, 3, 4)
    assert plain.any_by_class == {"n01440764": 2, "n01443537": 1}


def test_an_unreadable_image_is_counted_and_is_in_no_class_of_plain_images() -> None:
    """Bytes that are no image."""
    images = check([draw(0), b"no image"], [0, 0])
    assert images.describe().num_unreadable == 1
    assert count_plain(images).num_any == 0 and np.isnan(images.looks.get("brightness")[1])


def test_kept_looks_are_taken_and_only_missing_rows_are_read(tmp_path: Path) -> None:
    """Three rows, two of them looked at before; one cannot be read."""
    split = make_memory_split([draw(0), b"no image", draw(2)], [0, 0, 0])
    reader = split.reader
    assert isinstance(reader, MemoryReader)
    first = look_at_rows(split, [0, 1], cache=tmp_path, workers=1)
    assert reader.num_read == 2
    again = look_at_rows(split, [0, 1, 2], cache=tmp_path, workers=1)
    assert reader.num_read == 3
    assert again.hashes[:2].tolist() == first.hashes.tolist()
    assert again.readable.tolist() == [True, False, True]


def test_flat_images_are_left_out_of_comparisons() -> None:
    """Black, and a picture."""
    images: CheckedImages = check([Image.new("RGB", (8, 8)), draw(1)], [0, 0])
    assert images.comparable.tolist() == [False, True]
