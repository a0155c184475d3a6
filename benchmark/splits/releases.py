"""A release: the parquet shards and manifest of one version, written here and read here.

    data/<split>/validation-00000-of-000NN.parquet   images and what is known of them, 100 rows a row group;
                                                     train-... in a training set
    manifest.json                                    written last: its presence means the release is whole

`label` is a `datasets` ClassLabel whose names are the 1000 wnids in class order: the display names are not
unique, and wnids are what other copies of ImageNet can be matched by. An optional column `also` lists class
indices an image may rightly be called besides its label; a model is right with any of them. Optional columns
`strength` and `series` say how strongly an image is shifted, and which show one scene: `strengths.axis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from imagenet_g.benchmark.classes import ALL_CLASSES, load_class_set, load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_file, hash_lines
from imagenet_g.benchmark.images.hashes import ProgressCallback, hash_files
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.lineage.origins import read_origin
from imagenet_g.benchmark.records import SplitOrigin, SplitRecord
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    ClassView,
    FileRecord,
    Manifest,
    SplitManifest,
    SplitRole,
    ViewSpec,
    list_parts,
    load_manifest,
)
from imagenet_g.benchmark.splits.registry import find_released, format_successor
from imagenet_g.benchmark.splits.release_rows import load_release_rows
from imagenet_g.benchmark.splits.splits import Split, SplitRows, make_split_class_set
from imagenet_g.benchmark.splits.views import find_view_class_set, list_score_filters
from imagenet_g.benchmark.storage import replace_file

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa
    from pydantic import JsonValue

ROWS_PER_GROUP = 100
"""Small enough for the Hub's viewer: 100 images of 512 x 512 are some 40 MB."""
STANDARD_COLUMNS = {
    "image": "image", "label": "label", "image_id": "string", "wnid": "string", "prompt": "string",
    "recipe": "string", "seed": "int64", "batch_id": "string", "slot": "int32", "source_image_id": "string",
    "generator": "string", "pixel_sha256": "string", "is_flat": "bool", "is_flagged_unsafe": "bool",
}  # fmt: skip
"""The columns of every release by name, and what they hold."""
Verify = Literal["hashes", "size"]
Rows = Iterable[Mapping[str, object]]


def make_release_features(extra: Mapping[str, object] | None = None) -> datasets.Features:
    """The columns of every release, and those of one.

    Args:
        extra: More columns by name, each a `datasets` feature: `{"hand": Value("string")}`,
            `{"clip_score.vit-l-14": Value("float32")}`.

    Raises:
        InputError: An extra column has the name of a standard one.
    """
    from datasets import ClassLabel, Features, Image, Value

    special = {"image": Image(), "label": ClassLabel(names=[info.wnid for info in load_classes()])}
    standard = {name: special.get(name) or Value(kind) for name, kind in STANDARD_COLUMNS.items()}
    if clash := sorted(standard.keys() & (extra or {}).keys()):
        raise InputError(f"Column '{clash[0]}' is one of a release's own columns; choose another name.")
    return Features({**standard, **(extra or {})})


def write_shard(
    folder: Path, name: str, rows: Rows, features: datasets.Features, *, rows_per_group: int = ROWS_PER_GROUP
) -> FileRecord:
    """Write one shard; equal rows give equal bytes with the same pyarrow.

    Args:
        folder: The release.
        name: Path of the shard relative to it, see `make_shard_path`.
        rows: One mapping per image with exactly the columns of `features`: `image` is the encoded file's
            bytes, `label` the class index, a value that is not known or does not apply is None. Taken a group
            at a time, so an iterator of any length will do.
        features: From `make_release_features`.
        rows_per_group: Rows of a row group, which is read whole.

    Raises:
        DataError: A row misses a column, has one too many, or a value of the wrong type.
        StorageError: The shard cannot be written.
    """
    import pyarrow.parquet as pq

    schema, num_rows = features.arrow_schema, 0
    with replace_file(folder / name) as temporary:
        # Dictionaries and compression gain nothing on images that are compressed already.
        leaves = [column for column in schema.names if column != "image"]
        codecs = {"image.bytes": "NONE", "image.path": "ZSTD"} | dict.fromkeys(leaves, "ZSTD")
        with pq.ParquetWriter(
            temporary, schema, compression=codecs, use_dictionary=leaves, write_statistics=leaves
        ) as writer:
            for table in _make_tables(rows, schema, name, rows_per_group):
                writer.write_table(table, row_group_size=rows_per_group)
                num_rows += table.num_rows
        # Hashed under its temporary name: once it is renamed, another process could change it.
        sha256, num_bytes = hash_file(temporary), temporary.stat().st_size
    return FileRecord(path=name, sha256=sha256, num_bytes=num_bytes, num_rows=num_rows)


def _make_tables(rows: Rows, schema: pa.Schema, name: str, rows_per_group: int) -> Iterator[pa.Table]:
    import pyarrow as pa

    stream = iter(rows)
    while piece := list(islice(stream, rows_per_group)):
        for row in piece:
            # pyarrow would fill a missing column with nulls and drop one that is too many.
            if row.keys() != set(schema.names):
                odd = ", ".join(sorted(row.keys() ^ set(schema.names)))
                raise DataError(f"A row of '{name}' has columns missing or too many: {odd}.")
        wrapped = [{**row, "image": {"bytes": row["image"], "path": None}} for row in piece]
        try:
            yield pa.Table.from_pylist(wrapped, schema=schema)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"A row of '{name}' does not fit its columns: {error}") from error


def make_split_manifest(
    folder: Path,
    files: Sequence[FileRecord],
    *,
    views: Mapping[str, ViewSpec],
    recipe: JsonValue,
    role: SplitRole = "test",
) -> SplitManifest:
    """Describe shards that are in place, reading their labels and checking every row.

    Args:
        folder: The release.
        files: Its shards of this split, in row order, as `write_shard` returned them.
        views: Named row filters.
        recipe: How the images were made.
        role: What they are for.

    Raises:
        DataError: The rows break the contract, or a view is on a column or class set that is not there.
    """
    images = ParquetImages([folder / file.path for file in files])
    rows = load_release_rows(images)
    for name, view in views.items():
        _validate_view(name, view, images)
    return SplitManifest(
        files=tuple(files),
        num_images=len(rows),
        class_indices=tuple(int(index) for index in np.unique(rows.labels[:, 0])),
        views=dict(views),
        recipe=recipe,
        role=role,
    )


def _validate_view(name: str, view: ViewSpec, images: ParquetImages) -> None:
    for part in list_parts(view):
        load_class_set(find_view_class_set(part) or ALL_CLASSES)
        if not isinstance(part, ClassView) and part.column not in images.schema.names:
            raise DataError(f"View '{name}' filters by column '{part.column}', which the images do not have.")


def load_release_split(
    folder: Path,
    name: str,
    *,
    cache: Path | None,
    verify: Verify = "hashes",
    progress: ProgressCallback | None = None,
) -> Split:
    """Open one split of a release: rows in memory, images left on disk.

    Args:
        folder: Where `manifest.json` is.
        name: Split name inside the version, such as "sd-l".
        cache: Where file hashes are remembered, so that they are computed once; None: every time.
        verify: "hashes" compares every shard with its recorded sha256, "size" only its length.
        progress: Called with the number of files hashed and of all files.

    Raises:
        DataError: The manifest or a shard is missing, damaged, or breaks the contract.
        UnknownNameError: The version has no such split.
    """
    manifest = load_manifest(folder)
    if name not in manifest.splits:
        known = [f"{manifest.version}/{split}" for split in manifest.splits]
        raise UnknownNameError("split", f"{manifest.version}/{name}", known)
    described = manifest.splits[name]
    _verify_files(folder, described.files, cache=cache, verify=verify, progress=progress)
    return make_split(folder, manifest, name, ParquetImages([folder / file.path for file in described.files]))


def make_split(folder: Path, manifest: Manifest, name: str, images: ParquetImages) -> Split:
    """A split of a release whose shards are open and trusted; every row is checked.

    Raises:
        DataError: The rows break the contract or are not those of the manifest.
    """
    described = manifest.splits[name]
    rows = load_release_rows(images)
    _validate_counts(described, images, rows, f"{manifest.version}/{name}")
    # What else an image may be called (column `also`) is an answer, not a class the split is about.
    class_set = make_split_class_set(rows.labels[:, :1])
    return Split(
        record=_make_record(folder, manifest, name, num_classes=len(class_set.indices)),
        rows=rows,
        reader=images,
        class_set=class_set,
        outputs="all" if class_set.covers_all else "split-classes",
        views=dict(described.views),
        scorers=described.list_scorers(),
    )


def _verify_files(
    folder: Path,
    files: Sequence[FileRecord],
    *,
    cache: Path | None,
    verify: Verify,
    progress: ProgressCallback | None,
) -> None:
    for file in files:
        path = folder / file.path
        if not path.is_file():
            raise DataError(f"Shard '{file.path}' of '{folder}' is missing; fetch the release again.")
        if (size := path.stat().st_size) != file.num_bytes:
            raise DataError(_format_damage(folder, file, f"{size} bytes instead of {file.num_bytes}"))
    # Sizes were compared first: a download that broke off is found without reading anything.
    if verify == "hashes":
        found = hash_files(folder, [file.path for file in files], cache=cache, progress=progress)
        for file, sha256 in zip(files, found, strict=True):
            if sha256 != file.sha256:
                raise DataError(_format_damage(folder, file, f"sha256 {sha256} instead of {file.sha256}"))


def _format_damage(folder: Path, file: FileRecord, what: str) -> str:
    return f"Shard '{file.path}' of '{folder}' is damaged: {what}. Fetch it again."


def _validate_counts(described: SplitManifest, images: ParquetImages, rows: SplitRows, ref: str) -> None:
    for file, num_rows in zip(described.files, images.num_rows_by_file, strict=True):
        if file.num_rows != num_rows:
            raise DataError(f"'{file.path}' has {num_rows} rows; its manifest states {file.num_rows}.")
    if len(rows) != described.num_images:
        raise DataError(f"{ref} has {len(rows)} images; its manifest states {described.num_images}.")
    if tuple(np.unique(rows.labels[:, 0]).tolist()) != described.class_indices:
        raise DataError(f"{ref} covers other classes than its manifest states.")
    if described.num_images == 0:
        raise DataError(f"{ref} has no images.")


def _make_record(folder: Path, manifest: Manifest, name: str, *, num_classes: int) -> SplitRecord:
    sha256 = hash_file(folder / MANIFEST_NAME)
    return SplitRecord(
        ref=f"{manifest.version}/{name}",
        version=manifest.version,
        name=name,
        view=None,
        manifest_sha256=sha256,
        content_sha256=hash_lines(file.sha256 for file in manifest.splits[name].files),
        revision=None,
        num_classes=num_classes,
        notice=_format_notice(manifest),
        origin=read_split_origin(manifest, name, sha256),
    )


def read_split_origin(manifest: Manifest, name: str, manifest_sha256: str) -> SplitOrigin:
    """How the images of a split were made, and when its release was published."""
    split, released = manifest.splits[name], find_released(manifest.version, manifest_sha256)
    return read_origin(split.recipe, list_score_filters(split.views), released=released)


def _format_notice(manifest: Manifest) -> str | None:
    newer = manifest.superseded_by
    parts = [manifest.notice, format_successor(manifest.version, newer) if newer else None]
    return " ".join(part for part in parts if part) or None
