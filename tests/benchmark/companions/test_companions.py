"""Files that come with a version: one mechanism for every kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from image_sets import write_release

from imagenet_g.benchmark.companions.companions import CompanionIndex, CompanionKind, CompanionRecord
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_bytes


class NotesIndex(CompanionIndex):
    """The index of a kind of the test's own."""

    notes: tuple[CompanionRecord, ...]


NOTES: CompanionKind[CompanionRecord] = CompanionKind("notes", NotesIndex, "Write it again.")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of four images."""
    return write_release(tmp_path / "v9", [3, 7, 11, 13])


def store(release: Path, text: str, target: str = "v9/sd-l") -> Path:
    """Store one text."""
    name = target.replace("/", "-").replace(":", "-")
    record = CompanionRecord(target=target, file=f"{name}.json", sha256=hash_bytes(text.encode()))
    return NOTES.store(release, [(record, text)])


def read_all(release: Path) -> dict[str, str]:
    """What the release comes with, by split."""
    return {file.record.target: file.path.read_text() for file in NOTES.list_files(release, "v9")}


def move_inside(release: Path) -> None:
    """As a published tree has it."""
    shutil.move(NOTES.name_folder(release), release / "notes")


def test_a_file_beside_a_release_stands_before_that_inside(release: Path) -> None:
    """What was measured later is stored beside it."""
    store(release, "old")
    move_inside(release)
    store(release, "new")
    assert read_all(release) == {"v9/sd-l": "new"}


def test_storing_beside_a_published_tree_keeps_what_the_tree_holds(release: Path) -> None:
    """So that what is read and what is published are the same files."""
    store(release, "whole")
    move_inside(release)
    store(release, "filtered", "v9/sd-l:clip-filtered")
    expected = {"v9/sd-l": "whole", "v9/sd-l:clip-filtered": "filtered"}
    published = NOTES.list_published(release, "v9")
    assert read_all(release) == expected
    assert list(published) == ["notes/v9-sd-l.json", "notes/v9-sd-l-clip-filtered.json", "notes/index.json"]
    assert [path.read_text() for path in published.values()][:2] == list(expected.values())


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_a_damaged_file_is_never_published(release: Path, damage: str) -> None:
    """With what makes it again."""
    path = store(release, "text") / "v9-sd-l.json"
    path.write_text("other") if damage == "changed" else path.unlink()
    with pytest.raises(DataError, match=r"v9-sd-l\.json.*Write it again\."):
        NOTES.list_published(release, "v9")


@pytest.mark.parametrize("place", ["beside", "inside"])
def test_a_damaged_file_is_replaced_when_it_is_made_again(release: Path, place: str) -> None:
    """As its refusal advises, wherever it lies."""
    store(release, "text")
    if place == "inside":
        move_inside(release)
    folder = NOTES.name_folder(release) if place == "beside" else release / "notes"
    (folder / "v9-sd-l.json").write_text("damaged")
    store(release, "again")
    assert read_all(release) == {"v9/sd-l": "again"}


def test_an_index_of_another_version_is_refused(release: Path) -> None:
    """A folder that was copied beside the wrong release."""
    store(release, "text")
    with pytest.raises(DataError, match="holds the notes of version 'v9', not of 'v8'"):
        NOTES.list_files(release, "v8")


def test_a_file_of_another_release_is_refused(release: Path) -> None:
    """With the splits that the release has, and nothing is written."""
    with pytest.raises(InputError, match=r"One of the notes is of 'v8/sd-l', the release holds v9/sd-l"):
        store(release, "text", "v8/sd-l")
    assert not NOTES.name_folder(release).exists()
