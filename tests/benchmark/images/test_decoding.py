"""Decoding: the same pixels as timm sees, or one clear reason."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import encode, make_image
from odd_images import ODD_FILES, RAMP, make_ramp
from PIL import Image, ImageFile

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.decoding import crop_border, decode_image, hash_pixels


@pytest.mark.parametrize("name", ODD_FILES)
def test_pixels_are_those_of_open_and_convert(name: str) -> None:
    """Timm and torchvision see Image.open(...).convert("RGB")."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.asarray(Image.open(io.BytesIO(ODD_FILES[name])).convert("RGB"))
    decoded = decode_image(ODD_FILES[name])
    assert decoded.mode == "RGB"
    assert (np.asarray(decoded) == expected).all()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # timm leaves its files open
def test_pixels_are_those_of_timms_own_reader(tmp_path: Path) -> None:
    """The whole way through timm's ImageDataset."""
    from timm.data.dataset_factory import create_dataset

    (tmp_path / "n01440764").mkdir()
    kinds = {"a.jpg": "cmyk jpeg", "b.jpg": "grey jpeg", "c.png": "rgba png", "d.png": "palette png"}
    for file, kind in kinds.items():
        (tmp_path / "n01440764" / file).write_bytes(ODD_FILES[kind])
    dataset = create_dataset("", root=str(tmp_path))
    for number, kind in enumerate(kinds.values()):
        assert (np.asarray(dataset[number][0]) == np.asarray(decode_image(ODD_FILES[kind]))).all()


def test_sixteen_bit_grey_keeps_its_high_byte() -> None:
    """Pillow's plain conversion clips everything above 255 to white."""
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    decoded = np.asarray(decode_image(encode(Image.fromarray(values))))
    assert (decoded[..., 0] == values >> 8).all()
    assert (decoded[..., 0] == decoded[..., 2]).all()


def test_sixteen_bit_grey_tiff_is_read_alike() -> None:
    """The file format does not matter."""
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    tiff, png = (decode_image(encode(Image.fromarray(values), kind)) for kind in ("TIFF", "PNG"))
    assert tiff.tobytes() == png.tobytes()


def test_float_pixels_are_refused() -> None:
    """Nobody can say what 1.0 means in a float TIFF."""
    data = encode(Image.fromarray(np.ones((4, 4), dtype=np.float32)), "TIFF")
    with pytest.raises(DataError, match="no fixed range"):
        decode_image(data)


def test_grey_beyond_sixteen_bits_is_refused() -> None:
    """32-bit integers have no agreed range."""
    data = encode(Image.fromarray(np.full((4, 4), 70_000, dtype=np.int32)), "TIFF")
    with pytest.raises(DataError, match=r"outside 0\.\.65535"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    """As timm, which never seeks."""
    frames = [make_image((200, 0, 0)), make_image((0, 0, 200))]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    red, _, blue = np.asarray(decode_image(data))[4, 4]
    assert red > 150
    assert blue < 50


def test_exif_rotation_is_ignored() -> None:
    """Timm does not rotate, and published accuracies stand on that."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(make_image(size=(20, 10)), "JPEG", exif=exif)
    assert decode_image(data).size == (20, 10)


@given(kept=st.floats(0.05, 0.95))
def test_a_truncated_jpeg_is_refused(kept: float) -> None:
    """Never half an image with the rest grey."""
    data = encode(make_ramp("RGB").resize((200, 200)), "JPEG")
    with pytest.raises(DataError, match=r"(?i)cannot be decoded: .*truncated"):
        decode_image(data[: int(len(data) * kept)])


def test_a_truncated_jpeg_is_refused_though_a_library_allowed_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's switch is global, and others throw it."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encode(make_ramp("RGB").resize((200, 200)), "JPEG")
    with pytest.raises(DataError, match="truncated"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_half_a_file_is_refused(kind: str) -> None:
    """In every format."""
    data = encode(make_ramp("RGB"), kind)
    with pytest.raises(DataError, match=r"cannot be decoded|not an image file"):
        decode_image(data[: len(data) // 2])


@given(data=st.binary(max_size=200))
def test_any_bytes_give_an_image_or_a_data_error(data: bytes) -> None:
    """Nothing else escapes."""
    with pytest.raises(DataError):
        decode_image(data)


@given(position=st.integers(0, 500), value=st.integers(0, 255), name=st.sampled_from(sorted(ODD_FILES)))
def test_a_damaged_file_gives_an_image_or_a_data_error(position: int, value: int, name: str) -> None:
    """Pillow's decoders raise nearly anything; none of it escapes."""
    damaged = bytearray(ODD_FILES[name])
    damaged[position % len(damaged)] = value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert decode_image(bytes(damaged)).mode == "RGB"
    except DataError as error:
        assert len(str(error)) < 200


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_a_fax_tiff_is_refused(compression: str) -> None:
    """Behind a bad code word libtiff gives what the memory held: other pixels in each run, and no error."""
    with pytest.raises(DataError, match="save it as PNG"):
        decode_image(encode(make_ramp("1"), "TIFF", compression=compression))


def test_an_empty_file_says_so() -> None:
    """Not "cannot identify image file <_io.BytesIO ...>"."""
    with pytest.raises(DataError, match="empty file"):
        decode_image(b"")


def test_a_decompression_bomb_is_refused_unread() -> None:
    """A few bytes that claim 10^10 pixels."""
    header = b"P6\n100000 100000\n255\n"
    with pytest.raises(DataError, match="decompression bomb"):
        decode_image(header)


def test_a_file_just_above_the_limit_is_refused() -> None:
    """Between Pillow's warning and its error too."""
    with pytest.raises(DataError, match="decompression bomb"):
        decode_image(b"P6\n10000 9000\n255\n")


def test_postscript_is_refused() -> None:
    """Pillow would start Ghostscript on it."""
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(DataError, match="not an image file"):
        decode_image(data)


def test_pixel_hash_is_sha256_over_shape_and_rgb() -> None:
    """Spelled out by hand."""
    image = make_ramp("RGB")
    assert hash_pixels(image) == hashlib.sha256(b"16x24x3:" + RAMP.tobytes()).hexdigest()


def test_pixel_hash_survives_lossless_encoding() -> None:
    """PNG, WebP and BMP hold the same pixels."""
    hashes = {hash_pixels(decode_image(ODD_FILES[kind])) for kind in ("rgb png", "webp", "bmp")}
    assert hashes == {hash_pixels(make_ramp("RGB"))}


def test_pixel_hash_tells_shapes_apart() -> None:
    """The same bytes in another shape are another image."""
    assert hash_pixels(make_image(size=(4, 9))) != hash_pixels(make_image(size=(9, 4)))


def test_border_is_cut_on_all_sides() -> None:
    """ObjectNet's red frame."""
    image = Image.new("RGB", (6, 5), (255, 0, 0))
    image.paste((0, 255, 0), (1, 1, 5, 4))
    inner = crop_border(image, 1)
    assert inner.size == (4, 3)
    assert inner.getcolors() == [(12, (0, 255, 0))]


def test_a_border_that_leaves_nothing_is_an_error() -> None:
    """Not an image of no size."""
    with pytest.raises(DataError, match="leave nothing"):
        crop_border(make_image(size=(2, 9)), 1)
