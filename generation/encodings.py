"""Pixels to the bytes of an image file, the same bytes every time with the same Pillow."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from imagenet_g.generation.specs import EncodingSpec

if TYPE_CHECKING:
    from PIL import Image


def encode_image(image: Image.Image, spec: EncodingSpec) -> bytes:
    """The image as PNG (lossless) or JPEG (4:4:4)."""
    stream = io.BytesIO()
    if spec.format == "png":
        image.save(stream, format="PNG", compress_level=6)
    else:
        image.save(stream, format="JPEG", quality=spec.quality, subsampling=0)
    return stream.getvalue()
