"""Images in sub-folders named by class, and any such folder named by wnid as a split.

Order is by class folder, then file name, as text. Images must lie directly in the class folders: what lies in
deeper folders, or beside the class folders, is refused and not dropped, since its class is unknown.
Hidden files and files that are no images are left out and counted; links to files are followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.classes import load_index_by_wnid
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_bytes, hash_lines
from imagenet_g.benchmark.images.file_names import OtherFiles, find_left_out_kind, is_hidden
from imagenet_g.benchmark.images.found import MAX_IMAGE_BYTES, FoundImages
from imagenet_g.benchmark.images.hashes import ProgressCallback, hash_files
from imagenet_g.benchmark.images.kinds import HEAD_BYTES
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.splits import Split, SplitRows, make_split_class_set

_WNID = re.compile(r"n\d{8}")


class FolderImages:
    """Reads image files and checks that they are still the files that were hashed.

    Args:
        root: Folder the names are relative to.
        names: File names, in row order.
        sha256s: Their hashes.
    """

    def __init__(self, root: Path, names: Sequence[str], sha256s: Sequence[str]) -> None:
        self._root = root
        self._names = tuple(names)
        self._sha256s = tuple(sha256s)

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: It cannot be read, is too large, or has changed since it was listed.
        """
        path = self._root / self._names[row]
        try:
            if path.stat().st_size > MAX_IMAGE_BYTES:
                raise DataError(f"more than {MAX_IMAGE_BYTES} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}") from error
        # Results carry the hash of the listing; on a shared disk a file may change during a long run.
        if hash_bytes(data) != self._sha256s[row]:
            raise DataError("the file has changed since the folder was listed")
        return data

    def read_column(self, name: str) -> Sequence[object]:
        """Always an error: a folder has no columns.

        Raises:
            DataError: Always.
        """
        raise DataError(f"There is no column '{name}': '{self._root}' is a folder of images.")


def list_class_folders(path: Path) -> tuple[str, ...]:
    """Names of the sub-folders, sorted, without hidden ones.

    Raises:
        InputError: There is no such folder, it cannot be read, or it is empty.
    """
    try:
        # scandir returns the kind of each entry; iterdir would need a `stat` for each of 50,000 files.
        with os.scandir(path) as entries:
            listed = [entry for entry in entries if not is_hidden(entry.name)]
            folders = sorted(entry.name for entry in listed if _is_folder(entry))
            loose = sum(not _is_folder(entry) and _find_left_out_kind(entry) is None for entry in listed)
    except OSError as error:
        raise InputError(_format_folder_problem(path, error)) from error
    if not listed:
        raise InputError(f"Folder '{path}' is empty. It needs one sub-folder of images per class.")
    if loose:
        raise InputError(
            f"'{path}' has {loose} images that are in no class folder. "
            "Put each image into the sub-folder of its class; nothing else shows its class."
        )
    return tuple(folders)


def count_class_images(path: Path) -> dict[str, int]:
    """Images in each class folder, by the folder's name; no image is opened or hashed.

    Raises:
        InputError: There is no such folder, it cannot be read, or its images are not in class folders.
    """
    return {name: len(_list_images(path, name)[0]) for name in list_class_folders(path)}


def refuse_doubles(path: Path, meanings: Mapping[str, str]) -> None:
    """Check that no two class folders are one class, such as '1' and '01': most often one is a copy.

    Args:
        path: Where they lie.
        meanings: What each folder's name stands for, by the name.

    Raises:
        InputError: Two are one; both are named.
    """
    seen: dict[str, str] = {}
    for folder, meaning in meanings.items():
        if (other := seen.setdefault(meaning, folder)) != folder:
            raise InputError(
                f"'{path}' has two folders of one class, '{other}' and '{folder}'. Merge them, or take one "
                "out."
            )


def load_found_folder(
    path: Path,
    classes: Sequence[str],
    *,
    cache: Path | None,
    progress: ProgressCallback | None = None,
) -> FoundImages:
    """List and hash the images in the given class folders.

    Args:
        path: Folder that holds the class folders.
        classes: Names of class folders, in order.
        cache: Where file hashes are remembered.
        progress: Called with the number of files hashed and of all files.

    Raises:
        InputError: There is no image, or images lie deeper than the class folders.
        DataError: A file cannot be read.
    """
    names: list[str] = []
    others: list[tuple[str, str]] = []
    for name in classes:
        images, left_out_here = _list_images(path, name)
        names += [f"{name}/{image}" for image in images]
        others += left_out_here
    left_out = OtherFiles.from_names(others)
    if not names:
        sentence = left_out.format_counts()
        raise InputError(
            f"There is no image in the {len(classes)} class folders of '{path}'."
            f"{f' {sentence}' if sentence else ''}"
        )
    sha256s = hash_files(path, names, cache=cache, progress=progress)
    return FoundImages(
        image_ids=tuple(names),
        labels=tuple((name.split("/", 1)[0],) for name in names),
        reader=FolderImages(path, names, sha256s),
        content_sha256=hash_lines(f"{sha} {name}" for name, sha in zip(names, sha256s, strict=True)),
        left_out=left_out,
    )


def load_folder(path: Path, *, cache: Path | None, progress: ProgressCallback | None = None) -> Split:
    """Any folder whose sub-folders are named by wnid, as a split.

    Args:
        path: The folder.
        cache: Where file hashes are remembered, so that 50,000 files are read whole only once.
        progress: Called with the number of files hashed and of all files.

    Raises:
        InputError: There is no such folder, it is empty, or its folders are not wnids of ImageNet's 1000.
        DataError: A file cannot be read.
    """
    classes = list_class_folders(path)
    validate_wnid_folders(path, classes)
    found = load_found_folder(path, classes, cache=cache, progress=progress)
    labels = np.array([[load_index_by_wnid()[wnid]] for (wnid,) in found.labels], dtype=np.int16)
    class_set = make_split_class_set(labels)
    return Split(
        record=SplitRecord(
            ref=f"folder:{path}",
            version=None,
            name=str(path),
            view=None,
            # A folder has no manifest, and its content decides everything that one would.
            manifest_sha256=found.content_sha256,
            content_sha256=found.content_sha256,
            revision=None,
            num_classes=len(class_set.indices),
            notice=found.left_out.format_counts(),
        ),
        rows=SplitRows(found.image_ids, labels, (None,) * len(found.image_ids)),
        reader=found.reader,
        class_set=class_set,
        outputs="all",
    )


def validate_wnid_folders(path: Path, classes: Sequence[str]) -> None:
    """Check that class folders are named by wnids of the 1000 classes.

    Raises:
        InputError: Some are not; it names the first few and what they may be instead.
    """
    strange = [name for name in classes if name not in load_index_by_wnid()]
    if not strange and classes:
        return
    if not classes:
        raise InputError(f"'{path}' has no sub-folders. It needs one per class, named by wnid (n01440764).")
    shown = ", ".join(f"'{name}'" for name in strange[:5]) + (", ..." if len(strange) > 5 else "")
    raise InputError(
        f"'{path}' has {len(strange)} of {len(classes)} sub-folders that are not wnids of ImageNet's "
        f"1000 classes: {shown}. {_suggest_for_folders(path, classes, strange)}"
    )


def _suggest_for_folders(path: Path, classes: Sequence[str], strange: Sequence[str]) -> str:
    if all(name.isdecimal() for name in classes):
        return (
            "Folders numbered 0 to 999 or 1 to 1000 in the order of sorted wnids are ImageNet-V2's: use "
            f"--split imagenet-v2 --data imagenet-v2={path}. Rename folders of any other numbering, such as "
            "the ILSVRC ids, to wnids."
        )
    for name in classes:
        if any((path / name / wnid).is_dir() for wnid in load_index_by_wnid()):
            return f"Did you mean folder:{path / name}?"
    if all(_WNID.fullmatch(name) for name in strange):
        return "They are synsets outside the 1000; take them out."
    return "Name each by the wnid of its class, such as n01440764 for tench."


def _list_images(path: Path, name: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of the images of a class folder, sorted, and kind and name of each other file."""
    try:
        with os.scandir(path / name) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
            deeper = [entry for entry in listed if not is_hidden(entry.name) and _is_folder(entry)]
    except OSError as error:
        raise InputError(_format_folder_problem(path / name, error)) from error
    for entry in deeper:
        # A link may lead back up, and such a loop is no image; a real folder may hold some.
        if not entry.is_symlink():
            raise InputError(
                f"'{path / name / entry.name}' is a folder inside a class folder. "
                "Images must lie directly in the class folders."
            )
    kinds = [(_find_left_out_kind(entry), entry.name) for entry in listed if not _is_folder(entry)]
    images = [file for kind, file in kinds if kind is None]
    if unnamed := [image for image in images if not _is_utf8(image)]:
        raise InputError(f"A file name in '{path / name}' is not UTF-8: {unnamed[0]!r}. Rename it.")
    return images, [(kind, file) for kind, file in kinds if kind is not None]


def _find_left_out_kind(entry: os.DirEntry[str]) -> str | None:
    try:
        return find_left_out_kind(entry.name, lambda: _read_head(entry))
    except OSError:
        return "file that cannot be opened"


def _read_head(entry: os.DirEntry[str]) -> bytes:
    # A pipe would wait for a writer, for ever.
    if not entry.is_file():
        raise OSError("no regular file")
    with Path(entry.path).open("rb") as file:
        return file.read(HEAD_BYTES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_utf8(name: str) -> bool:
    try:
        # Python keeps undecodable bytes of a name as surrogates, which neither JSON nor parquet can hold.
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _format_folder_problem(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no folder '{path}'."
    if isinstance(error, NotADirectoryError):
        return f"'{path}' is a file; a folder is needed, with one sub-folder of images per class."
    return f"Folder '{path}' cannot be read: {error.strerror or error}."
