"""Real sets, from a local copy or the Hub; no set is named here.

What each one holds and where it is found is data (`real_set_specs`). Whatever the source, a set ends up as
local files that one of four readers opens: class folders, parquet, webdataset tars, archives of folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import DataError, FetchError, InputError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files, list_matching_files
from imagenet_g.benchmark.images.containers import load_found_archives, load_found_parquet, load_found_samples
from imagenet_g.benchmark.images.file_names import OtherFiles
from imagenet_g.benchmark.images.found import FoundImages, ImageReader
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.folders import list_class_folders, load_found_folder
from imagenet_g.benchmark.splits.real_set_files import RealSet, parse_label
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
        InputError: The local copy is missing, empty or laid out in another way.
        DataError: A file is damaged, or an image's class is not one of the set's.
        FetchError: The Hub cannot be reached, refuses access, or has no copy.
    """
    spec, hub = real_set.spec, real_set.spec.hub
    revision = None
    if path is not None:
        found, kind = _load_local(real_set, path, cache, progress)
    elif hub is None:
        raise FetchError(f"'{spec.name}' is not on the Hub. {spec.hint}")
    else:
        fetched = fetch_hub_files(hub.repo, hub.files, gated=hub.gated, hint=spec.hint)
        names, revision = fetched.list_files(hub.files), fetched.commit
        found, kind = _load_hub_layout(spec, hub, fetched.folder, names, cache, progress), hub.label
    return _make_split(real_set, found, kind, revision)


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
) -> tuple[FoundImages, LabelKind]:
    spec = real_set.spec
    root = locate_class_folders(spec, path)
    try:
        folders = list_class_folders(root)
    except InputError as error:
        raise InputError(f"{error} {spec.local_hint}") from error
    named = [folder for folder in folders if parse_label(real_set, spec.label, folder) is not None]
    if not named and spec.hub is not None and (names := _list_hub_files(spec, path)):
        return _load_hub_layout(spec, spec.hub, path, names, cache, progress), spec.hub.label
    strange = [folder for folder in folders if folder not in named]
    if not named or (strange and spec.other_classes == "refused"):
        found = format_strange_folders(real_set, strange)
        raise InputError(f"'{root}' is not a copy of {spec.name}: {found} {spec.local_hint}")
    return load_found_folder(root, named, cache=cache, progress=progress), spec.label


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


def _make_split(real_set: RealSet, found: FoundImages, kind: LabelKind, revision: str | None) -> Split:
    spec = real_set.spec
    chosen = list(_choose_rows(real_set, found, kind))
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
            notice=format_notice(real_set, len(rows), len(class_set.indices), found.left_out),
        ),
        rows=SplitRows(tuple(found.image_ids[row] for row in rows), labels, (None,) * len(rows)),
        reader=SelectedImages(found.reader, rows) if len(rows) < len(found.labels) else found.reader,
        class_set=class_set,
        outputs=spec.outputs,
        border_px=spec.border_px,
        precropped=spec.precropped,
    )


def _choose_rows(
    real_set: RealSet, found: FoundImages, kind: LabelKind
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Rows that have a class among the 1000, each with every index it may be called."""
    meanings: dict[str, tuple[int, ...] | None] = {}
    for row, names in enumerate(found.labels):
        for name in names:
            if name not in meanings:
                meanings[name] = parse_label(real_set, kind, name)
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


def format_notice(real_set: RealSet, num_images: int, num_classes: int, left_out: OtherFiles) -> str | None:
    """What must be known before a number on this copy is quoted, or None."""
    spec, expected = real_set.spec, len(real_set.classes.indices)
    parts = [spec.notice, left_out.format_counts()]
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
