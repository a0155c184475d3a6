"""A data set ready to be probed: found where it lies, its files hashed, its classes numbered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.baselines.probing.layouts.listing import ListedImage, SetListing
from imagenet_g.baselines.probing.layouts.reading import read_layout
from imagenet_g.baselines.probing.layouts.split import NO_FOLDER
from imagenet_g.baselines.probing.specs import PARTS, Part, PlaceSpec, ProbeSetSpec
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.images.found import ImageReader
from imagenet_g.benchmark.images.hashes import ProgressCallback, hash_files
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.folders import FolderImages
from imagenet_g.benchmark.splits.splits import Split, SplitRows

RowArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeImages:
    """A data set.

    Attributes:
        spec: What it is.
        split: Its images, all parts together, for the code that computes features.
        labels: `(N,)` numbers of the classes.
        class_names: Their names, by number.
        parts: `(M,)` rows of each part; no `val` where none is given.
        sha256s: N hashes of the files.
        findings: What is wrong or unusual with it, in sentences.
        partial: Whether its sizes are other than the printed ones.
    """

    spec: ProbeSetSpec
    split: Split
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    parts: dict[Part, RowArray]
    sha256s: tuple[str, ...]
    findings: tuple[str, ...]
    partial: bool

    @property
    def learnt(self) -> RowArray:
        """Rows of train and val, ascending."""
        return np.sort(np.concatenate([self.parts["train"], self.parts.get("val", self.parts["train"][:0])]))

    def find_shared(self) -> RowArray:
        """Rows of the test part whose file is, byte for byte, also one that is learnt from."""
        learnt = {self.sha256s[row] for row in self.learnt.tolist()}
        return np.array(
            [row for row in self.parts["test"].tolist() if self.sha256s[row] in learnt], dtype=np.intp
        )


def load_probe_images(
    spec: ProbeSetSpec,
    folder: Path | None,
    *,
    cache: Path | None,
    allow_partial: bool,
    progress: ProgressCallback | None = None,
) -> ProbeImages:
    """Find, list and hash a data set.

    Args:
        spec: Which.
        folder: Where its files are, or the local copy of the version or set that it is a split of; None for
            a set without files, and for a split that is found without.
        cache: Where hashes of files are remembered.
        allow_partial: Whether other sizes than the printed ones are taken.
        progress: Called with files hashed and files in all.

    Raises:
        InputError: It is not there, has another layout, misses files or images of a class, or has other sizes
            than printed and `allow_partial` is false.
        DataError: A file is damaged.
    """
    root, place = find_place(spec, folder)
    listing = read_layout(root, place.layout)
    problems = _list_problems(spec, listing.images)
    if problems and not allow_partial:
        raise InputError(
            f"'{spec.name}' is not the whole set: {'; '.join(problems)}. --partial takes it as it is; an "
            "accuracy is then not one of this set."
        )
    names = [image.name for image in listing.images]
    if listing.sha256s is None:
        _refuse_missing(root, names)
    sha256s = listing.sha256s or hash_files(root, names, cache=cache, progress=progress)
    classes = sort_classes({image.label for image in listing.images})
    return _assemble(spec, root, listing, sha256s, classes, problems)


def find_place(spec: ProbeSetSpec, folder: Path | None) -> tuple[Path, PlaceSpec]:
    """The form that a set has, and the folder its names are relative to.

    Raises:
        InputError: No folder was named, or it has none of the known forms; with what was expected and found.
    """
    if not spec.needs_folder:
        # A set that is a split of this project may have a local copy all the same.
        return folder or NO_FOLDER, spec.places[0]
    if folder is None:
        raise InputError(f"'{spec.name}' needs --data {spec.name}=PATH. {spec.get}")
    if not folder.is_dir():
        raise InputError(f"--data {spec.name}={folder}: there is no such folder. {spec.get}")
    for place in spec.places:
        for inner in place.folders:
            root = folder / inner
            if root.is_dir() and all((root / name).exists() for name in place.needs):
                return root, place
    expected = " or ".join(", ".join(place.needs) for place in spec.places)
    # What is there shows most often that the folder above or below was meant.
    there = sorted(entry.name for entry in folder.iterdir())
    shown = ", ".join(there[:8]) + (f", ... ({len(there)} in all)" if len(there) > 8 else "")
    raise InputError(
        f"'{folder}' does not have the layout of '{spec.name}'. Expected: {expected}. Found: "
        f"{shown or 'nothing'}. {spec.get}"
    )


def sort_classes(labels: set[str]) -> tuple[str, ...]:
    """Names of classes in order: as numbers where all are, else as text.

    Example:
        >>> sort_classes({"10", "9"}), sort_classes({"b", "a"})
        (('9', '10'), ('a', 'b'))
    """
    if all(label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))


def _list_problems(spec: ProbeSetSpec, images: tuple[ListedImage, ...]) -> list[str]:
    """Where a set differs from what is printed of it."""
    found = []
    # Of the lists, not of the files: a list that was cut short has its files all the same.
    counts = Counter(image.part for image in images)
    classes = {image.label for image in images}
    if len(classes) != spec.num_classes:
        found.append(f"{len(classes)} classes where {spec.num_classes} are printed")
    sizes = spec.sizes
    if counts["test"] != sizes.test:
        found.append(f"{counts['test']} test images where {sizes.test} are printed")
    # Together: a part for validation that is drawn here is still in the part for training.
    learnt = counts["train"] + counts["val"]
    if learnt != sizes.train + (sizes.val or 0):
        found.append(f"{learnt} images to learn from where {sizes.train + (sizes.val or 0)} are printed")
    return found


def _refuse_missing(root: Path, names: list[str]) -> None:
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} images are not in '{root}', such as {missing[0]}. Unpack the "
            "archive of images there."
        )


def _assemble(
    spec: ProbeSetSpec,
    root: Path,
    listing: SetListing,
    sha256s: tuple[str, ...],
    classes: tuple[str, ...],
    problems: list[str],
) -> ProbeImages:
    number = {name: index for index, name in enumerate(classes)}
    images = listing.images
    ids = tuple(image.name for image in images)
    _refuse_repeats(spec, images)
    labels = np.array([number[image.label] for image in images], dtype=np.int64)
    parts = {
        part: np.array([row for row, image in enumerate(images) if image.part == part], dtype=np.intp)
        for part in PARTS
    }
    if not len(parts["val"]):
        del parts["val"]
    # Names count beside contents: classes and parts follow from them.
    content = hash_lines(f"{sha} {name}" for sha, name in zip(sha256s, ids, strict=True))
    found = ProbeImages(
        spec=spec,
        split=_make_split(
            spec, ids, content, listing.reader or FolderImages(root, ids, sha256s), len(classes)
        ),
        labels=labels,
        class_names=classes,
        parts=parts,
        sha256s=sha256s,
        findings=tuple(problems),
        partial=bool(problems),
    )
    _refuse_empty_classes(found)
    return found


def _refuse_repeats(spec: ProbeSetSpec, images: tuple[ListedImage, ...]) -> None:
    """An image that is named twice would be learnt from and tested."""
    counts = Counter(image.name for image in images)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise InputError(
            f"The lists of '{spec.name}' name {len(repeated)} images more than once, such as {repeated[0]}."
        )


def _refuse_empty_classes(found: ProbeImages) -> None:
    learnt = set(found.labels[found.learnt].tolist())
    empty = [name for index, name in enumerate(found.class_names) if index not in learnt]
    if empty:
        shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        raise InputError(
            f"'{found.spec.name}' has {len(empty)} classes without an image to learn from: {shown}. A probe "
            "could never answer them."
        )
    if not len(found.parts["test"]):
        raise InputError(f"'{found.spec.name}' has no test image.")


def _make_split(
    spec: ProbeSetSpec, ids: tuple[str, ...], content: str, reader: ImageReader, count: int
) -> Split:
    # Classes of another task are none of ImageNet's 1000: here no image has one.
    labels = np.full((len(ids), 1), -1, dtype=np.int16)
    record = SplitRecord(
        ref=f"probe:{spec.name}",
        version=None,
        name=spec.name,
        view=None,
        manifest_sha256=content,
        content_sha256=content,
        revision=None,
        num_classes=count,
        notice=spec.notice,
    )
    return Split(
        record=record,
        rows=SplitRows(ids, labels, (None,) * len(ids)),
        reader=reader,
        # Never read: features alone are taken. A set of classes may not be empty.
        class_set=load_class_set("all"),
        outputs="all",
    )
