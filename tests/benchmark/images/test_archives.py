"""Members of archives that lie about themselves."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_sets import encode, make_image, write_tar

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images import unpacking
from imagenet_g.benchmark.images.archives import (
    choose_class_members,
    choose_sample_members,
    list_tar,
    list_zip,
    make_member,
)
from imagenet_g.benchmark.images.containers import load_found_archives, load_found_parquet, load_found_samples
from imagenet_g.benchmark.images.parquet import ParquetImages

LOCAL_SIZE_AT, CENTRAL_SIZE_AT = 22, 24
"""Where a header of a zip file gives the size of a member after unpacking (APPNOTE 4.3.7 and 4.3.12)."""


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
JPEG = encode(make_image(), "JPEG")


def write_zip_with_claim(path: Path, num_bytes: int, *, claimed: int, method: int) -> None:
    """A zip of one member of zeros whose two headers claim another size."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("n01440764/a.jpg", bytes(num_bytes))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, LOCAL_SIZE_AT, claimed)
    struct.pack_into("<I", data, data.rfind(b"PK\x01\x02") + CENTRAL_SIZE_AT, claimed)
    path.write_bytes(data)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_zip_member_that_is_larger_than_it_claims_is_not_unpacked(tmp_path: Path, method: int) -> None:
    """Neither its bytes nor the memory for them: 64 MB behind a claim of 1000 bytes."""
    write_zip_with_claim(tmp_path / "a.zip", 64_000_000, claimed=1000, method=method)
    [member] = list_zip(tmp_path / "a.zip")
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile, match="CRC"):
            member.read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # LZMA itself needs a dictionary, of 8 MB here.
    assert peak < (9_000_000 if method == zipfile.ZIP_LZMA else 1_000_000)


@pytest.mark.parametrize("method", METHODS)
def test_a_zip_member_is_read_whole(tmp_path: Path, method: int) -> None:
    """What is as large as it claims comes back unchanged, and its beginning alone as well."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("n01440764/a.jpg", bytes(range(256)) * 1000)
    [member] = list_zip(tmp_path / "a.zip")
    assert member.read() == bytes(range(256)) * 1000
    assert member.read(300) == (bytes(range(256)) * 2)[:300]


@pytest.mark.parametrize("method", METHODS[1:])
def test_damage_inside_a_zip_member_is_an_error_of_that_image(tmp_path: Path, method: int) -> None:
    """Not of the run, and no traceback."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("n01440764/a.jpg", JPEG)
        archive.writestr("n01440764/b.jpg", JPEG)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "a.zip").write_bytes(data)
    found = load_found_archives(tmp_path, ["a.zip"], cache=None)
    with pytest.raises(DataError, match="cannot be read from its archive"):
        found.reader.read_image(0)
    assert found.reader.read_image(1) == JPEG


def test_images_of_odd_endings_inside_a_zip_are_read(tmp_path: Path) -> None:
    """By content, as in folders; what is no image is counted."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a", "b.jfif", "c.tench"):
            archive.writestr(f"set/n01440764/{name}", JPEG)
        archive.writestr("set/n01440764/d.cap", "a caption")
        archive.writestr("set/n01440764/._b.jfif", JPEG)
    found = load_found_archives(tmp_path, ["a.zip"], cache=None)
    assert [image_id.split("/")[1] for image_id in found.image_ids] == ["a", "b.jfif", "c.tench"]
    assert [(kind, count) for kind, count, _ in found.left_out.kinds] == [
        ("text file", 1), ("hidden or system file", 1),
    ]  # fmt: skip


def test_images_of_odd_endings_inside_a_webdataset_are_read(tmp_path: Path) -> None:
    """By content, as in folders."""
    write_tar(tmp_path / "a.tar", {"0.jfif": JPEG, "0.cls": b"207", "1.img": JPEG, "1.cls": b"208"})
    found = load_found_samples(tmp_path, ["a.tar"], cache=None)
    assert list(zip(found.image_ids, found.labels, strict=True)) == [("0", ("207",)), ("1", ("208",))]
    assert found.reader.read_image(1) == JPEG


def test_the_key_of_a_sample_ends_before_the_first_dot() -> None:
    """As webdataset has it: one class file for `7.left.jpg`, whatever stands between."""
    members = [make_member("v1.0/7.left.jpg", JPEG), make_member("v1.0/7.cls", b"207")]
    assert [image[:2] for image in choose_sample_members(members).images] == [("v1.0/7", "207")]


def test_a_class_file_is_not_read_before_its_size_is_checked(tmp_path: Path) -> None:
    """A class is a number; what is longer may be an attack."""
    write_tar(tmp_path / "a.tar", {"0.jpg": JPEG, "0.cls": b"7" * 65})
    tar = list_tar(tmp_path / "a.tar")
    (tmp_path / "a.tar").unlink()
    with pytest.raises(DataError, match=r"Class file '0\.cls' has 65 bytes"):
        choose_sample_members(tar)


def test_a_member_that_cannot_be_opened_counts_as_an_image(tmp_path: Path) -> None:
    """So that its reason is stated with those of the other images."""
    write_tar(tmp_path / "a.tar", {"n01440764/a": JPEG})
    tar = list_tar(tmp_path / "a.tar")
    (tmp_path / "a.tar").unlink()
    assert len(choose_class_members(tar).images) == 1


def write_samples(path: Path) -> bytes:
    """The bytes of a tar of three samples; each member takes two blocks of 512 bytes."""
    small = {f"{number}.{ending}": b"7" for number in range(3) for ending in ("jpg", "cls")}
    return write_tar(path, small).read_bytes()


@pytest.mark.parametrize("kept", [2048, 2048 + 100, 2048 + 511])
def test_a_tar_that_breaks_off_between_two_files_is_refused(tmp_path: Path, kept: int) -> None:
    """Python reads such a tar without an error, and the set would lose the images behind the break."""
    path = tmp_path / "a.tar"
    path.write_bytes(write_samples(path)[:kept])
    with pytest.raises(
        DataError, match=rf"a\.tar' is not a whole tar file: it breaks off after {kept} bytes"
    ):
        load_found_samples(tmp_path, ["a.tar"], cache=None)


def test_a_compressed_tar_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """As it may have been before it was compressed."""
    data = write_samples(tmp_path / "a.tar")[:2048]
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(data))
    with pytest.raises(DataError, match=r"a\.tar\.gz' is not a whole tar file: it breaks off"):
        load_found_archives(tmp_path, ["a.tar.gz"], cache=tmp_path / "cache")


def test_a_compressed_tar_that_would_fill_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros shrink to a thousandth, images do not; nothing of it is kept."""
    monkeypatch.setattr(unpacking, "_ALWAYS_BYTES", 1 << 20)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(DataError, match=r"unpacks to more than 1,048,576, which no archive of images does"):
        load_found_archives(tmp_path, ["a.tar.gz"], cache=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_damaged_header_inside_a_tar_is_refused(tmp_path: Path) -> None:
    """Python stops there without an error."""
    path = tmp_path / "a.tar"
    data = write_samples(path)
    path.write_bytes(data[:2048] + b"\xff" * 512 + data[2560:])
    with pytest.raises(DataError, match="the header at byte 2048 is damaged"):
        list_tar(path)


def test_two_tars_in_one_file_are_refused(tmp_path: Path) -> None:
    """Readers stop at the first end mark, and the second half would be missing unnoticed."""
    path = tmp_path / "a.tar"
    path.write_bytes(2 * write_samples(path))
    with pytest.raises(DataError, match="more files follow its end mark at byte"):
        list_tar(path)


def test_a_class_file_without_its_image_is_refused(tmp_path: Path) -> None:
    """As an image without its class file: the set is not what its maker packed."""
    write_tar(tmp_path / "a.tar", {"0.jpg": JPEG, "0.cls": b"1", "1.cls": b"2"})
    with pytest.raises(DataError, match=r"Class file '1\.cls' has no image beside it"):
        load_found_samples(tmp_path, ["a.tar"], cache=None)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip", "a.parquet"])
def test_a_pointer_in_the_place_of_an_archive_is_named(tmp_path: Path, name: str) -> None:
    """What a library states of its bytes would lead nobody to 'git lfs pull'."""
    (tmp_path / name).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=rf"{name}' is not .*: it is a Git LFS pointer: run 'git lfs pull'"):
        if name == "a.parquet":
            ParquetImages([tmp_path / name])
        elif name == "a.tar":
            list_tar(tmp_path / name)
        else:
            load_found_archives(tmp_path, [name], cache=tmp_path / "cache")


def test_a_row_without_a_class_is_named(tmp_path: Path) -> None:
    """By its file and its number."""
    pq.write_table(pa.table({"image": [JPEG, JPEG], "wnid": ["n01440764", None]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"Row 'a\.parquet#000001': An image has no class"):
        load_found_parquet(tmp_path, ["a.parquet"], image_column="image", label_column="wnid", cache=None)


def test_a_damaged_archive_is_named_and_not_its_copy_in_the_cache(tmp_path: Path) -> None:
    """Nobody knows the copy by its name, which is a hash."""
    (tmp_path / "set.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"set\.tar\.gz' is not a whole tar file"):
        load_found_archives(tmp_path, ["set.tar.gz"], cache=tmp_path / "cache")


def test_a_tar_that_is_replaced_during_a_run_is_an_error_of_its_images(tmp_path: Path) -> None:
    """Members are read by their place, where another archive has other bytes."""
    path = tmp_path / "a.tar"
    write_tar(path, {"0.jpg": JPEG, "0.cls": b"1"})
    found = load_found_samples(tmp_path, ["a.tar"], cache=None)
    assert found.reader.read_image(0) == JPEG
    write_tar(tmp_path / "b.tar", {"0.jpg": bytes(len(JPEG)), "0.cls": b"1"})
    (tmp_path / "b.tar").replace(path)
    with pytest.raises(DataError, match="has changed since it was listed"):
        found.reader.read_image(0)


def test_a_parquet_file_that_is_written_over_during_a_run_is_an_error(tmp_path: Path) -> None:
    """One that another file took the place of is still open, and is read to its end."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [JPEG, JPEG]}), path, row_group_size=1)
    pq.write_table(pa.table({"image": [b"other"] * 2}), tmp_path / "new", row_group_size=1)
    images, kept = ParquetImages([path]), path.read_bytes()
    # A second name for the file, as a backup makes it, changes no byte.
    os.link(path, tmp_path / "backup")
    assert images.read_image(0) == JPEG
    path.write_bytes((tmp_path / "new").read_bytes())
    with pytest.raises(DataError, match="was written over"):
        images.read_image(1)
    path.write_bytes(kept)
    replaced = ParquetImages([path])
    (tmp_path / "new").replace(path)
    assert replaced.read_image(1) == JPEG
