"""Crops and multi-crop against torchvision and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import adjust_hue

from imagenet_g.baselines.augmenting.crops import (
    CentreCropSpec,
    FlipSpec,
    draw_box,
    make_centre_crop,
    make_flip,
)
from imagenet_g.baselines.augmenting.multi_crop import MultiCropSpec, make_multi_crop, shift_hue
from imagenet_g.baselines.augmenting.registry import Step, StepSpec, make_image_steps, make_views

RNG = np.random.default_rng(0)
PHOTO = Image.fromarray(RNG.integers(0, 256, (90, 120, 3), dtype=np.uint8))


def make_steps(*names: str) -> list[Step]:
    """Steps with their defaults."""
    return [step for _, step in make_image_steps([StepSpec(name=name) for name in names], cache=None)]


def test_boxes_are_spread_as_those_of_torchvision() -> None:
    """Area and form of many, compared by their deciles."""
    scale, ratio = (0.08, 1.0), (3 / 4, 4 / 3)
    torch.manual_seed(0)
    theirs = [RandomResizedCrop.get_params(PHOTO, list(scale), list(ratio)) for _ in range(3000)]
    chance = np.random.default_rng(1)
    ours = [draw_box(PHOTO.size, chance, scale=scale, ratio=ratio) for _ in range(3000)]
    for measure in ("area", "form", "left", "upper"):
        found, wanted = (
            np.quantile(values, np.linspace(0.1, 0.9, 9))
            for values in (
                [measure_box(box[0], box[1], box[2] - box[0], box[3] - box[1], measure) for box in ours],
                [measure_box(left, upper, wide, tall, measure) for upper, left, tall, wide in theirs],
            )
        )
        np.testing.assert_allclose(found, wanted, rtol=0.1, atol=3)


def measure_box(left: int, upper: int, wide: int, tall: int, measure: str) -> float:
    """One property of a box."""
    return {"area": wide * tall, "form": 100 * wide / tall, "left": left, "upper": upper}[measure]


def test_half_of_the_images_are_mirrored() -> None:
    """By the chance that is given."""
    chance = np.random.default_rng(0)
    flip = make_flip(FlipSpec())
    mirrored = sum(flip(PHOTO, chance, 8)[0] is not PHOTO for _ in range(400))
    assert 160 < mirrored < 240


def test_a_centre_crop_is_the_middle() -> None:
    """Against Pillow's own cut and resize."""
    (found,) = make_centre_crop(CentreCropSpec())(PHOTO, RNG, 45)
    expected = PHOTO.crop((15, 0, 105, 90)).resize((45, 45), Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(found), np.asarray(expected))


def test_multi_crop_gives_one_wide_view_and_eight_near_ones() -> None:
    """At 224 and 96 pixels."""
    views = make_views(PHOTO, make_steps("dino-multi-crop"), np.random.default_rng(0), 224)
    assert [view.size for view in views] == [(224, 224)] + 8 * [(96, 96)]


def test_without_changes_of_colour_a_local_view_is_a_plain_crop() -> None:
    """Of a picture whose values are places, the extremes of a view say how large a part it is."""
    ramp = np.stack(np.broadcast_arrays(*np.mgrid[0:240, 0:240], 0), axis=-1).astype(np.uint8)
    options = MultiCropSpec(flip=0, jitter=0, grey=0, global_blur=0, local_blur=0, solarise=0)
    views = make_multi_crop(options)(Image.fromarray(ramp), np.random.default_rng(0), 224)
    for number, view in enumerate(views):
        pixels = np.asarray(view, np.float64)
        tall = (pixels[..., 0].max() - pixels[..., 0].min()) / 240
        wide = (pixels[..., 1].max() - pixels[..., 1].min()) / 240
        low, high = options.local_scale if number else options.global_scale
        assert low - 0.03 < tall * wide < high + 0.03


@pytest.mark.parametrize("turn", [-0.1, 0.03, 0.1])
def test_hues_turn_as_in_torchvision(turn: float) -> None:
    """Bit for bit on a PIL image."""
    assert np.array_equal(np.asarray(shift_hue(PHOTO, turn)), np.asarray(adjust_hue(PHOTO, turn)))


def test_the_same_chance_gives_the_same_views() -> None:
    """All of a view's chance comes from its generator."""
    steps = make_steps("dino-multi-crop")
    first, again = (
        [np.asarray(view) for view in make_views(PHOTO, steps, np.random.default_rng(7), 32)] for _ in "ab"
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
