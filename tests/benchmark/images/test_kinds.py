"""What lies in the place of an image is named, and which files are images is known by their content."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import encode, make_image

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.images.file_names import find_left_out_kind
from imagenet_g.benchmark.images.kinds import HEAD_BYTES, find_image_format

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
FORMATS = {
    "AVIF": "AVIF",
    "BMP": "BMP",
    "GIF": "GIF",
    "JPEG": "JPEG",
    "JPEG2000": "JPEG 2000",
    "PNG": "PNG",
    "PPM": "PPM",
    "TIFF": "TIFF",
    "WEBP": "WEBP",
}


def make_zip() -> bytes:
    """A zip of one text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "a text")
    return buffer.getvalue()


def make_tar() -> bytes:
    """A tar of one empty file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


IMPOSTORS = {
    "Git LFS pointer: run 'git lfs pull'": LFS_POINTER,
    "git-annex pointer: run 'git annex get'": b"/annex/objects/SHA256E-s12--0a.jpg\n",
    "HTML page": b"\n<!DOCTYPE html>\n<html><body>404</body></html>",
    "XML document": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "SVG drawing": b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
    "zip archive": make_zip(),
    "tar archive": make_tar(),
    "gzip archive": b"\x1f\x8b\x08\x00" + bytes(20),
    "JSON file": json.dumps({"error": "no such file", "code": 404}).encode(),
    "text file": "Zu viele Anfragen, später bitte.".encode(),
    "HEIC image": b"\x00\x00\x00\x18ftypheic" + bytes(20),
    "file of zero bytes": bytes(5000),
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_what_lies_in_the_place_of_an_image_is_named(name: str) -> None:
    """With what to do about it, where that is known."""
    with pytest.raises(DataError, match=f"^not an image file but an? {name}"):
        decode_image(IMPOSTORS[name])


@pytest.mark.parametrize("kept", [30, 100, 400])
def test_a_jpeg_that_breaks_off_is_a_truncated_jpeg_wherever_it_breaks(kept: int) -> None:
    """In the header too, where Pillow only says that it is no image."""
    whole = encode(make_image(size=(200, 200)).effect_spread(50), "JPEG")
    with pytest.raises(DataError, match=r"cannot be decoded: .*truncated JPEG file$"):
        decode_image(whole[:kept])


@pytest.mark.parametrize("kind", FORMATS)
def test_the_head_of_every_format_that_is_decoded_is_known(kind: str) -> None:
    """Otherwise a file without an ending would be left out."""
    assert find_image_format(encode(make_image(), kind)[:HEAD_BYTES]) == FORMATS[kind]


@given(st.text(min_size=1, max_size=600))
def test_no_text_passes_for_an_image(text: str) -> None:
    """Whatever it says, save that a portable pixmap is a text."""
    found = find_image_format(text.encode())
    assert found is None or text.encode()[:1] == b"P"


@pytest.mark.parametrize(
    "name", ["a", "a.jfif", "a.JPE", "a.tench", "a.jpeg.jpg", "a.jpg.1", "n01440764_1.JPEG ", "1"]
)
def test_an_image_is_taken_whatever_its_ending(name: str) -> None:
    """Known by name or else by content."""
    assert find_left_out_kind(name, lambda: encode(make_image(), "JPEG")[:HEAD_BYTES]) is None


def test_a_usual_ending_needs_no_look_into_the_file() -> None:
    """50,000 files are not opened twice."""

    def refuse() -> bytes:
        raise AssertionError

    assert find_left_out_kind("ILSVRC2012_val_00000001.JPEG", refuse) is None


@pytest.mark.parametrize(
    "name", [".DS_Store", "._a.jpg", "Thumbs.db", "README", "a.txt", "SHA256SUMS", "a.jpg~"]
)
def test_files_that_belong_to_no_image_stay_left_out(name: str) -> None:
    """By name alone, also where a system copied the bytes of an image into them."""
    assert find_left_out_kind(name, lambda: b"\xff\xd8\xff\xe0") is not None


def test_a_pointer_without_an_ending_counts_as_an_image() -> None:
    """It stands for one; left out, the set would become smaller unnoticed."""
    assert find_left_out_kind("a", lambda: LFS_POINTER) is None


@given(st.binary(max_size=HEAD_BYTES), st.text(max_size=20))
def test_any_file_has_a_kind_or_is_an_image(head: bytes, name: str) -> None:
    """Nothing is raised by strange names or bytes."""
    assert find_left_out_kind(name, lambda: head) != ""
