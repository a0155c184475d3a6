"""The numbers of a split, from its shards' records and the small columns of its files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import FileRecord, ViewSpec
from imagenet_g.generation.captions.prompts import load_caption_header
from imagenet_g.generation.plans.plan import PlanMeta
from imagenet_g.generation.plans.prompt_checks import report_prompts
from imagenet_g.generation.prompts.ambiguity import find_twins, list_ambiguous, name_twins
from imagenet_g.generation.releases.recipe import (
    Description,
    ImageCounts,
    SplitRecipe,
    compute_accuracy,
    compute_survival,
)
from imagenet_g.generation.rendering.neighbours import list_checks
from imagenet_g.generation.rendering.score_files import load_scorer_record
from imagenet_g.generation.rendering.shards import ShardRecord
from imagenet_g.generation.rendering.tasks import BuildJob

if TYPE_CHECKING:
    import pyarrow as pa

NOT_COUNTED = (
    "image", "image_id", "wnid", "pixel_sha256", "source_pixel_sha256", "batch_id", "source_image_id",
)  # fmt: skip


def summarize_split(
    job: BuildJob,
    meta: PlanMeta,
    records: Sequence[ShardRecord],
    *,
    files: Sequence[FileRecord],
    views: Mapping[str, ViewSpec],
    scorers: Sequence[str],
    probe: FileRecord,
) -> SplitRecipe:
    """The manifest's record of a split, except its files.

    Raises:
        DataError: A file cannot be read.
    """
    table = _read_counted_columns(job, files)
    described = {
        name: record
        for name in scorers
        if (record := load_scorer_record(job, name, meta.num_shards)) is not None
    }
    return SplitRecipe(
        plan_sha256=meta.plan_sha256,
        plan=describe_file(job, f"plan/{job.split}.parquet", meta.num_rows),
        probe=probe,
        recipe=meta.recipe,
        generator=records[0].generator,
        runtimes=_list_runtimes(records),
        counts=_count_images(meta, records, files, table),
        left_out=tuple(failure for record in records for failure in record.failures),
        prompts=report_prompts(
            job.split_spec, job.generator_spec, table["prompt"].to_pylist(), table["label"].to_pylist()
        ),
        captions=load_caption_header(job.split_spec),
        scorers=described,
        accuracy=compute_accuracy(table, views, scorers),
        source_survival=compute_survival(table, scorers),
        also_right=name_twins(find_twins(job.split_spec.prompts), job.split_spec.class_indices),
        ambiguous_names=list_ambiguous(job.split_spec.prompts, job.split_spec.class_indices),
        neighbours=list_checks(job, records),
        description=Description(license=job.spec.license, views=dict(views)),
        image_sizes=_list_sizes(job, probe),
    )


def describe_file(job: BuildJob, path: str, num_rows: int) -> FileRecord:
    """The record of a file of the release."""
    place = job.out / path
    return FileRecord(path=path, sha256=hash_file(place), num_bytes=place.stat().st_size, num_rows=num_rows)


def _read_counted_columns(job: BuildJob, files: Sequence[FileRecord]) -> pa.Table:
    """Columns that are counted or averaged; not the ids and hashes, which take most of the memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name in pq.read_schema(job.out / files[0].path).names if name not in NOT_COUNTED]
    return pa.concat_tables([pq.read_table(job.out / file.path, columns=names) for file in files])


def _list_sizes(job: BuildJob, probe: FileRecord) -> tuple[tuple[int, int], ...]:
    """Widths and heights of the probe's images, from their headers."""
    import pyarrow.parquet as pq
    from PIL import Image

    rows = pq.read_table(job.out / probe.path, columns=["image"])["image"].to_pylist()
    return tuple(sorted({Image.open(io.BytesIO(row["bytes"])).size for row in rows}))


def _list_runtimes(records: Sequence[ShardRecord]) -> tuple[dict[str, str], ...]:
    # A dict cannot be a key; the tuple of its items can.
    unique = {tuple(sorted(record.runtime.items())): record.runtime for record in records}
    return tuple(unique[key] for key in sorted(unique))


def _count_images(
    meta: PlanMeta, records: Sequence[ShardRecord], files: Sequence[FileRecord], table: pa.Table
) -> ImageCounts:
    verdicts: list[JsonValue] = table["is_flagged_unsafe"].to_pylist()
    # Null means no checker; 0 would mean that a checker flagged no image.
    asked = any(verdict is not None for verdict in verdicts)
    return ImageCounts(
        planned=meta.num_rows,
        released=sum(file.num_rows for file in files),
        flat=sum(record.num_flat for record in records),
        retried=sum(record.num_retried for record in records),
        flagged_unsafe=sum(verdict is True for verdict in verdicts) if asked else None,
    )
