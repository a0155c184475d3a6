"""Procedural backgrounds of composites: smooth colour, a horizon, paper, skin, bricks, cloth.

Every function takes a numpy generator and a side in pixels, and returns `(side, side, 3)` float32, 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Picture: TypeAlias = NDArray[np.floating[Any]]
"""`(side, side, channels)`, mostly float32; a finish may compute in float64."""


def make_scene(rng: np.random.Generator, side: int, kind: str, *, clutter: bool = True) -> Picture:
    """A background.

    Args:
        rng: Source of all random numbers.
        side: Pixels.
        kind: A key of `SCENES`, or "any": smooth colour or a horizon, with random shapes.
        clutter: Whether to add those shapes.
    """
    # The order of draws is part of the recipe: one draw more or less changes every later one, and with it the
    # pixels of published splits.
    if kind != "any":
        return SCENES[kind](rng, side)
    scene = _make_horizon(rng, side) if rng.random() < 0.4 else _make_smooth(rng, side)
    return _add_clutter(rng, scene) if clutter else scene


def make_noise(rng: np.random.Generator, side: int, cells: int, channels: int = 1) -> Picture:
    """Smooth noise in [0, 1]: random values on a grid of `cells`, interpolated; `(side, side, channels)`."""
    grid = rng.random((cells, cells, channels)).astype(np.float32)
    planes = [_enlarge(grid[:, :, channel], side) for channel in range(channels)]
    return np.stack(planes, axis=-1)


def _enlarge(plane: NDArray[np.float32], side: int) -> Picture:
    return np.asarray(Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)


def _pick_color(rng: np.random.Generator) -> Picture:
    """A colour of low saturation, so that the object stands out."""
    color = rng.uniform(40, 235, 3)
    muted = color.mean() + 0.6 * (color - color.mean())
    made: Picture = muted.astype(np.float32)
    return made


def _make_smooth(rng: np.random.Generator, side: int) -> Picture:
    low, high = _pick_color(rng), _pick_color(rng)
    blend = make_noise(rng, side, int(rng.integers(2, 6)))
    return low + (high - low) * np.clip(blend, 0, 1)


def _make_horizon(rng: np.random.Generator, side: int) -> Picture:
    sky, ground = _pick_color(rng), _pick_color(rng)
    height = rng.uniform(0.4, 0.75) + (make_noise(rng, side, 3)[0, :, 0] - 0.5) * 0.12
    rows = np.arange(side, dtype=np.float32)[:, None] / side
    is_ground = 1 / (1 + np.exp(-(rows - height[None, :]) * side))
    scene = sky + (ground - sky) * is_ground[:, :, None]
    made: Picture = (scene + (make_noise(rng, side, 12) - 0.5) * 24).astype(np.float32)
    return made


def _add_clutter(rng: np.random.Generator, scene: Picture) -> Picture:
    side = scene.shape[0]
    image = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, side, 2)
        width, height = rng.uniform(0.08, 0.3, 2) * side
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=tuple(int(value) for value in _pick_color(rng)))
    return np.asarray(image, dtype=np.float32)


def _make_paper(rng: np.random.Generator, side: int) -> Picture:
    return 242 + (make_noise(rng, side, 16) - 0.5) * 14 + np.zeros((1, 1, 3), np.float32)


def _make_skin(rng: np.random.Generator, side: int) -> Picture:
    tones = np.array([(240, 205, 180), (200, 150, 115), (150, 100, 70), (95, 62, 45)], np.float32)
    made: Picture = tones[rng.integers(len(tones))] + (make_noise(rng, side, 4) - 0.5) * 30
    return made


def _make_bricks(rng: np.random.Generator, side: int) -> Picture:
    rows, columns = np.mgrid[0:side, 0:side]
    height, width = max(side // 8, 2), max(side // 4, 4)
    shifted = columns + (rows // height % 2) * (width // 2)
    is_mortar = (rows % height == 0) | (shifted % width == 0)
    brick = np.array((165, 80, 62), np.float32) + rng.uniform(-25, 25, 3).astype(np.float32)
    wall = brick + (make_noise(rng, side, 16) - 0.5) * 40
    return np.where(is_mortar[:, :, None], np.float32(190), wall).astype(np.float32)


def _make_cloth(rng: np.random.Generator, side: int) -> Picture:
    rows, columns = np.mgrid[0:side, 0:side]
    threads = ((rows // 2 + columns // 2) % 2 * 18).astype(np.float32)
    made: Picture = _pick_color(rng) + threads[:, :, None]
    return made


def _make_soft(rng: np.random.Generator, side: int) -> Picture:
    """Light grey of nearly no tint, a little lighter on one side."""
    tint = rng.uniform(170, 245) * rng.normal(1, 0.02, 3)
    made: Picture = (tint + (make_noise(rng, side, 2) - 0.5) * 30).astype(np.float32)
    return made


SCENES: dict[str, Callable[[np.random.Generator, int], Picture]] = {
    "paper": _make_paper,
    "skin": _make_skin,
    "bricks": _make_bricks,
    "cloth": _make_cloth,
    "soft": _make_soft,
}
