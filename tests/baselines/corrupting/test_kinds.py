"""Kinds of corruption: against direct calls of the library, with every source of chance seeded."""

from __future__ import annotations

import imagecorruptions
import numpy as np
import pytest

from imagenet_g.baselines.corrupting import kinds
from imagenet_g.baselines.corrupting.kinds import (
    COMMON,
    EXTRA,
    KINDS,
    Pixels,
    choose_kinds,
    choose_seed,
    corrupt_pixels,
    load_library,
)
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError


def make_pixels(height: int, width: int, *, grey: bool = False) -> Pixels:
    """A bright block on noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 1 if grey else 3), np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = 220
    return np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3)))


SQUARE, WIDE, GREY = make_pixels(64, 64), make_pixels(33, 47), make_pixels(32, 32, grey=True)


def test_the_kinds_are_those_of_the_library_in_its_order() -> None:
    """Fifteen and four."""
    assert list(COMMON) == imagecorruptions.get_corruption_names("common")
    assert list(EXTRA) == imagecorruptions.get_corruption_names("validation")


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_what_the_library_makes_of_it_by_the_seed(kind: str) -> None:
    """Square, wide and grey; twice the same, another by another seed where chance has a part."""
    # The two that have a state of their own take a seed by name, the others that of NumPy.
    own = {"seed": 7} if kind in ("glass_blur", "impulse_noise") else {}
    for pixels in (SQUARE, WIDE, GREY):
        np.random.seed(7)
        expected = imagecorruptions.corrupt(pixels, severity=5, corruption_name=kind, **own)
        found = [
            corrupt_pixels(imagecorruptions, pixels, kind=kind, severity=5, seed=seed) for seed in (7, 7, 8)
        ]
        assert found[0].shape == pixels.shape
        assert found[0].dtype == np.uint8
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[1], expected)
        by_chance = kind not in (
            "defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression",
            "gaussian_blur", "saturate",
        )  # fmt: skip
        assert (found[2] != expected).any() == by_chance
        assert (found[0] != pixels).any()


@pytest.mark.parametrize("kind", ["snow", "impulse_noise"])
def test_numpys_global_state_is_left_as_it_was(kind: str) -> None:
    """Whatever a kind draws."""
    np.random.seed(3)
    expected = np.random.random(4)
    np.random.seed(3)
    corrupt_pixels(imagecorruptions, SQUARE, kind=kind, severity=1, seed=0)
    np.testing.assert_array_equal(np.random.random(4), expected)


def test_every_image_and_kind_has_a_seed_of_its_own() -> None:
    """That NumPy's global state takes."""
    seeds = {choose_seed(seed, kind, image) for seed in (0, 1) for kind in KINDS for image in ("a", "b")}
    assert len(seeds) == 2 * len(KINDS) * 2
    assert 0 <= min(seeds) <= max(seeds) < 2**32


def test_an_image_that_is_too_small_is_refused() -> None:
    """With its size."""
    with pytest.raises(DataError, match="40 x 31 pixels"):
        corrupt_pixels(imagecorruptions, make_pixels(31, 40), kind="fog", severity=1, seed=0)


def test_a_kind_that_there_is_not_is_refused() -> None:
    """All are listed."""
    with pytest.raises(UnknownNameError, match="gaussian_noise"):
        choose_kinds(["gaussian_nose"])


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an older one with a module of the same name is there."""
    monkeypatch.setattr(kinds, "LIBRARY", "imagecorruptions-imaug-that-is-not-here")
    with pytest.raises(InputError, match=r"imagenet-g\[corruptions\]"):
        load_library()
