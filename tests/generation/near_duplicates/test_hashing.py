"""Perceptual hashes against their definition, and the pairs among them against every pair."""

from __future__ import annotations

import io
import itertools
import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imagenet_g.generation.near_duplicates.hashing import compute_phash, count_bits
from imagenet_g.generation.near_duplicates.pairs import find_near_duplicates, list_pairs


def draw(seed: int, size_px: int = 96) -> Image.Image:
    """A picture of blurred noise: large shapes, as photographs have."""
    values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((size_px, size_px), Image.Resampling.BICUBIC)


def hash_by_sums(image: Image.Image) -> int:
    """The hash as it is defined, each coefficient a sum of its own."""
    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    pixels = [[float(value) for value in row] for row in np.asarray(small)]
    cosine = [[math.cos(math.pi * k * (2 * n + 1) / 64) for n in range(32)] for k in range(8)]
    found = [
        sum(pixels[y][x] * cosine[u][y] * cosine[v][x] for y in range(32) for x in range(32))
        for u, v in itertools.product(range(8), range(8))
    ]
    median = sorted(found)[31] / 2 + sorted(found)[32] / 2
    return int("".join("1" if value > median else "0" for value in found), 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_hash_is_that_of_its_definition(seed: int) -> None:
    """The 64 lowest frequencies, each computed as a plain sum."""
    assert compute_phash(draw(seed)) == hash_by_sums(draw(seed))


def test_scaled_compressed_and_brightened_images_are_near_and_others_far() -> None:
    """At most 4 bits for one picture, more than 10 for two."""
    picture = draw(7)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=40)
    changed = [
        picture.resize((70, 64)),
        Image.open(io.BytesIO(stream.getvalue())),
        ImageEnhance.Brightness(picture).enhance(0.9),
    ]
    assert all(count_bits(compute_phash(one) ^ compute_phash(picture)) <= 4 for one in changed)
    others = [compute_phash(draw(seed)) for seed in range(20, 40)]
    assert min(count_bits(a ^ b) for a, b in itertools.combinations(others, 2)) > 10


@pytest.mark.parametrize("max_distance", [0, 1, 4, 16])
def test_pairs_are_those_of_comparing_each_with_each(max_distance: int) -> None:
    """Numbers with few bits set in places of chance, so that there are pairs of every distance."""
    rng = np.random.default_rng(0)
    values = {
        sum(1 << int(bit) for bit in rng.choice(64, int(rng.integers(0, 9)), replace=False))
        for _ in range(150)
    }
    unique = np.array(sorted(values), dtype=np.uint64)
    expected = {
        (a, b, distance)
        for a, b in itertools.combinations(range(len(unique)), 2)
        if (distance := count_bits(int(unique[a]) ^ int(unique[b]))) <= max_distance
    }
    assert set(list_pairs(unique, max_distance)) == expected


def test_what_remains_has_no_two_near_ones_and_everything_else_is_near_what_remains() -> None:
    """Also with a reference, which is preferred."""
    rng = np.random.default_rng(1)
    values = [sum(1 << int(bit) for bit in rng.choice(64, 4, replace=False)) for _ in range(120)]
    images, reference = values[:90], values[90:]
    found = {one.row: one for one in find_near_duplicates(images, reference, 4)}
    remaining = [row for row in range(len(images)) if row not in found]
    assert found
    for a, b in itertools.combinations(remaining, 2):
        assert count_bits(images[a] ^ images[b]) > 4
    for row, other in itertools.product(remaining, reference):
        assert count_bits(images[row] ^ other) > 4
    for row, one in found.items():
        assert count_bits(images[row] ^ values[one.of]) == one.distance <= 4
        assert one.of in remaining or one.of >= len(images)
