"""Image files: the pixels that Pillow reads, or one clear reason."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from doors import RULE, damage, doors
from hypothesis import given
from hypothesis import strategies as st
from odd_images import ODD_NAMES, make_odd_image, resize_header
from PIL import Image, ImageFile

from imagenet_g.benchmark.images.decoding import FORMATS, MAX_PIXELS, decode_image

FAX = ("group3", "group4", "tiff_ccitt", "tiff_thunderscan")
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([4096, 65535, 2**24, 2**31 - 1]))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_file_gives_its_pixels_or_a_reason(name: str) -> None:
    """Each whole."""
    compare_with_pillow(make_odd_image(name))


@doors(150)
@given(data=st.data(), name=st.sampled_from(ODD_NAMES))
def test_a_damaged_file_gives_its_pixels_or_a_reason(data: st.DataObject, name: str) -> None:
    """Truncated, with flipped bits, with bytes put in or blanked."""
    compare_with_pillow(data.draw(damage(make_odd_image(name))))


@doors(25)
@given(
    name=st.sampled_from(["rgb png", "grey png", "palette png", "rgb jpeg", "gif", "bmp", "16-bit grey png"]),
    width=SIZES,
    height=SIZES,
)
def test_a_file_that_claims_another_size_gives_pixels_or_a_reason(name: str, width: int, height: int) -> None:
    """Never memory for pixels that are not there."""
    compare_with_pillow(resize_header(make_odd_image(name), width, height))


@doors(30)
@given(first=st.sampled_from(ODD_NAMES), second=st.sampled_from(ODD_NAMES), at=st.integers(0, 400))
def test_two_files_in_one_give_pixels_or_a_reason(first: str, second: str, at: int) -> None:
    """The head of one and the rest of another."""
    compare_with_pillow(make_odd_image(first)[:at] + make_odd_image(second))


def compare_with_pillow(data: bytes) -> None:
    """Check what `decode_image` gives against Pillow's own conversion of the bytes."""
    with warnings.catch_warnings():
        # Pillow warns of what it repairs; a run of the product shows no warnings either.
        warnings.simplefilter("ignore")
        # The reason stands beside the name of the image in a result, so it names none itself.
        decoded = RULE.enter("images", lambda: decode_image(data), names=[""])
        expected = read_with_pillow(data)
    if decoded is None:
        assert expected is None, "Pillow reads it"
        return
    assert expected is not None, "Pillow does not read it"
    assert decoded.mode == "RGB"
    assert np.array_equal(np.asarray(decoded), expected)


def read_with_pillow(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """RGB values as timm reads them, 16-bit grey by its high byte; None where nothing right can be said."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in (*FORMATS, "MPO") or image.width * image.height > MAX_PIXELS:
                return None
            if image.info.get("compression") in FAX:
                return None
            image.load()
            if image.mode == "F":
                return None
            if image.mode.startswith("I"):
                return spread_grey(np.asarray(image).astype(np.int64))
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


def spread_grey(
    values: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """Three equal channels of the high bytes; None outside 16 bits."""
    if values.min() < 0 or values.max() > 0xFFFF:
        return None
    return np.repeat((values // 256).astype(np.uint8)[..., None], 3, axis=2)
