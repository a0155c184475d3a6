"""The images of a source: their names, the words that stand for their classes, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.errors import DataError, InputError, shorten
from imagenet_g.benchmark.images.archives import Member, find_member_kind, read_member
from imagenet_g.benchmark.images.file_names import NO_OTHER_FILES, OtherFiles, is_hidden
from imagenet_g.generation.adopting.places import split_path

Layout = Literal["folders", "flat", "path", "webdataset", "parquet"]
MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Listing:
    """Images in a fixed order, before their classes are known.

    Attributes:
        names: N names inside the source, unique; shown to readers and never used as paths.
        tokens: For each image the word or number that names its class.
        read: Gives the encoded bytes of row n.
        layout: How the source is laid out.
        left_out: Other files that lie among the images.
        strengths: How strong the shift of each image is, where the source says so; None where it does not.
        series: Which scene each image is of, of those that come at several strengths; None as above.
    """

    names: tuple[str, ...]
    tokens: tuple[str, ...]
    read: Callable[[int], bytes]
    layout: Layout
    left_out: OtherFiles = NO_OTHER_FILES
    strengths: tuple[float, ...] | None = None
    series: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)


def choose_images(members: Sequence[Member]) -> tuple[list[Member], OtherFiles]:
    """The images among the files of a source, in order of their names, and the other files by kind.

    Raises:
        DataError: Two files have one name, or a name leads out of the source or is not UTF-8.
        InputError: There is no image.
    """
    images: dict[str, Member] = {}
    left_out: list[tuple[str, str]] = []
    # Not as they were packed: a file of classes without names goes by the order of the names.
    for member in sorted(members, key=lambda one: one.name):
        parts = split_path(member.name)
        _require_plain(member.name, parts)
        if not parts or any(map(is_hidden, parts[:-1])):
            continue
        name = "/".join(parts)
        if kind := find_member_kind(parts[-1], member):
            left_out.append((kind, parts[-1]))
        elif name in images:
            raise DataError(f"Image '{shorten(name)}' comes twice in the source; take one of the two out.")
        else:
            images[name] = Member(name, member.num_bytes, member.read)
    others = OtherFiles.from_names(left_out)
    if not images:
        sentence = others.format_counts()
        raise InputError(f"There is no image in the source.{f' {sentence}' if sentence else ''}")
    return list(images.values()), others


def _require_plain(name: str, parts: Sequence[str]) -> None:
    # Nothing is unpacked, but such an archive was made to do harm, and its images would be lost unseen.
    if ".." in parts:
        raise DataError(f"'{shorten(name)}' leads out of the source; it is not adopted.")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"A file name in the source is not UTF-8: {shorten(repr(name))}. Rename it."
        ) from error


def list_class_folders(members: Sequence[Member], others: OtherFiles, folders: Sequence[str] = ()) -> Listing:
    """Images in folders that name their class: `.../<class>/<image>`, all class folders in one place.

    Args:
        members: Images, in order of their names.
        others: The files beside them.
        folders: Paths of all folders of the source, where it has them.

    Raises:
        InputError: An image lies in no folder, class folders lie in several places, or one has no image.
    """
    paths = [split_path(member.name) for member in members]
    if loose := ["/".join(path) for path in paths if len(path) < 2]:
        raise InputError(
            f"{len(loose)} images lie in no class folder, first '{shorten(loose[0])}'. Put each into the "
            "folder "
            "of its class, or give a file with their classes: --label-file FILE."
        )
    places = list(dict.fromkeys("/".join(path[:-2]) for path in paths))
    if len(places) > 1:
        raise InputError(_format_places(paths, places))
    full = {"/".join(path[:-1]) for path in paths}
    if bare := [one for one in folders if one not in full and one.rpartition("/")[0] == places[0]]:
        raise InputError(
            f"The class folder '{shorten(bare[0])}' has no image{_count_others(bare)}. Fetch its images "
            "again, "
            "or remove the folder if the set does not have this class."
        )
    return Listing(
        names=tuple(member.name for member in members),
        tokens=tuple(path[-2] for path in paths),
        read=lambda row: read_member(members[row]),
        layout="folders",
        left_out=others,
    )


def list_flat(members: Sequence[Member], others: OtherFiles, tokens: Sequence[str]) -> Listing:
    """Images whose classes a file names, in their order."""
    return Listing(
        names=tuple(member.name for member in members),
        tokens=tuple(tokens),
        read=lambda row: read_member(members[row]),
        layout="flat",
        left_out=others,
    )


def refuse_missing(names: Sequence[str], path: Path) -> None:
    """Check that no image is without a line in a file about the images.

    Args:
        names: Those without one.
        path: The file.

    Raises:
        InputError: There are some.
    """
    if names:
        more = f" and {len(names) - 1} more of the images" if len(names) > 1 else ""
        raise InputError(f"'{path}' has no line for '{shorten(names[0])}'{more}.")


def _count_others(found: Sequence[str]) -> str:
    return f", and {len(found) - 1} more have none" if len(found) > 1 else ""


def _format_places(paths: Sequence[Sequence[str]], places: Sequence[str]) -> str:
    by_class: dict[str, str] = {}
    for path in paths:
        place = "/".join(path[:-2])
        other = by_class.setdefault(path[-2], place)
        if other != place:
            first, second = (f"{one}/{path[-2]}".lstrip("/") for one in (other, place))
            return (
                f"Class folder '{shorten(path[-2])}' is there twice: '{shorten(first)}' and "
                f"'{shorten(second)}'. "
                "Choose one with --inside, or take the other out."
            )
    shown = ", ".join(f"'{shorten(place or '.')}'" for place in places[:MAX_SHOWN])
    return (
        f"Class folders lie in {len(places)} places: {shown}{', ...' if len(places) > MAX_SHOWN else ''}. "
        "Choose one with --inside FOLDER."
    )
