"""Tests of the step from a drawing to an image file."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from imagenet_g.generation.edition.art_render import (
    ART_PX,
    CANVAS_PX,
    encode_image,
    place_on_canvas,
    render_art,
)

BLUE_SQUARE = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" fill="#0000ff"/></svg>"""
INK_DISC = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" color="#000">
<circle cx="16" cy="16" r="12" fill="currentColor"/></svg>"""
MARGIN_PX = (CANVAS_PX - ART_PX) // 2


def render_pixels(document: bytes) -> npt.NDArray[np.uint8]:
    """Pixels of a rendered SVG, `(256, 256, 3)` uint8."""
    return np.asarray(render_art(document, "svg"))


def test_art_fills_the_middle_and_the_margin_is_white() -> None:
    """A full-bleed square comes out as 224 of 256 pixels, the crop of 7/8."""
    is_blue = (render_pixels(BLUE_SQUARE) == (0, 0, 255)).all(axis=2)
    expected = np.zeros((CANVAS_PX, CANVAS_PX), dtype=bool)
    expected[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = True
    np.testing.assert_array_equal(is_blue, expected)
    assert (render_pixels(BLUE_SQUARE)[~expected] == 255).all()


def test_current_colour_is_black() -> None:
    """High-contrast glyphs have no colour of their own."""
    assert render_pixels(INK_DISC)[CANVAS_PX // 2, CANVAS_PX // 2].tolist() == [0, 0, 0]


def test_a_disc_has_the_area_of_a_disc() -> None:
    """The rasteriser keeps the geometry: pi r^2 at 7 pixels a unit, within the outline's error."""
    darkness = 1 - render_pixels(INK_DISC)[..., 0] / 255
    assert darkness.sum() == pytest.approx(np.pi * (12 * ART_PX / 32) ** 2, rel=1e-3)


def test_transparent_pixels_leave_no_colour_behind() -> None:
    """Red that is invisible must not bleed into the outline when the art is scaled."""
    art = np.zeros((64, 64, 4), dtype=np.uint8)
    art[..., 0] = 255
    art[16:48, 16:48] = (0, 0, 0, 255)
    pixels = np.asarray(place_on_canvas(Image.fromarray(art, "RGBA"))).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 1]).max() <= 1


def test_wide_art_keeps_its_aspect() -> None:
    """Twice as wide as high goes in, twice as wide as high comes out."""
    art = Image.new("RGBA", (100, 50), (0, 0, 0, 255))
    dark = np.asarray(place_on_canvas(art))[..., 0] == 0
    assert (dark.any(axis=0).sum(), dark.any(axis=1).sum()) == (ART_PX, ART_PX // 2)


def test_encoding_loses_nothing() -> None:
    """The file decodes to the very pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (CANVAS_PX, CANVAS_PX, 3), dtype=np.uint8)
    image = Image.fromarray(noise, "RGB")
    decoded = Image.open(io.BytesIO(encode_image(image)))
    np.testing.assert_array_equal(np.asarray(decoded.convert("RGB")), noise)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """Rendering and encoding have no state and no chance in them."""
    first, second = (encode_image(render_art(INK_DISC, "svg")) for _ in range(2))
    assert first == second
