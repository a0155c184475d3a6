"""Reading a release, built or fetched: rows with their images, by batch or by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import FileRecord, Manifest, load_manifest
from imagenet_g.generation.releases.recipe import SplitRecipe, list_split_files

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, object]
Filters = list[tuple[str, str, object]]


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that differs from the manifest."""

    path: str
    reason: str


def load_release(folder: Path, splits: Sequence[str]) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of a release and the requested splits (by default all).

    Raises:
        DataError: It is not a complete release.
        UnknownNameError: It has no such split.
    """
    manifest = load_manifest(folder)
    # A misspelt split is refused before anything is hashed.
    for split in splits:
        if split not in manifest.splits:
            raise UnknownNameError("split", split, manifest.splits)
    return manifest, tuple(splits) or tuple(manifest.splits)


def find_damage(folder: Path, manifest: Manifest, splits: Sequence[str]) -> Iterator[Damage | None]:
    """Hash every file of the splits; yields None for an undamaged one, to report progress."""
    for split in splits:
        for file in list_split_files(manifest.splits[split]):
            reason = _find_fault(folder, file)
            yield None if reason is None else Damage(file.path, reason)


def load_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    filters: Filters | None = None,
    with_images: bool = True,
) -> pa.Table:
    """A parquet file of a release.

    Args:
        path: The file.
        columns: Columns to read; None for all.
        filters: Conditions on columns that rows must meet, as pyarrow has them.
        with_images: Read the images too, which take nearly all of the memory.

    Raises:
        DataError: It cannot be read, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        if missing := [name for name in columns or () if name not in names]:
            raise DataError(f"'{path}' has no column '{missing[0]}'.")
        wanted = [name for name in columns or names if with_images or name != "image"]
        return pq.read_table(path, columns=wanted, filters=filters)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"'{path}' cannot be read: {error}") from error


def load_planned_rows(folder: Path, recipe: SplitRecipe, batches: Sequence[int]) -> list[Row]:
    """Planned rows of some batches, in plan order.

    Raises:
        DataError: The plan cannot be read.
    """
    return _read_rows(folder / recipe.plan.path, filters=[("batch_id", "in", list(batches))])


def load_batches(
    folder: Path, files: Sequence[FileRecord], recipe: SplitRecipe, batches: Sequence[int]
) -> list[Row]:
    """Released rows of some batches, in row order, images as encoded bytes.

    Args:
        folder: The release.
        files: The split's files of images, one a shard of the plan.
        recipe: The split's recipe.
        batches: Ids of batches.

    Raises:
        DataError: A file cannot be read.
    """
    conditions: Filters = [("batch_id", "in", list(batches))]
    plan = load_table(folder / recipe.plan.path, ["shard"], filters=conditions)
    # By the plan only files that hold such a batch are opened: the others may be hundreds.
    shards = sorted(set(plan["shard"].to_pylist()) & set(range(len(files))))
    wanted: Filters = [("batch_id", "in", list(map(str, batches)))]
    return [
        _unwrap(row) for shard in shards for row in _read_rows(folder / files[shard].path, filters=wanted)
    ]


def find_image(folder: Path, manifest: Manifest, image_id: str) -> tuple[str, Row]:
    """The split an image is in, and its row.

    Raises:
        UnknownNameError: It is in no split.
        DataError: A file cannot be read.
    """
    for split, described in manifest.splits.items():
        for file in described.files:
            # Ids only, first: a file's images are read only if it holds the row.
            if image_id in _read_column(folder / file.path, "image_id").to_pylist():
                rows = _read_rows(folder / file.path, filters=[("image_id", "=", image_id)])
                return split, _unwrap(rows[0])
    raise UnknownNameError("image", image_id, (), hint=f"It is in no split of '{folder}'.")


def load_batch(folder: Path, manifest: Manifest, split: str, batch_id: str) -> list[Row]:
    """All rows of one batch as released.

    Raises:
        DataError: A file cannot be read.
    """
    rows: list[Row] = []
    for file in manifest.splits[split].files:
        if batch_id in _read_column(folder / file.path, "batch_id").to_pylist():
            rows += _read_rows(folder / file.path, filters=[("batch_id", "=", batch_id)])
    return [_unwrap(row) for row in rows]


def _find_fault(folder: Path, file: FileRecord) -> str | None:
    path = folder / file.path
    if not path.is_file():
        return "missing"
    # The size first: a download that was cut off is found without reading it.
    if (size := path.stat().st_size) != file.num_bytes:
        return f"{size} bytes instead of {file.num_bytes}"
    return None if hash_file(path) == file.sha256 else "other bytes than were released (sha256 differs)"


def _read_rows(path: Path, filters: Filters | None = None) -> list[Row]:
    rows: list[Row] = load_table(path, filters=filters).to_pylist()
    return rows


def _read_column(path: Path, name: str) -> pa.ChunkedArray:
    return load_table(path, [name])[name]


def _unwrap(row: Row) -> Row:
    image = row["image"]
    return {**row, "image": image["bytes"]} if isinstance(image, dict) else row
