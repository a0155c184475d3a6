"""Changes to a whole composite that make a style visible: blur, pixels, a pencil sketch.

Every finish takes a numpy generator, the image and the objects' coverage, and returns an image: `(side,
side, 3)` float32 in [0, 255], coverage `(side, side, 1)` in [0, 1].
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageFilter

from imagenet_g.generation.composites.scenes import Picture, make_noise

Finish: TypeAlias = Callable[[np.random.Generator, Picture, Picture], Picture]
# Source: ITU-R BT.601, as Pillow's own conversion to grey.
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def to_image(picture: Picture) -> Image.Image:
    """The image as 8-bit RGB."""
    # Rounded, because a cast to integers cuts off.
    return Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


def to_picture(image: Image.Image) -> Picture:
    """An image as `(height, width, 3)` float32 in [0, 255]."""
    return np.asarray(image.convert("RGB"), dtype=np.float32)


def _grey_of(picture: Picture) -> Picture:
    return (picture @ _LUMA)[:, :, None]


def _grey(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    return np.repeat(_grey_of(picture), 3, axis=2)


def _resample(picture: Picture, cells: int, enlarge: Image.Resampling) -> Picture:
    image, side = to_image(picture), picture.shape[0]
    return to_picture(image.resize((cells, cells), Image.Resampling.BOX).resize((side, side), enlarge))


def _coarse(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    return _resample(picture, max(picture.shape[0] // 3, 1), Image.Resampling.BILINEAR)


def _pixels(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    return _resample(picture, max(picture.shape[0] // 4, 1), Image.Resampling.NEAREST)


def _blur(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    radius = picture.shape[0] * rng.uniform(0.022, 0.034)
    return to_picture(to_image(picture).filter(ImageFilter.GaussianBlur(radius)))


def _jpeg(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    # Pillow's encoder and not an imitation, so that the blocks are those of real JPEG files.
    buffer = io.BytesIO()
    to_image(picture).save(buffer, format="JPEG", quality=int(rng.integers(4, 9)))
    return to_picture(Image.open(buffer))


def _dark(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    return picture * np.float32(rng.uniform(0.28, 0.45))


def _bright(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    return 255 - (255 - picture) * np.float32(rng.uniform(0.35, 0.55))


def _fog(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    kept = rng.uniform(0.3, 0.45)
    noise = rng.normal(0, 9, picture.shape)
    made: Picture = (picture * kept + picture.mean() * (1 - kept) + noise).astype(np.float32)
    return made


def _specks(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    stains = make_noise(rng, picture.shape[0], 20) > 0.78
    return np.where(stains, picture * 0.3 + np.array((52, 38, 22), np.float32), picture).astype(np.float32)


def _edges(picture: Picture) -> Picture:
    """How strongly the luma changes, `(side, side, 1)` in [0, 255]."""
    down, right = np.gradient(_grey_of(picture)[:, :, 0])
    made: Picture = np.clip(np.hypot(down, right) * 3.2, 0, 255)[:, :, None]
    return made


def _sketch(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    shade = (255 - _grey_of(picture)) * 0.25 * coverage
    return np.repeat(np.clip(250 - _edges(picture) - shade, 0, 255), 3, axis=2)


def _ink(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    ink = np.array((30, 45, 60), np.float32)
    strength = np.clip(coverage * (255 - _grey_of(picture)) / 255 * 0.75 + _edges(picture) / 400, 0, 0.9)
    skin = np.median(picture.reshape(-1, 3), axis=0) if coverage.mean() < 0.4 else picture[0, 0]
    paper = picture * (1 - coverage) + skin.astype(np.float32) * coverage
    return paper * (1 - strength) + ink * strength


def _stone(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    grey = _grey_of(picture)
    relief = np.roll(grey, 1, axis=(0, 1)) - grey
    grain = (make_noise(rng, picture.shape[0], 32) - 0.5) * 26
    stone = np.clip(150 + (grey - 128) * 0.35 + relief * 0.9 + grain, 0, 255) * np.array((1, 0.98, 0.93))
    made: Picture = (picture * (1 - coverage) + stone * coverage).astype(np.float32)
    return made


def _weave(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    threads = np.where((rows + columns) % 4 < 2, 1.12, 0.84).astype(np.float32)[:, :, None]
    return picture * (1 - coverage) + picture * threads * coverage


def _brush(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    strokes = to_picture(to_image(picture).filter(ImageFilter.ModeFilter(5)))
    return np.floor(strokes / 42) * 42 + 21


def _hue(rng: np.random.Generator, picture: Picture, coverage: Picture) -> Picture:
    turned = np.roll(picture, int(rng.integers(1, 3)), axis=2)
    return picture * (1 - coverage) + turned * coverage


FINISHES: dict[str, Finish] = {
    "grey": _grey,
    "coarse": _coarse,
    "pixels": _pixels,
    "blur": _blur,
    "jpeg": _jpeg,
    "dark": _dark,
    "bright": _bright,
    "fog": _fog,
    "specks": _specks,
    "sketch": _sketch,
    "ink": _ink,
    "stone": _stone,
    "weave": _weave,
    "brush": _brush,
    "hue": _hue,
}
