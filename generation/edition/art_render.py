"""From a drawing to the image file of `mini/renditions`, the same bytes every time.

Every image is 256 x 256 RGB on plain white. The art fills the middle 224 x 224: the usual evaluation crop
keeps 7/8 of each side, and would otherwise cut the art sets that draw to the edge but not those that leave a
margin. White, because the drawings were made for light pages, and any texture would be ours, not the
artist's. Lossless WebP, so that the hash of an image's pixels does not depend on the encoder's version.
"""

from __future__ import annotations

import io
from typing import Literal

from PIL import Image

CANVAS_PX = 256
ART_PX = 224
_WHITE = (255, 255, 255, 255)


def render_art(data: bytes, kind: Literal["svg", "webp"]) -> Image.Image:
    """A drawing as a `CANVAS_PX` square RGB image.

    Args:
        data: An SVG document, or an encoded raster with or without transparency; any aspect.
        kind: Which of the two.
    """
    art = render_svg(data.decode()) if kind == "svg" else _decode_raster(data)
    return place_on_canvas(art)


def render_svg(document: str) -> Image.Image:
    """An SVG document as RGBA, its longer side `ART_PX` pixels; no system fonts are consulted."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=document, width=ART_PX, height=ART_PX, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def place_on_canvas(art: Image.Image) -> Image.Image:
    """An RGBA drawing, scaled to fit `ART_PX`, in the middle of a white canvas; returns RGB."""
    scale = ART_PX / max(art.size)
    size = (max(1, round(art.width * scale)), max(1, round(art.height * scale)))
    if size != art.size:
        art = art.resize(size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (CANVAS_PX, CANVAS_PX), _WHITE)
    canvas.alpha_composite(art, ((CANVAS_PX - size[0]) // 2, (CANVAS_PX - size[1]) // 2))
    return canvas.convert("RGB")


def encode_image(image: Image.Image) -> bytes:
    """The image as a lossless WebP file."""
    buffer = io.BytesIO()
    # For lossless files quality and method mean effort; both are fixed, because the bytes depend on them.
    image.save(buffer, format="WEBP", lossless=True, quality=80, method=4)
    return buffer.getvalue()


def _decode_raster(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGBA")
