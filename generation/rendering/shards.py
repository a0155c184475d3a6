"""Work shards: rows with images, and for each a record of its hash and its plan.

    .build/<split>/00000.parquet    rendered rows, failed ones included
    .build/<split>/00000.json       written after it; without this file the shard does not count

A shard is done only if its record has the hash of the current plan and its file has the hash in the record.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.splits.manifests import FileRecord
from imagenet_g.benchmark.splits.releases import make_release_features, write_shard
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.rendering.score_batches import WorkRow
from imagenet_g.generation.specs.version import EncodingSpec

if TYPE_CHECKING:
    import datasets
    from PIL import Image

EXTRA_COLUMNS = {"attempt": "int32", "source_pixel_sha256": "string"}
"""What a built release has beyond the standard columns, before scores."""
ShardState = Literal["done", "failed rows", "missing", "damaged"]


class FailureRecord(FileModel):
    """A row that could not be rendered."""

    image_id: str
    error: str


class ShardRecord(FileModel):
    """The record of a committed shard."""

    schema_version: Literal[1] = 1
    split: str
    shard: Count
    plan_sha256: Sha256
    file: FileRecord
    failures: tuple[FailureRecord, ...]
    num_flat: Count
    num_retried: Count
    num_flagged_unsafe: Count
    generator: JsonValue
    # Both have a default, because shards were rendered before they were recorded.
    code_sha256: Sha256 | None = None
    """Hash of the generator's source files; null for code of this package and where it is unknown."""
    files_sha256: Sha256 | None = None
    """Hash of the files that the generator's table names; null without any and where it is unknown."""
    runtime: dict[str, str]
    seconds: float
    finished_utc: str


def make_work_folder(out: Path, split: str) -> Path:
    """Folder of the shards of a split, which is kept after the release."""
    return out / ".build" / split


def make_work_features() -> datasets.Features:
    """Columns of a work shard: a release's, and one that only the build needs."""
    from datasets import Value

    # A failed row is kept with its reason, so that the next run retries it alone with its batch.
    return make_release_features(make_extra_features() | {"error": Value("string")})


def make_extra_features() -> dict[str, object]:
    """Columns a built release has beyond the standard ones, before scores."""
    from datasets import Value

    return {name: Value(kind) for name, kind in EXTRA_COLUMNS.items()}


def commit_shard(
    out: Path,
    split: str,
    shard: int,
    rows: Sequence[WorkRow],
    *,
    plan_sha256: str,
    generator: JsonValue,
    origin: tuple[str | None, str | None],
    runtime: dict[str, str],
    seconds: float,
) -> ShardRecord:
    """Write a shard, then its record.

    Args:
        out: The release being made.
        split: Split name.
        shard: Number of the shard.
        rows: All its rows.
        plan_sha256: Hash of the plan they follow.
        generator: Description by the generator.
        origin: Hashes of its code and of the files it names; see `continuing.GeneratorOrigin`.
        runtime: Versions and hardware.
        seconds: Time of rendering.

    Raises:
        StorageError: The disk is full or cannot be written; then nothing is committed.
    """
    folder = make_work_folder(out, split)
    file = write_shard(folder, f"{shard:05d}.parquet", rows, make_work_features())
    failed = [row for row in rows if row["error"] is not None]
    record = ShardRecord(
        split=split,
        shard=shard,
        plan_sha256=plan_sha256,
        file=file,
        failures=tuple(FailureRecord(image_id=str(r["image_id"]), error=str(r["error"])) for r in failed),
        num_flat=sum(row["is_flat"] is True for row in rows),
        num_retried=sum(row["attempt"] != 0 for row in rows),
        num_flagged_unsafe=sum(row["is_flagged_unsafe"] is True for row in rows),
        generator=generator,
        code_sha256=origin[0],
        files_sha256=origin[1],
        runtime=runtime,
        seconds=round(seconds, 3),
        finished_utc=format_now(),
    )
    # After the file: a kill in between leaves a shard without a record, which is rendered again.
    write_text(folder / f"{shard:05d}.json", record.model_dump_json(indent=2) + "\n")
    return record


def read_state(out: Path, split: str, shard: int) -> str | None:
    """What tells one commit of a shard from another; None for a shard without a record."""
    record = load_shard_record(out, split, shard)
    return None if record is None else f"{record.file.sha256} {record.finished_utc}"


def load_shard_record(out: Path, split: str, shard: int) -> ShardRecord | None:
    """The record of a shard; None if it is missing or cannot be read."""
    try:
        path = make_work_folder(out, split) / f"{shard:05d}.json"
        return ShardRecord.model_validate_json(path.read_bytes())
    # A record that cannot be read is worth no more than none: the shard is rendered again.
    except (OSError, ValidationError):
        return None


def inspect_shard(out: Path, split: str, shard: int, plan_sha256: str) -> ShardState:
    """Whether a shard is done, hashing its file.

    Raises:
        DataError: It belongs to another plan.
    """
    record = load_shard_record(out, split, shard)
    if record is None:
        return "missing"
    # Refused and not rendered again: images that took days must not be lost to a mistyped option.
    if record.plan_sha256 != plan_sha256:
        raise DataError(
            f"Shard {shard} of '{split}' in '{out}' belongs to another plan. Continue with the spec of the "
            "first run, or choose another --out."
        )
    path = make_work_folder(out, split) / record.file.path
    if not path.is_file():
        return "missing"
    if hash_file(path) != record.file.sha256:
        return "damaged"
    return "failed rows" if record.failures else "done"


def load_work_rows(
    out: Path, split: str, shard: int, *, columns: Sequence[str] | None = None
) -> list[WorkRow]:
    """The rows of a committed shard, images as encoded bytes.

    Args:
        out: The release being made.
        split: Split name.
        shard: Number of the shard.
        columns: What to read, the image among them; None for everything.

    Raises:
        DataError: The file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = make_work_folder(out, split) / f"{shard:05d}.parquet"
    try:
        rows = pq.read_table(path, columns=None if columns is None else [*columns]).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"'{path}' cannot be read: {error}. Run the build again to render it again."
        ) from error
    return [{**row, "image": row["image"]["bytes"]} for row in rows]


def load_kept_rows(out: Path, split: str, shard: int, plan_sha256: str) -> dict[object, WorkRow]:
    """Rows of an earlier attempt at a shard that were rendered without an error, by image id."""
    # A damaged file gives no row that can be trusted.
    if inspect_shard(out, split, shard, plan_sha256) != "failed rows":
        return {}
    rows = load_work_rows(out, split, shard)
    return {row["image_id"]: row for row in rows if row["error"] is None}


def encode_image(image: Image.Image, spec: EncodingSpec) -> bytes:
    """The image as PNG (lossless) or JPEG (4:4:4).

    Raises:
        ModelError: The format cannot hold such an image, as JPEG cannot hold transparency.
    """
    stream = io.BytesIO()
    try:
        if spec.format == "png":
            # The level is spelt out, so that another default of Pillow does not change the size of releases.
            image.save(stream, format="PNG", compress_level=6)
        else:
            # Pillow's default halves the resolution of colours, which classifiers would see.
            image.save(stream, format="JPEG", quality=spec.quality, subsampling=0)
    # Pillow raises it for a mode or a size: nothing is written to a disk here.
    except (OSError, ValueError) as error:
        raise ModelError(
            f"An image of mode '{image.mode}' and {image.width} x {image.height} pixels cannot be encoded as "
            f"{spec.format.upper()}: {error}. The generator must give RGB images."
        ) from error
    return stream.getvalue()
