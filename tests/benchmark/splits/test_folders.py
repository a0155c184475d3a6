"""Any folder by wnid, and a clear word on any other folder."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from image_sets import encode, make_image, write_class_folders

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.folders import load_folder

WNIDS = [info.wnid for info in load_classes()]
TENCH, GOLDFISH = WNIDS[:2]


def test_images_come_by_wnid_then_name(tmp_path: Path) -> None:
    """Whatever order the disk lists them in."""
    write_class_folders(tmp_path, [WNIDS[900], TENCH, GOLDFISH], per_class=2)
    split = load_folder(tmp_path, cache=None)
    assert split.rows.image_ids == (
        f"{TENCH}/img_0.png",
        f"{TENCH}/img_1.png",
        f"{GOLDFISH}/img_0.png",
        f"{GOLDFISH}/img_1.png",
        f"{WNIDS[900]}/img_0.png",
        f"{WNIDS[900]}/img_1.png",
    )
    assert split.rows.labels.ravel().tolist() == [0, 0, 1, 1, 900, 900]
    for row, image_id in enumerate(split.rows.image_ids):
        assert split.reader.read_image(row) == (tmp_path / image_id).read_bytes()


def test_labels_are_timms(tmp_path: Path) -> None:
    """Its own reader with its own class map gives the same file the same label."""
    from timm.data.dataset_factory import create_dataset

    root = write_class_folders(tmp_path / "set", WNIDS[::100], per_class=2)
    theirs = create_dataset("", root=str(root), class_map={wnid: index for index, wnid in enumerate(WNIDS)})
    expected = {theirs.filename(row): theirs.reader.samples[row][1] for row in range(len(theirs))}
    rows = load_folder(root, cache=None).rows
    assert dict(zip(rows.image_ids, rows.labels.ravel().tolist(), strict=True)) == expected


def test_a_folder_is_scored_on_all_outputs(tmp_path: Path) -> None:
    """A class without images says nothing about the task."""
    split = load_folder(write_class_folders(tmp_path, WNIDS[:3]), cache=None)
    assert (split.outputs, split.class_set.indices) == ("all", (0, 1, 2))
    assert (split.record.ref, split.record.num_classes) == (f"folder:{tmp_path}", 3)


def test_the_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    """As sha256sum prints them, one space."""
    split = load_folder(write_class_folders(tmp_path, WNIDS[:2]), cache=None)
    names = split.rows.image_ids
    lines = "".join(f"{sha256((tmp_path / name).read_bytes()).hexdigest()} {name}\n" for name in names)
    assert split.record.content_sha256 == sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("change", ["content", "name", "class"])
def test_every_change_changes_the_hash(tmp_path: Path, change: str) -> None:
    """Predictions are cached under it."""
    write_class_folders(tmp_path, [TENCH])
    before = load_folder(tmp_path, cache=None).record.content_sha256
    image = tmp_path / TENCH / "img_0.png"
    match change:
        case "content":
            image.write_bytes(encode(make_image((9, 9, 9))))
        case "name":
            image.rename(image.with_name("other.png"))
        case _:
            image.parent.rename(tmp_path / GOLDFISH)
    assert load_folder(tmp_path, cache=None).record.content_sha256 != before


def test_the_folder_may_lie_anywhere(tmp_path: Path) -> None:
    """A moved copy has the same hash."""
    a, b = (write_class_folders(tmp_path / name, WNIDS[:2]) for name in "ab")
    assert (
        load_folder(a, cache=None).record.content_sha256 == load_folder(b, cache=None).record.content_sha256
    )


def test_what_is_no_image_is_left_out_and_said(tmp_path: Path) -> None:
    """Each kind with its count and one name."""
    write_class_folders(tmp_path, [TENCH])
    for name in (".DS_Store", "._img_0.png", "Thumbs.db", "notes.txt"):
        (tmp_path / TENCH / name).write_bytes(b"x")
    for folder in (".git", "__MACOSX"):
        (tmp_path / folder).mkdir()
    (tmp_path / "README.md").write_text("x")
    split = load_folder(tmp_path, cache=None)
    assert len(split.rows) == 1
    assert split.record.notice == (
        "4 files were left out: 3 hidden or system files (such as .DS_Store), "
        "1 text or metadata file (notes.txt)."
    )


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a", "a.JPG", "a.jpeg.jpg", "a.tench", "a.jpg "])
def test_images_of_odd_endings_are_read(tmp_path: Path, name: str) -> None:
    """By content; the notice has nothing to say."""
    (tmp_path / TENCH).mkdir()
    (tmp_path / TENCH / name).write_bytes(encode(make_image(), "JPEG"))
    split = load_folder(tmp_path, cache=None)
    assert (split.rows.image_ids, split.record.notice) == ((f"{TENCH}/{name}",), None)


def test_images_without_an_ending_outside_class_folders_are_refused(tmp_path: Path) -> None:
    """As those with one are."""
    write_class_folders(tmp_path, [TENCH])
    (tmp_path / "loose").write_bytes(encode(make_image(), "JPEG"))
    with pytest.raises(InputError, match="1 images that are in no class folder"):
        load_folder(tmp_path, cache=None)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It is no file, whatever is written into it."""
    write_class_folders(tmp_path, [TENCH])
    os.mkfifo(tmp_path / TENCH / "pipe")
    assert load_folder(tmp_path, cache=None).record.notice == (
        "1 file was left out: 1 file that cannot be opened (pipe)."
    )


def test_class_folders_of_other_files_are_named_with_their_kinds(tmp_path: Path) -> None:
    """A wrong folder is known by what is in it."""
    (tmp_path / TENCH).mkdir()
    (tmp_path / TENCH / "clip").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    with pytest.raises(InputError, match=r"no image in the 1 class folders.*1 video \(clip\)"):
        load_folder(tmp_path, cache=None)


@pytest.mark.parametrize("suffix", ["JPEG", "jpg", "PNG", "webp", "bmp", "gif", "tif", "ppm", "avif"])
def test_endings_count_in_any_case(tmp_path: Path, suffix: str) -> None:
    """ImageNet's own are .JPEG."""
    (tmp_path / TENCH).mkdir()
    (tmp_path / TENCH / f"a.{suffix}").write_bytes(b"x")
    assert len(load_folder(tmp_path, cache=None).rows) == 1


def test_links_are_followed(tmp_path: Path) -> None:
    """To files and to class folders outside."""
    elsewhere = write_class_folders(tmp_path / "elsewhere", [TENCH, GOLDFISH])
    folder = tmp_path / "set"
    (folder / TENCH).mkdir(parents=True)
    (folder / TENCH / "a.png").symlink_to(elsewhere / TENCH / "img_0.png")
    (folder / GOLDFISH).symlink_to(elsewhere / GOLDFISH)
    assert len(load_folder(folder, cache=None).rows) == 2


def test_a_loop_of_links_does_no_harm(tmp_path: Path) -> None:
    """A folder inside itself, and a link to itself."""
    write_class_folders(tmp_path, [TENCH])
    (tmp_path / TENCH / "up").symlink_to(tmp_path)
    (tmp_path / TENCH / "self").symlink_to(tmp_path / TENCH / "self")
    assert len(load_folder(tmp_path, cache=None).rows) == 1


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    """An image that is not there is not left out in silence."""
    write_class_folders(tmp_path, [TENCH])
    (tmp_path / TENCH / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match=r"gone.png' cannot be read: No such file.*take the link out"):
        load_folder(tmp_path, cache=None)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The commonest mistake."""
    with pytest.raises(InputError, match=r"There is no folder '.*nowhere'"):
        load_folder(tmp_path / "nowhere", cache=None)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Also a mistake."""
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        load_folder(tmp_path / "f", cache=None)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    """Not "0 images"."""
    with pytest.raises(InputError, match="is empty"):
        load_folder(tmp_path, cache=None)


def test_class_folders_without_images_are_named(tmp_path: Path) -> None:
    """All of them empty."""
    (tmp_path / TENCH).mkdir()
    with pytest.raises(InputError, match="no image in the 1 class folders"):
        load_folder(tmp_path, cache=None)


def test_images_outside_class_folders_are_refused(tmp_path: Path) -> None:
    """Nobody can tell their class."""
    write_class_folders(tmp_path, [TENCH])
    (tmp_path / "loose.png").write_bytes(b"x")
    with pytest.raises(InputError, match="1 images that are in no class folder"):
        load_folder(tmp_path, cache=None)


def test_deeper_folders_are_refused(tmp_path: Path) -> None:
    """Rather than counted under a name of their own, or dropped."""
    write_class_folders(tmp_path, [TENCH, f"{TENCH}/deeper"])
    with pytest.raises(InputError, match="deeper' is a folder inside a class folder"):
        load_folder(tmp_path, cache=None)


def test_strange_names_are_listed(tmp_path: Path) -> None:
    """The first five of them."""
    write_class_folders(tmp_path, ["ant", "bee", "cat", "dog", "elk", "fox", TENCH])
    with pytest.raises(InputError, match=r"6 of 7 sub-folders .* 'ant', 'bee', 'cat', 'dog', 'elk', \.\.\."):
        load_folder(tmp_path, cache=None)


def test_numbers_are_taken_for_imagenet_v2(tmp_path: Path) -> None:
    """Sorted as text they would give wrong labels."""
    write_class_folders(tmp_path, ["0", "1", "10"])
    with pytest.raises(InputError, match="--split imagenet-v2 --data imagenet-v2="):
        load_folder(tmp_path, cache=None)


def test_a_folder_too_high_is_led_down(tmp_path: Path) -> None:
    """PATH holds val/, and val/ holds the classes."""
    write_class_folders(tmp_path / "val", WNIDS[:2])
    with pytest.raises(InputError, match=r"Did you mean folder:.*val\?"):
        load_folder(tmp_path, cache=None)


def test_synsets_outside_the_thousand_are_named(tmp_path: Path) -> None:
    """ImageNet-21k has them."""
    write_class_folders(tmp_path, [TENCH, "n00004475"])
    with pytest.raises(InputError, match=r"'n00004475'.*outside the 1000"):
        load_folder(tmp_path, cache=None)


def test_a_file_that_changes_meanwhile_is_not_read(tmp_path: Path) -> None:
    """The result would name a hash that is not what was scored."""
    write_class_folders(tmp_path, [TENCH])
    split = load_folder(tmp_path, cache=None)
    (tmp_path / TENCH / "img_0.png").write_bytes(encode(make_image((9, 9, 9))))
    with pytest.raises(DataError, match="has changed"):
        split.reader.read_image(0)


def test_a_file_that_is_gone_is_an_error_of_that_image(tmp_path: Path) -> None:
    """Not of the run."""
    write_class_folders(tmp_path, [TENCH])
    split = load_folder(tmp_path, cache=None)
    (tmp_path / TENCH / "img_0.png").unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        split.reader.read_image(0)


def test_a_folder_has_no_columns(tmp_path: Path) -> None:
    """Views by column are for releases."""
    split = load_folder(write_class_folders(tmp_path, [TENCH]), cache=None)
    with pytest.raises(DataError, match="no column 'hand'"):
        split.reader.read_column("hand")


def test_a_folder_seen_before_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged files keep the hash that was remembered; only a changed one is read."""
    write_class_folders(tmp_path / "set", [TENCH], per_class=3)
    first = load_folder(tmp_path / "set", cache=tmp_path / "cache")
    read: list[Path] = []

    def note(path: Path) -> str:
        read.append(path)
        return hash_file(path)

    monkeypatch.setattr("imagenet_g.benchmark.images.hashes.hash_file", note)
    assert load_folder(tmp_path / "set", cache=tmp_path / "cache").record == first.record
    assert read == []
    changed = tmp_path / "set" / TENCH / "img_1.png"
    changed.write_bytes(encode(make_image((9, 9, 9))))
    load_folder(tmp_path / "set", cache=tmp_path / "cache")
    assert read == [changed]
