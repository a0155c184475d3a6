"""The real sets, ImageNet-val, -V2, -Sketch, -R, -A, -C and ObjectNet, from a local copy or the Hub.

What each one holds and where it is found is data (`data/real_sets.toml`). Whatever the source, a set ends up
as local files that one of four readers opens: class folders, parquet, webdataset tars, archives of folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.classes import ClassSet, load_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files, list_matching_files
from imagenet_g.benchmark.images.containers import load_found_archives, load_found_parquet, load_found_samples
from imagenet_g.benchmark.images.found import FoundImages, ImageReader
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.folders import format_ignored, list_class_folders, load_found_folder
from imagenet_g.benchmark.splits.real_set_specs import LabelKind, RealSetSpec, find_real_set, parse_label
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
        rows: Its row for each of ours.
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
    base: str, *, path: Path | None, cache: Path | None, progress: ProgressCallback | None = None
) -> Split:
    """A real set from a local copy, or from the Hub where there is none.

    A copy that lacks images or classes is used, and its notice says so.

    Args:
        base: Parsed name, such as "imagenet-r" or "imagenet-c/fog/3".
        path: The local copy, or None for the Hub.
        cache: Where file hashes are remembered and compressed archives unpacked.
        progress: Told how far the hashing is.

    Raises:
        InputError: The local copy is missing, empty or laid out in another way.
        DataError: A file is damaged, or an image's class is not one of the set's.
        FetchError: The Hub cannot be reached or does not let us in.
    """
    spec = find_real_set(base)
    revision = None
    if path is None:
        fetched = fetch_hub_files(spec.hub.repo, spec.hub.files, gated=spec.hub.gated, hint=spec.hint)
        names, revision = fetched.list_files(spec.hub.files), fetched.commit
        found, kind = _load_hub_layout(spec, fetched.folder, names, cache, progress), spec.hub.label
    else:
        found, kind = _load_local(spec, path, cache, progress)
    return _make_split(spec, found, kind, revision)


def locate_class_folders(spec: RealSetSpec, path: Path) -> Path:
    """The folder inside a local copy that holds the class folders; the copy itself where nothing is nested.

    Raises:
        InputError: The set must be nested and is not.
    """
    for inner in spec.inner:
        if (path / inner).is_dir():
            return path / inner
    if spec.inner_required and path.is_dir() and not list_matching_files(path, spec.hub.files):
        raise InputError(f"'{path}' has no folder '{spec.inner[0]}', which {spec.name} needs. {spec.hint}")
    return path


def _load_local(
    spec: RealSetSpec, path: Path, cache: Path | None, progress: ProgressCallback | None
) -> tuple[FoundImages, LabelKind]:
    root = locate_class_folders(spec, path)
    try:
        folders = list_class_folders(root)
    except InputError as error:
        raise InputError(f"{error} {spec.local_hint}") from error
    named = [folder for folder in folders if parse_label(spec, spec.label, folder) is not None]
    if not named and (names := list_matching_files(path, spec.hub.files)):
        return _load_hub_layout(spec, path, names, cache, progress), spec.hub.label
    strange = [folder for folder in folders if folder not in named]
    # ObjectNet's other 200 classes have no counterpart among the 1000 and are left out by definition.
    if not named or (strange and spec.label != "objectnet"):
        shown = ", ".join(f"'{folder}'" for folder in strange[:5]) or "no folders at all"
        raise InputError(f"'{root}' is no copy of {spec.name}: it has {shown}. {spec.local_hint}")
    return load_found_folder(root, named, cache=cache, progress=progress), spec.label


def _load_hub_layout(
    spec: RealSetSpec,
    folder: Path,
    names: Sequence[str],
    cache: Path | None,
    progress: ProgressCallback | None,
) -> FoundImages:
    hub = spec.hub
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


def _make_split(spec: RealSetSpec, found: FoundImages, kind: LabelKind, revision: str | None) -> Split:
    meanings = {text: parse_label(spec, kind, text) for text in dict.fromkeys(found.labels)}
    if kind != "objectnet" and (strange := [text for text, indices in meanings.items() if indices is None]):
        raise DataError(f"{spec.name} has images of class '{strange[0]}', which is none of ImageNet's 1000.")
    chosen = [(row, indices) for row, text in enumerate(found.labels) if (indices := meanings[text])]
    if not chosen:
        raise DataError(f"No image of {spec.name} is of one of ImageNet's 1000 classes. {spec.hint}")
    rows = tuple(row for row, _ in chosen)
    labels = make_labels([indices for _, indices in chosen])
    class_set = _name_class_set(spec, make_split_class_set(labels))
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
            notice=format_notice(spec, len(rows), len(class_set.indices), found.num_ignored),
        ),
        rows=SplitRows(tuple(found.image_ids[row] for row in rows), labels, (None,) * len(rows)),
        reader=SelectedImages(found.reader, rows) if len(rows) < len(found.labels) else found.reader,
        class_set=class_set,
        outputs=spec.outputs,
        border_px=spec.border_px,
        precropped=spec.precropped,
    )


def _name_class_set(spec: RealSetSpec, covered: ClassSet) -> ClassSet:
    whole = load_class_set(spec.class_set)
    if outside := sorted(set(covered.indices) - set(whole.indices)):
        raise DataError(f"{spec.name} has images of class {outside[0]}, which is not one of the set's own.")
    return whole if covered.indices == whole.indices else replace(covered, name="split-classes")


def format_notice(spec: RealSetSpec, num_images: int, num_classes: int, num_ignored: int) -> str | None:
    """What must be known before a number on this copy is quoted, or None."""
    expected = len(load_class_set(spec.class_set).indices)
    parts = [spec.notice, format_ignored(num_ignored)]
    if (num_images, num_classes) != (spec.num_images, expected):
        parts.append(
            f"Not the whole of {spec.name}: this copy has {num_images:,} of {spec.num_images:,} images "
            f"and {num_classes} of {expected} classes."
        )
    return " ".join(part for part in parts if part) or None
