"""PixMix against plain loops over pixels, and the operations against Pillow's own."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.stats import beta as beta_law
from scipy.stats import kstest

from imagenet_g.baselines.augmenting import pixmix_operations as operations
from imagenet_g.baselines.augmenting.pixmix import (
    Mixture,
    PixMixSpec,
    cut_picture,
    list_files,
    make_pixmix,
    mix_image,
    open_pictures,
)
from imagenet_g.baselines.augmenting.registry import StepSpec

RNG = np.random.default_rng(0)
PHOTO, PICTURE = (Image.fromarray(RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)) for _ in "ab")


class Scripted:
    """A source of chance that gives what it is given, in order."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)

    def take(self, *arguments: float) -> float:
        return self.values.pop(0)

    random = integers = uniform = beta = take


@pytest.mark.parametrize(("a", "b"), [(0.9, 0.2), (1.3, -0.4), (0.5, 0.0)])
def test_both_mixtures_are_those_of_a_plain_loop(a: float, b: float) -> None:
    """The paper's formulae, pixel by pixel in double precision."""
    first, second = RNG.uniform(0, 1, (2, 3, 4, 3)).astype(np.float32)
    second[0, 0] = 0
    added, multiplied = operations.add(first, second, a, b), operations.multiply(first, second, a, b)
    for place in np.ndindex(first.shape):
        one, two = float(first[place]), float(second[place])
        assert added[place] == pytest.approx((a * (2 * one - 1) + b * (2 * two - 1) + 1) / 2, abs=1e-5)
        wanted = (2 * one) ** a * max(2 * two, 1e-37) ** b / 2
        assert multiplied[place] == pytest.approx(wanted, rel=1e-4)


def test_the_shares_have_the_laws_of_the_paper() -> None:
    """Half of the time Beta(b, 1) and Beta(1, b), else 1 + Beta(1, b) and -Beta(1, b)."""
    chance = np.random.default_rng(0)
    drawn = np.array([operations.draw_shares(chance, 4.0) for _ in range(4000)])
    within = drawn[:, 1] >= 0
    assert 0.46 < within.mean() < 0.54
    for values, law in (
        (drawn[within, 0], beta_law(4, 1)),
        (drawn[within, 1], beta_law(1, 4)),
        (drawn[~within, 0] - 1, beta_law(1, 4)),
        (-drawn[~within, 1], beta_law(1, 4)),
    ):
        assert kstest(values, law.cdf).pvalue > 1e-3


def test_rounds_are_taken_in_their_order() -> None:
    """One by adding the picture, one by multiplying with a changed copy of the image itself."""
    chance = Scripted(
        0.9,  # starts as it is
        2,  # rounds
        0.9, 0.1, 0.1, 0.8, 0.3,  # the picture, added, with shares below 1
        0.1, 1, 0.9, 0.9, 0.2, 0.3,  # a copy by the second operation, multiplied, with shares 1.2 and -0.3
    )  # fmt: skip
    mixture = Mixture(operations.OPERATIONS, 4, 4.0, 1.0)
    found = np.asarray(mix_image(PHOTO, PICTURE, chance, mixture), np.float64)  # type: ignore[arg-type]
    image, picture = np.asarray(PHOTO) / 255, np.asarray(PICTURE) / 255
    copy = np.asarray(ImageOps.equalize(PHOTO)) / 255
    for place in np.ndindex(image.shape):
        mixed = (0.8 * (2 * float(image[place]) - 1) + 0.3 * (2 * float(picture[place]) - 1) + 1) / 2
        mixed = min(max(mixed, 0.0), 1.0)
        mixed = (2 * mixed) ** 1.2 * max(2 * float(copy[place]), 1e-37) ** -0.3 / 2
        mixed = min(max(mixed, 0.0), 1.0)
        assert found[place] == pytest.approx(mixed * 255, abs=0.51)
    assert chance.values == []


def test_no_round_and_no_change_leave_the_image() -> None:
    """Bit for bit."""
    chance = Scripted(0.9, 0)
    found = mix_image(PHOTO, PICTURE, chance, Mixture(operations.OPERATIONS, 4, 4.0, 1.0))  # type: ignore[arg-type]
    assert np.array_equal(np.asarray(found), np.asarray(PHOTO))


def test_zero_to_four_rounds_are_equally_likely() -> None:
    """As the authors draw them: one more than the largest number is never reached."""
    chance = np.random.default_rng(0)
    rounds = [int(chance.integers(PixMixSpec().rounds + 1)) for _ in range(500)]
    assert sorted(set(rounds)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("severity", [1.0, 3.0, 10.0])
def test_every_operation_keeps_the_size_at_every_severity(severity: float) -> None:
    """And gives an RGB image."""
    chance = np.random.default_rng(0)
    for operation in operations.OPERATIONS + operations.OVERLAPPING:
        for _ in range(5):
            changed = operation(PHOTO, chance, severity)
            assert (changed.size, changed.mode) == (PHOTO.size, "RGB")


def test_there_are_nine_operations_and_four_that_overlap_with_imagenet_c() -> None:
    """Without the four, none of them can be drawn."""
    assert (len(operations.OPERATIONS), len(operations.OVERLAPPING)) == (9, 4)
    assert not set(operations.OPERATIONS) & set(operations.OVERLAPPING)


def test_a_shift_is_that_of_whole_pixels() -> None:
    """Sideways, at severity 10: up to a third of the width, black where nothing was."""
    chance = Scripted(10.0, 0.9)
    moved = np.asarray(operations.translate_x(PHOTO, chance, 10.0))  # type: ignore[arg-type]
    assert np.array_equal(moved[:, :8], np.asarray(PHOTO)[:, 4:])
    assert not moved[:, 8:].any()


def test_levels_are_tenths_of_the_largest() -> None:
    """From 0.1 to the severity."""
    chance = np.random.default_rng(0)
    levels = [operations.draw_level(chance, 3.0, 30.0) for _ in range(1000)]
    assert 0.3 <= min(levels) < 0.5
    assert 8.9 < max(levels) <= 9.0


def test_what_is_cut_from_a_picture_is_seven_eighths_of_its_short_side() -> None:
    """Of a picture whose values are places."""
    ramp = np.stack(np.broadcast_arrays(*np.mgrid[0:224, 0:248], 0), axis=-1).astype(np.uint8)
    part = np.asarray(cut_picture(Image.fromarray(ramp), (56, 56), np.random.default_rng(0)), np.float64)
    for channel in (0, 1):
        span = part[..., channel].max() - part[..., channel].min()
        assert math.isclose(span, 224 * 7 / 8, abs_tol=6)


def test_the_same_seed_gives_the_same_pixels_with_and_without_a_cache(tmp_path: Path) -> None:
    """Drawn at once, drawn into the cache, and read from it."""
    options = PixMixSpec(number=3, picture_px=16)
    steps = [make_pixmix(options, cache) for cache in (None, tmp_path, tmp_path)]
    first, *others = (
        [np.asarray(step(PHOTO, np.random.default_rng(seed), 12)[0]) for seed in range(6)] for step in steps
    )
    for other in others:
        assert all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    assert any(not np.array_equal(pixels, np.asarray(PHOTO)) for pixels in first)


def test_a_folder_of_pictures_counts_by_its_content(tmp_path: Path) -> None:
    """A recipe whose pictures were changed is another recipe; drawn fractals need no file."""
    PICTURE.save(tmp_path / "one.png")
    step = StepSpec.model_validate({"name": "pixmix", "pictures": f"folder:{tmp_path}"})
    options = step.read_options()
    assert isinstance(options, PixMixSpec)
    assert len(open_pictures(options, None)) == 1
    before = step.describe()
    PHOTO.save(tmp_path / "one.png")
    assert step.describe() != before
    assert list_files(PixMixSpec()) == ()
    assert StepSpec(name="pixmix").describe() == {"name": "pixmix"}
