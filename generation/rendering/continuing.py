"""Whether a build that continues has the generator it was begun with.

A plan's hash covers the recipe, and the recipe names some things without their contents: the module of a
user's generator, a file in its options, a local CLIP. Were one of them exchanged between two runs, a split
would hold images of two generators under one name. Code and files are compared by hash, and a generator whose
code is not of this package also draws a batch again that is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.fingerprints.code import list_code_files
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.generation.generators.python import import_user_module
from imagenet_g.generation.plans.plan import load_plan_meta, load_shard_rows
from imagenet_g.generation.rendering.renderer import PlanRow
from imagenet_g.generation.rendering.score_batches import WorkRow
from imagenet_g.generation.rendering.shards import (
    ShardRecord,
    inspect_shard,
    load_shard_record,
    load_work_rows,
    make_work_folder,
)
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.generator import GeneratorSpec

if TYPE_CHECKING:
    from pydantic import JsonValue

MAX_MEAN_DIFFERENCE = 1.0
"""Levels of 0..255 by which an image that is drawn again may differ on average, as rounding makes it."""
Render = Callable[[Sequence[PlanRow]], list[WorkRow]]


@dataclass(frozen=True, slots=True)
class GeneratorOrigin:
    """What the recipe of a generator only names.

    Attributes:
        code_sha256: Hash of its source files; None for code of this package, whose version is recorded.
        files_sha256: Hash of the files and folders its table names; None where it names none.
    """

    code_sha256: str | None
    files_sha256: str | None


def identify_origin(spec: GeneratorSpec) -> GeneratorOrigin:
    """Hash the code and the files that a generator's table names, as they are now.

    Raises:
        InputError: Its module cannot be imported.
    """
    for module in spec.code_modules:
        import_user_module(module, f"Generator of kind '{spec.kind}'")
    code = [hash_file(path) for path in list_code_files((), spec.code_modules)]
    files = [hash_file(path) for path in spec.list_local_files()]
    return GeneratorOrigin(
        hash_json(sorted(code)) if spec.code_modules else None, hash_json(files) if files else None
    )


def list_done_records(job: BuildJob) -> list[ShardRecord]:
    """Records of the committed shards of a job's plan, in order."""
    meta = load_plan_meta(job.plan_path)
    found = (load_shard_record(job.out, job.split, number) for number in range(meta.num_shards))
    return [record for record in found if record is not None and record.plan_sha256 == meta.plan_sha256]


def validate_code(job: BuildJob, done: Sequence[ShardRecord], origin: GeneratorOrigin) -> None:
    """Refuse to continue over shards of other code.

    Raises:
        DataError: A shard was rendered by other code.
    """
    for record in done:
        # A record without a hash is of before it was taken: unknown is no difference.
        if record.code_sha256 not in (None, origin.code_sha256):
            raise DataError(
                f"The code of generator '{job.split_spec.generator}' has changed since shard "
                f"{record.shard} of '{job.split}' was rendered. {_advise(job)}"
            )


def has_other_files(done: Sequence[ShardRecord], origin: GeneratorOrigin) -> bool:
    """Whether a file that the generator's table names has changed since a shard was rendered."""
    return any(record.files_sha256 not in (None, origin.files_sha256) for record in done)


def validate_generator(
    job: BuildJob,
    done: Sequence[ShardRecord],
    described: JsonValue,
    *,
    runtime: dict[str, str],
    redraw: Render | None,
) -> None:
    """Refuse to continue with a generator that is not the one behind the shards that are done.

    Args:
        job: The split.
        done: Records of its committed shards.
        described: What the loaded generator says of itself.
        runtime: Versions and hardware of this process.
        redraw: Renders planned rows; None where the description names all contents.

    Raises:
        DataError: It describes itself differently, or draws other images.
    """
    for record in done:
        if changes := list_differences(record.generator, described):
            raise DataError(
                f"Generator '{job.split_spec.generator}' is another one than that of shard {record.shard} of "
                f"'{job.split}': {'; '.join(changes[:3])}. {_advise(job)}"
            )
    # Other libraries or another GPU may draw other images of the same generator.
    alike = (record for record in done if record.runtime == runtime)
    whole = (record.shard for record in alike if _is_done(job, record))
    if redraw is not None and (shard := next(whole, None)) is not None:
        _validate_batch(job, shard, redraw)


def _is_done(job: BuildJob, record: ShardRecord) -> bool:
    return inspect_shard(job.out, job.split, record.shard, record.plan_sha256) == "done"


def _validate_batch(job: BuildJob, shard: int, redraw: Render) -> None:
    planned = load_shard_rows(job.plan_path, shard).to_pylist()
    batch = [row for row in planned if row["batch_id"] == planned[0]["batch_id"]]
    kept = load_work_rows(job.out, job.split, shard)[: len(batch)]
    difference = max(map(_compare_rows, kept, redraw(batch)))
    if difference > MAX_MEAN_DIFFERENCE:
        raise DataError(
            f"Generator '{job.split_spec.generator}' no longer draws the images of shard {shard} of "
            f"'{job.split}' (they differ by {difference:.1f} of 255 levels): its weights or files have "
            f"changed, or its images do not depend on their seeds alone. {_advise(job)}"
        )


def _compare_rows(kept: WorkRow, again: WorkRow) -> float:
    """Mean difference of two images in levels of 0..255; infinite where sizes differ or one is missing."""
    if kept["pixel_sha256"] == again["pixel_sha256"]:
        return 0.0
    pixels = [
        np.asarray(decode_image(data), dtype=np.float64)
        for data in (kept["image"], again["image"])
        if isinstance(data, bytes)
    ]
    if len(pixels) < 2 or pixels[0].shape != pixels[1].shape:
        return float("inf")
    return float(np.abs(pixels[0] - pixels[1]).mean())


def _advise(job: BuildJob) -> str:
    return (
        "Continue with the generator of the first run, choose another --out, or delete "
        f"'{make_work_folder(job.out, job.split)}' to render everything again."
    )
