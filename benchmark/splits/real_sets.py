"""Real sets, from a local copy or the Hub; no set is named here.

What each one holds and where it is found is data (`real_set_specs`). Whatever the source, a set ends up as
local files that one of four readers opens: class folders, parquet, webdataset tars, archives of folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import DataError, FetchError, InputError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files, list_matching_files
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.images.class_numbers import (
    choose_first_number,
    format_numbering,
    list_readings,
)
from imagenet_g.benchmark.images.containers import load_found_archives, load_found_parquet, load_found_samples
from imagenet_g.benchmark.images.file_names import OtherFiles
from imagenet_g.benchmark.images.found import FoundImages, ImageReader
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.folders import list_class_folders, load_found_folder, refuse_doubles
from imagenet_g.benchmark.splits.real_set_files import RealSet, parse_label, simplify_name
from imagenet_g.benchmark.splits.real_set_specs import HubSpec, LabelKind, RealSetSpec
from imagenet_g.benchmark.splits.splits import (
    Split,
    SplitRows,
    make_labels,
    make_split_class_set,
)


@dataclass(frozen=True, slots=True)
class SelectedImages:
    """Some rows of another reader.

    Attributes:
        reader: The other reader.
        rows: Its row for each row here.
    """

    reader: ImageReader
    rows: tuple[int, ...]

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: As the other reader.
        """
        return self.reader.read_image(self.rows[row])

    def read_column(self, name: str) -> Sequence[object]:
        """Values of a column at our rows.

        Raises:
            DataError: As the other reader.
        """
        values = self.reader.read_column(name)
        return [values[row] for row in self.rows]


def load_real_set(
    real_set: RealSet, *, path: Path | None, cache: Path | None, progress: ProgressCallback | None = None
) -> Split:
    """A real set from a local copy, or from the Hub where no copy is given.

    A copy that lacks images or classes is used, and its notice states that.

    Args:
        real_set: The set, or one part of it, see `real_set_files.find_real_set`.
        path: The local copy, or None for the Hub.
        cache: Where file hashes are remembered and compressed archives unpacked.
        progress: Called with how far the hashing is.

    Raises:
        InputError: The local copy is missing, empty or laid out in another way, or its class numbers fit two
            readings.
        DataError: A file is damaged, or an image's class is not one of the set's.
        FetchError: The Hub cannot be reached, refuses access, or has no copy.
    """
    spec, hub = real_set.spec, real_set.spec.hub
    # What its publishers state about their files on the Hub needs no guess.
    revision, first = None, 0
    if path is not None:
        found, kind, first = _load_local(real_set, path, cache, progress)
    elif hub is None:
        raise FetchError(f"'{spec.name}' is not on the Hub. {spec.hint}")
    else:
        fetched = fetch_hub_files(hub.repo, hub.files, gated=hub.gated, hint=spec.hint)
        names, revision = fetched.list_files(hub.files), fetched.commit
        found, kind = _load_hub_layout(spec, hub, fetched.folder, names, cache, progress), hub.label
    return _make_split(real_set, _number_from(found, first), kind, revision, first)


def locate_class_folders(spec: RealSetSpec, path: Path) -> Path:
    """The folder inside a local copy that holds the class folders; the copy itself where nothing is nested.

    Raises:
        InputError: The set must be nested and is not.
    """
    for inner in spec.inner:
        if (path / inner).is_dir():
            return path / inner
    if spec.inner_required and path.is_dir() and not _list_hub_files(spec, path):
        raise InputError(f"'{path}' has no folder '{spec.inner[0]}', which {spec.name} needs. {spec.hint}")
    return path


def _list_hub_files(spec: RealSetSpec, path: Path) -> tuple[str, ...]:
    return () if spec.hub is None else list_matching_files(path, spec.hub.files)


def _load_local(
    real_set: RealSet, path: Path, cache: Path | None, progress: ProgressCallback | None
) -> tuple[FoundImages, LabelKind, int]:
    spec = real_set.spec
    root = locate_class_folders(spec, path)
    try:
        folders = list_class_folders(root)
    except InputError as error:
        raise InputError(f"{error} {spec.local_hint}") from error
    first = _choose_first(real_set, spec.label, folders, (root, path))
    named = [folder for folder in folders if parse_label(real_set, spec.label, folder, first) is not None]
    if not named and spec.hub is not None and (names := _list_hub_files(spec, path)):
        found = _load_hub_layout(spec, spec.hub, path, names, cache, progress)
        return found, spec.hub.label, _choose_first_found(real_set, spec.hub.label, found, path)
    # Zeros in front of a number say nothing.
    refuse_doubles(root, {folder: simplify_name(folder).lstrip("0") for folder in named})
    strange = [folder for folder in folders if folder not in named]
    if not named or (strange and spec.other_classes == "refused"):
        problem = format_strange_folders(real_set, strange)
        raise InputError(f"'{root}' is not a copy of {spec.name}: {problem} {spec.local_hint}")
    return load_found_folder(root, named, cache=cache, progress=progress), spec.label, first


def _choose_first(real_set: RealSet, kind: LabelKind, names: Iterable[str], places: Iterable[Path]) -> int:
    return choose_first_number(names, real_set.classes.indices, places) if kind == "index" else 0


def _choose_first_found(real_set: RealSet, kind: LabelKind, found: FoundImages, path: Path) -> int:
    names = {name for image in found.labels for name in image}
    whole = len(found.labels) == real_set.spec.num_images and not real_set.spec.every_class
    # A whole copy that lacks classes by design is as its publishers made it, unless 0 cannot be meant.
    if whole and 0 in list_readings(names, real_set.classes.indices):
        return 0
    return _choose_first(real_set, kind, names, (path,))


def _number_from(found: FoundImages, first: int) -> FoundImages:
    # The same files under another reading are other labels, and predictions are kept under this hash.
    if first == 0:
        return found
    sha256 = hash_lines([found.content_sha256, f"class numbers from {first}"])
    return replace(found, content_sha256=sha256)


def format_strange_folders(real_set: RealSet, folders: Sequence[str]) -> str:
    """Sentences on class folders whose names mean no class: which, and what names are allowed.

    Example:
        >>> from imagenet_g.benchmark.splits.real_set_files import find_real_set
        >>> print(format_strange_folders(find_real_set("imagenet-v2"), ["1000"]))
        The folder '1000' is not a class number from 0 to 999.
    """
    if not folders:
        return "it has no class folders."
    shown = ", ".join(f"'{folder}'" for folder in folders[:5]) + (", ..." if len(folders) > 5 else "")
    kinds = {
        "wnid": ("a wnid of ImageNet's 1000 classes, such as n01440764", "wnids of ImageNet's 1000 classes"),
        "index": ("a class number from 0 to 999", "class numbers from 0 to 999"),
        "names": ("a class name of the set", "class names of the set"),
    }
    one, several = kinds[real_set.spec.label]
    listed = "" if real_set.names_file is None else f" '{real_set.names_file}' lists them."
    if len(folders) == 1:
        return f"The folder {shown} is not {one}.{listed}"
    return f"The folders {shown} are not {several}.{listed}"


def _load_hub_layout(
    spec: RealSetSpec,
    hub: HubSpec,
    folder: Path,
    names: Sequence[str],
    cache: Path | None,
    progress: ProgressCallback | None,
) -> FoundImages:
    if not names:
        raise DataError(f"Dataset '{hub.repo}' has no file like {', '.join(hub.files)}. {spec.hint}")
    match hub.format:
        case "parquet":
            return load_found_parquet(
                folder,
                names,
                image_column=hub.image_column,
                label_column=hub.label_column,
                cache=cache,
                progress=progress,
            )
        case "tar":
            return load_found_samples(folder, names, cache=cache, progress=progress)
        case "tar.gz" | "zip":
            return load_found_archives(folder, names, cache=cache, progress=progress)
        case "folders":
            root = locate_class_folders(spec, folder)
            return load_found_folder(root, list_class_folders(root), cache=cache, progress=progress)


def _make_split(
    real_set: RealSet, found: FoundImages, kind: LabelKind, revision: str | None, first: int
) -> Split:
    spec = real_set.spec
    chosen = list(_choose_rows(real_set, found, kind, first))
    if not chosen:
        raise DataError(f"No image of {spec.name} is of one of ImageNet's 1000 classes. {spec.hint}")
    rows = tuple(row for row, _ in chosen)
    labels = make_labels([indices for _, indices in chosen])
    class_set = _name_class_set(real_set, make_split_class_set(labels))
    return Split(
        record=SplitRecord(
            ref=spec.name,
            version=None,
            name=spec.name,
            view=None,
            manifest_sha256=found.content_sha256,
            content_sha256=found.content_sha256,
            revision=revision,
            num_classes=len(class_set.indices),
            notice=format_notice(
                real_set, len(rows), len(class_set.indices), found.left_out, format_numbering(first)
            ),
        ),
        rows=SplitRows(tuple(found.image_ids[row] for row in rows), labels, (None,) * len(rows)),
        reader=SelectedImages(found.reader, rows) if len(rows) < len(found.labels) else found.reader,
        class_set=class_set,
        outputs=spec.outputs,
        border_px=spec.border_px,
        precropped=spec.precropped,
    )


def _choose_rows(
    real_set: RealSet, found: FoundImages, kind: LabelKind, first: int
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Rows that have a class among the 1000, each with every index it may be called."""
    meanings: dict[str, tuple[int, ...] | None] = {}
    for row, names in enumerate(found.labels):
        for name in names:
            if name not in meanings:
                meanings[name] = parse_label(real_set, kind, name, first)
            if meanings[name] is None and real_set.spec.other_classes == "refused":
                raise DataError(
                    f"{real_set.spec.name} has images of class '{name}', which is not one of ImageNet's 1000."
                )
        indices = dict.fromkeys(index for name in names for index in meanings[name] or ())
        if indices:
            yield row, tuple(indices)


def _name_class_set(real_set: RealSet, covered: ClassSet) -> ClassSet:
    whole = real_set.classes
    if outside := sorted(set(covered.indices) - set(whole.indices)):
        raise DataError(
            f"{real_set.spec.name} has images of class {outside[0]}, which is not one of the set's own."
        )
    return whole if covered.indices == whole.indices else replace(covered, name="split-classes")


def format_notice(
    real_set: RealSet, num_images: int, num_classes: int, left_out: OtherFiles, numbering: str | None
) -> str | None:
    """What must be known before a number on this copy is quoted, or None."""
    spec, expected = real_set.spec, len(real_set.classes.indices)
    parts = [spec.notice, numbering, left_out.format_counts()]
    lacks_classes = spec.every_class and num_classes != expected
    if spec.num_images is None:
        parts.append(
            f"How many images {spec.name} has as a whole is unknown; this copy has {num_images:,} "
            f"images of {num_classes} classes."
        )
    elif num_images != spec.num_images or lacks_classes:
        parts.append(
            f"Not the whole of {spec.name}: this copy has {num_images:,} of {spec.num_images:,} images "
            f"and {num_classes} of {expected} classes."
        )
    return " ".join(part for part in parts if part) or None
