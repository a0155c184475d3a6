"""Images inside parquet, tar and zip files from other sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.images.archives import (
    ArchiveImages,
    ChosenMembers,
    Member,
    choose_class_members,
    choose_sample_members,
    list_tar,
    list_zip,
)
from imagenet_g.benchmark.images.found import FoundImages
from imagenet_g.benchmark.images.hashes import ProgressCallback, hash_files
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.images.unpacking import unpack_gzip

if TYPE_CHECKING:
    import pyarrow as pa


def load_found_parquet(
    folder: Path,
    names: Sequence[str],
    *,
    image_column: str,
    label_column: str,
    cache: Path | None,
    progress: ProgressCallback | None = None,
) -> FoundImages:
    """Images of parquet files; an image's id is its file and row. A list of classes is several right answers.

    Args:
        folder: Where the files are.
        names: Their names, in row order.
        image_column: Column with the encoded images.
        label_column: Column with the class; of a ClassLabel its names are taken, not its numbers.
        cache: Where file hashes are remembered.
        progress: Called with the number of files hashed and of all files.

    Raises:
        DataError: A file is damaged, a column is missing, or an image has no class.
    """
    rows = list_parquet_rows(folder, names, image_column=image_column, label_column=label_column)
    sha256 = _hash_all(folder, names, cache=cache, progress=progress)
    return FoundImages(rows.image_ids, rows.labels, rows.images, sha256)


class ParquetRows(NamedTuple):
    """Rows of parquet files whose files were not hashed.

    Attributes:
        image_ids: As in `FoundImages`.
        labels: As in `FoundImages`.
        images: Where row n is read.
    """

    image_ids: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    images: ParquetImages


def list_parquet_rows(
    folder: Path, names: Sequence[str], *, image_column: str, label_column: str
) -> ParquetRows:
    """The rows of parquet files, for a reader that hashes every image itself.

    Args:
        folder: Where the files are.
        names: Their names, in row order.
        image_column: Column with the encoded images.
        label_column: Column with the class.

    Raises:
        DataError: As `load_found_parquet`.
    """
    images = ParquetImages([folder / name for name in names], image_column)
    class_names = find_class_names(images.schema, label_column)
    values = images.read_column(label_column)
    ids = [
        # Padded, so that ids sorted as text keep the order of the rows.
        f"{name}#{row:06d}"
        for name, num_rows in zip(names, images.num_rows_by_file, strict=True)
        for row in range(num_rows)
    ]
    labels = [_read_labels(name, value, class_names) for name, value in zip(ids, values, strict=True)]
    return ParquetRows(tuple(ids), tuple(labels), images)


def load_found_samples(
    folder: Path, names: Sequence[str], *, cache: Path | None, progress: ProgressCallback | None = None
) -> FoundImages:
    """Images of webdataset tars, each with its class in a `.cls` file beside it.

    Raises:
        DataError: A tar is damaged, or an image has no class.
    """
    members = [member for name in names for member in list_tar(folder / name)]
    sha256 = _hash_all(folder, names, cache=cache, progress=progress)
    return _make_found(choose_sample_members(members), sha256, names)


def load_found_archives(
    folder: Path, names: Sequence[str], *, cache: Path | None, progress: ProgressCallback | None = None
) -> FoundImages:
    """Images of zip or tar.gz files that hold class folders.

    Raises:
        DataError: An archive is damaged or holds no images in class folders.
    """
    members: list[Member] = []
    for name in names:
        if name.endswith(".zip"):
            members += list_zip(folder / name)
        else:
            members += list_tar(unpack_gzip(folder / name, cache=cache), source=folder / name)
    sha256 = _hash_all(folder, names, cache=cache, progress=progress)
    return _make_found(choose_class_members(members), sha256, names)


def find_class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """Names of a ClassLabel column from the metadata `datasets` leaves, or None for any other column."""
    try:
        # Parquet has no type for a class label; `datasets` writes its own as JSON into the schema's metadata.
        info = json.loads((schema.metadata or {})[b"huggingface"])
        feature = info["info"]["features"][column]
        # A list column holds the feature of its items one level down.
        names = feature.get("feature", feature)["names"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return list(map(str, names)) if isinstance(names, list) else None


def _read_labels(image_id: str, value: object, class_names: list[str] | None) -> tuple[str, ...]:
    try:
        return _format_labels(value, class_names)
    except DataError as error:
        raise DataError(f"Row '{image_id}': {error}") from error


def _format_labels(value: object, class_names: list[str] | None) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise DataError("An image has no class.")
    return tuple(_format_label(value, class_names) for value in values)


def _format_label(value: object, class_names: list[str] | None) -> str:
    if value is None:
        raise DataError("An image has no class.")
    if class_names is None:
        return str(value)
    # `datasets` writes -1 where the labels of a test set are kept secret.
    if not isinstance(value, int) or not 0 <= value < len(class_names):
        raise DataError(f"Class number {value} lies outside the {len(class_names)} names beside it.")
    return class_names[value]


def _make_found(chosen: ChosenMembers, sha256: str, names: Sequence[str]) -> FoundImages:
    if not chosen.images:
        sentence = chosen.left_out.format_counts()
        raise DataError(f"There is no image in {', '.join(names[:3])}.{f' {sentence}' if sentence else ''}")
    ids, labels, members = zip(*chosen.images, strict=True)
    classes = tuple((label,) for label in labels)
    return FoundImages(ids, classes, ArchiveImages(members), sha256, chosen.left_out)


def _hash_all(
    folder: Path, names: Sequence[str], *, cache: Path | None, progress: ProgressCallback | None
) -> str:
    sha256s = hash_files(folder, names, cache=cache, progress=progress)
    # Names count beside contents: image ids are made of them.
    return hash_lines(f"{sha} {name}" for name, sha in zip(names, sha256s, strict=True))
