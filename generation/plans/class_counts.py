"""How many images each class of a split has, where classes differ: the counts of ImageNet's training set.

They are not shipped: who trains on ImageNet has them, in the ILSVRC devkit or as the images themselves. A
plan records the counts it was made with, so that whoever verifies a release needs neither.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError, InputError, shorten
from imagenet_g.benchmark.splits.folders import count_class_images
from imagenet_g.generation.plans.devkit import DEVKIT_FIELD, DEVKIT_FILE, read_devkit_counts
from imagenet_g.generation.specs.inputs import IMAGENET_TRAIN
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec

TOTAL_IMAGES = 1_281_167
"""Images of the training set of ILSVRC 2012 (Russakovsky et al. 2015, Table 2)."""
MIN_IMAGES, MAX_IMAGES = 732, 1300
"""Of a class (Russakovsky et al. 2015, Table 2)."""
CSV_COLUMNS = ("wnid", "images")
# A table of 1000 rows takes 20 kB.
_MAX_CSV_BYTES = 1 << 20
_DEVKIT_PLACES = (Path(DEVKIT_FILE), Path("data") / DEVKIT_FILE)
_HINT = (
    f"Give --counts PATH: {DEVKIT_FILE} of ILSVRC2012_devkit_t12 (its field {DEVKIT_FIELD}), the folder of "
    f"the training set with its class folders, or a CSV with the columns {' and '.join(CSV_COLUMNS)}."
)


def count_images(split: SplitSpec, class_index: int) -> int:
    """Planned images of a class; see `require_counts`."""
    if split.counts is not None:
        return split.counts.count(load_classes()[class_index].wnid)
    return split.images_per_class or 0


def format_counts(split: SplitSpec) -> str:
    """The images of a split as classes times images.

    Example:
        >>> from imagenet_g.generation.specs.inputs import CountSpec
        >>> table = {"title": "t", "generator": "g", "classes": ["n01440764", "n01443537"], "batch_size": 1}
        >>> format_counts(SplitSpec.model_validate(table | {"images_per_class": 50}))
        '2 classes x 50'
        >>> counts = {"of": "imagenet-train", "images": {"n01440764": 1300, "n01443537": 732}, "times": 10}
        >>> format_counts(SplitSpec.model_validate(table | {"counts": counts}))
        '2 classes x 7320 to 13000, 10 times the counts of imagenet-train'
    """
    numbers = [count_images(split, index) for index in split.class_indices]
    low, high = min(numbers), max(numbers)
    text = f"{len(numbers)} classes x {low}" + (f" to {high}" if high > low else "")
    if split.counts is None or split.counts.of is None:
        return text
    times = f"{split.counts.times} times " if split.counts.times > 1 else ""
    return f"{text}, {times}the counts of {split.counts.of}"


def require_counts(name: str, split: SplitSpec) -> None:
    """Refuse a split whose classes have no counts yet, or not all of them.

    Raises:
        InputError: See above; the message names the file that has them.
    """
    if split.counts is None:
        return
    if not split.counts.images:
        raise InputError(
            f"Split '{name}' has as many images of each class as ImageNet's training set, which has "
            f"{TOTAL_IMAGES:,} in all, and these counts are not shipped. {_HINT}"
        )
    wnids = [load_classes()[index].wnid for index in split.class_indices]
    if lacking := [wnid for wnid in wnids if wnid not in split.counts.images]:
        raise InputError(
            f"The counts of split '{name}' lack class {lacking[0]}; add it, or name fewer classes."
        )


def resolve_counts(
    spec: VersionSpec, splits: Iterable[str], place: Path | None, data: Mapping[str, Path]
) -> VersionSpec:
    """The spec with the counts of the training set filled in.

    Args:
        spec: Any version.
        splits: Those that are wanted; the others stay as they are.
        place: Where the counts are; None for the copy of the training set among `data`.
        data: Local copies by name, as `--data` gives them.

    Raises:
        InputError: Counts are needed and missing, or the file has another form.
        DataError: They are not those of ImageNet's training set.
    """
    wanted = [name for name in splits if _needs_counts(spec.splits[name])]
    if not wanted:
        return spec
    place = place or data.get(IMAGENET_TRAIN)
    if place is None:
        require_counts(wanted[0], spec.splits[wanted[0]])
        return spec
    counts = load_training_counts(place)
    filled = {name: _fill_counts(spec.splits[name], counts) for name in wanted}
    return spec.model_copy(update={"splits": spec.splits | filled})


def load_training_counts(place: Path) -> dict[str, int]:
    """Images of each of the 1000 classes in ImageNet's training set, by wnid.

    Args:
        place: `meta.mat` or the folder of the devkit that has it, a folder of class folders, or a CSV.

    Raises:
        InputError: There is nothing of these forms.
        DataError: The counts are not those of the training set; their total is in the message.
    """
    counts = _read_counts(place.expanduser())
    problem = _find_problem(counts)
    if problem is not None:
        raise DataError(
            f"'{place}' does not hold ImageNet's training set: {problem}. The whole set has {TOTAL_IMAGES:,} "
            f"images, {MIN_IMAGES} to {MAX_IMAGES} of each of 1000 classes. {_HINT}"
        )
    return {info.wnid: counts[info.wnid] for info in load_classes()}


def _needs_counts(split: SplitSpec) -> bool:
    return split.counts is not None and not split.counts.images


def _fill_counts(split: SplitSpec, counts: Mapping[str, int]) -> SplitSpec:
    if split.counts is None:
        return split
    # Of the split's classes alone: a plan of 100 classes does not change with the other 900.
    images = {wnid: counts[wnid] for wnid in (load_classes()[i].wnid for i in split.class_indices)}
    return split.model_copy(update={"counts": split.counts.model_copy(update={"images": images})})


def _read_counts(place: Path) -> dict[str, int]:
    if place.is_dir():
        devkit = next((place / inner for inner in _DEVKIT_PLACES if (place / inner).is_file()), None)
        if devkit is not None:
            return read_devkit_counts(devkit)
        inner = place / "train"
        return count_class_images(inner if inner.is_dir() else place)
    if not place.is_file():
        raise InputError(f"There is no file or folder '{place}'. {_HINT}")
    return read_devkit_counts(place) if place.suffix.lower() == ".mat" else _read_csv(place)


def _read_csv(path: Path) -> dict[str, int]:
    try:
        if path.stat().st_size > _MAX_CSV_BYTES:
            raise InputError(f"'{path}' is too large for a table of counts. {_HINT}")
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"'{path}' cannot be read as a CSV: {shorten(str(error))}. {_HINT}") from error
    if not rows or not set(CSV_COLUMNS) <= rows[0].keys():
        raise InputError(f"'{path}' is no CSV with the columns {' and '.join(CSV_COLUMNS)}. {_HINT}")
    counts: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        wnid, images = (str(row[column]).strip() for column in CSV_COLUMNS)
        # isdecimal takes the digits of every script; int() reads them, and a count has four at most.
        if not (images.isdecimal() and len(images) <= 6) or wnid in counts:
            raise InputError(f"Line {number} of '{path}' is no new class with a number: '{shorten(wnid)}'.")
        counts[wnid] = int(images)
    return counts


def _find_problem(counts: Mapping[str, int]) -> str | None:
    """What shows that counts are not those of the training set; None where nothing does."""
    known = {wnid: number for wnid, number in counts.items() if wnid in load_index_by_wnid()}
    total = sum(known.values())
    if len(known) < len(load_classes()):
        return f"it has {total:,} images of {len(known)} of the 1000 classes"
    odd = next((wnid for wnid, number in known.items() if not MIN_IMAGES <= number <= MAX_IMAGES), None)
    if odd is not None:
        return f"it has {known[odd]:,} images of class {odd}, and {total:,} in all"
    return None if total == TOTAL_IMAGES else f"it has {total:,} images in all"
