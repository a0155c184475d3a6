"""Zip and tar files: every image under its own class, nothing written, or one clear message."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

from door_archives import Packed, members, write_bomb, write_tar, write_zip
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.images.containers import load_found_archives, load_found_samples
from imagenet_g.benchmark.images.found import FoundImages

DOOR = "archives"
# What a message says of a member that it names instead of the archive.
MEMBER = ("Image '", "Class file '")


@doors(80)
@given(packed=members(), zipped=st.booleans(), data=st.data())
def test_an_archive_gives_its_images_under_their_folders(
    packed: list[Packed], zipped: bool, data: st.DataObject
) -> None:
    """And writes no file outside the cache, wherever its members' names lead."""
    whole = write_zip(packed) if zipped else write_tar(packed, mode="w:gz")
    content = data.draw(damage(whole)) if data.draw(st.booleans()) else whole
    with open_place() as place:
        name = "set.zip" if zipped else "set.tar.gz"
        (place / name).write_bytes(content)
        found = RULE.enter(
            DOOR,
            lambda: load_found_archives(place, [name], cache=place / "cache"),
            names=[place / name, name, *MEMBER, *place.glob("cache/archives/*")],
        )
        pictures = [] if found is None else read_all(found)
        assert {path.name for path in place.iterdir()} <= {name, "cache"}
    if found is not None and content == whole:
        compare_members(found, pictures, packed, zipped=zipped)


def read_all(found: FoundImages) -> list[bytes | None]:
    """Bytes of each image, None where one cannot be read."""
    # The reason stands beside the name of the image in a result, so it names none itself.
    return [
        RULE.enter("members", partial(found.reader.read_image, row), names=[""])
        for row in range(len(found.image_ids))
    ]


def compare_members(
    found: FoundImages, pictures: list[bytes | None], packed: list[Packed], *, zipped: bool
) -> None:
    """Check ids, classes and bytes against the members that were packed."""
    # A name may come twice where one of the two is no image; two images of one name are refused.
    by_id: dict[str, list[bytes]] = defaultdict(list)
    for member in packed:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if len(parts) > 1 and (zipped or member.kind == "file") and member.kind != "folder":
            by_id["/".join(parts[-2:])].append(member.data)
    assert Counter(found.image_ids).most_common(1)[0][1] == 1
    for image_id, (label,), data in zip(found.image_ids, found.labels, pictures, strict=True):
        assert label == image_id.split("/")[0]
        assert data in by_id[image_id]


@doors(60)
@given(packed=members(), keyed=st.booleans(), data=st.data())
def test_samples_of_a_tar_have_the_class_beside_them(
    packed: list[Packed], keyed: bool, data: st.DataObject
) -> None:
    """As webdataset packs them."""
    bodies = [body for k in range(3) for end, body in pair(packed, k) if end == "png"]
    if keyed:
        packed = [Packed(f"{k}.{end}", body) for k in range(3) for end, body in pair(packed, k)]
    whole = write_tar(packed)
    content = data.draw(damage(whole)) if data.draw(st.booleans()) else whole
    with open_place() as place:
        (place / "set.tar").write_bytes(content)
        found = RULE.enter(
            "samples",
            lambda: load_found_samples(place, ["set.tar"], cache=None),
            names=[place / "set.tar", "set.tar", *MEMBER],
        )
        pictures = [] if found is None else read_all(found)
    if found is not None and content == whole and keyed:
        assert found.labels == (("0",), ("1",), ("2",))
        assert pictures == bodies


def pair(packed: list[Packed], number: int) -> list[tuple[str, bytes]]:
    """An image and its class."""
    body = packed[number % len(packed)].data if packed else b""
    return [("png", body), ("cls", str(number).encode())]


def test_a_bomb_in_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    """A few bytes that claim 300 MB."""
    (tmp_path / "set.zip").write_bytes(write_bomb())
    found = load_found_archives(tmp_path, ["set.zip"], cache=None)
    assert read_all(found) == [None]
