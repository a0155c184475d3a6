"""The second pass: one small file of scores per shard and scorer, cheap to compute again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.generators.runtime import set_determinism
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.score_batches import score_rows
from imagenet_g.generation.rendering.scorer import Columns, Scorer
from imagenet_g.generation.rendering.scorers import list_score_columns, load_scorer
from imagenet_g.generation.rendering.shards import load_shard_record, load_work_rows, make_work_folder
from imagenet_g.generation.rendering.tasks import BuildJob

if TYPE_CHECKING:
    import pyarrow as pa

META_KEY = b"imagenet_g.scores"
READ_COLUMNS = ("image", "label", "image_id", "source_image_id")
"""Columns of a work shard that scoring needs."""


class ScoreMeta(FileModel):
    """The inputs of a score file."""

    schema_version: Literal[1] = 1
    key: Sha256
    scorer: JsonValue
    # Has a default, because scores were written before it was recorded.
    scorer_sha256: Sha256 | None = None
    """Hash of the scorer's weights, code and behaviour; null where it is unknown."""


def list_unscored(
    job: BuildJob,
    name: str,
    shards: Sequence[int],
    identify: Callable[[], str],
    *,
    fresh: bool = False,
) -> list[int]:
    """Shards whose scores are missing, or belong to other images, another scorer or other weights.

    Args:
        job: The split.
        name: The scorer's.
        shards: Numbers of the shards to look at.
        identify: Loads the scorer and gives `Scorer.identify`; called only if there are scores to compare.
        fresh: Whether some of the scores were made just now. Where all are by one scorer it is that one, and
            need not be loaded again.
    """
    found = {shard: load_scores(job, name, shard) for shard in shards}
    kept = {shard: scores[1].scorer_sha256 for shard, scores in found.items() if scores is not None}
    if fresh and len(set(kept.values())) == 1:
        return [shard for shard in shards if shard not in kept]
    # The spec names a model, and its folder may hold other weights or another tokenizer by now.
    now = identify() if kept else None
    return [shard for shard in shards if shard not in kept or kept[shard] != now]


def is_scored(job: BuildJob, name: str, shard: int, scorer: Scorer) -> bool:
    """Whether a shard has the scores of this very scorer."""
    found = load_scores(job, name, shard)
    return found is not None and found[1].scorer_sha256 == scorer.identify()


def read_score_state(job: BuildJob, names: Sequence[str], shard: int) -> str:
    """What tells the scores of a shard by some scorers from others, or from none."""
    found = [load_scores(job, name, shard) for name in names]
    return " ".join("none" if one is None else f"{one[1].key} {one[1].scorer_sha256}" for one in found)


def load_scorer_record(job: BuildJob, name: str, num_shards: int) -> JsonValue:
    """What the scorer of a split says of itself, the same for all shards; None where nothing is scored.

    Raises:
        DataError: The shards were scored by different weights.
    """
    found = [scores[1].scorer for shard in range(num_shards) if (scores := load_scores(job, name, shard))]
    for record in found[1:]:
        if changes := list_differences(found[0], record):
            raise DataError(
                f"The shards of '{job.split}' were scored by different models named '{name}' "
                f"({'; '.join(changes[:3])}). Run the build again to score them alike."
            )
    return found[0] if found else None


def score_shard(
    job: BuildJob, shard: int, scorers: Mapping[str, Scorer], sources: Sources | None, pool: Executor
) -> int:
    """Score the images of a committed shard and write a file for each scorer; returns their number.

    Args:
        job: The split.
        shard: Number of the shard.
        scorers: The scorers, by name.
        sources: The sources of the split; None for a split without.
        pool: Threads that decode.

    Raises:
        DataError: The shard is missing or damaged.
        StorageError: The scores cannot be written.
    """
    loaded = load_work_rows(job.out, job.split, shard, columns=READ_COLUMNS)
    rows = [row for row in loaded if row["image"] is not None]
    # Before the scores: images that are rendered again meanwhile must not get the scores of these.
    images_sha256 = _load_images_sha256(job, shard)
    columns = score_rows(rows, scorers, sources, pool)
    ids = [str(row["image_id"]) for row in rows]
    write_score_files(job, shard, scorers, ids, columns, images_sha256=images_sha256)
    return len(rows)


def write_score_files(
    job: BuildJob,
    shard: int,
    scorers: Mapping[str, Scorer],
    ids: Sequence[str],
    columns: Mapping[str, Columns],
    *,
    images_sha256: str,
) -> None:
    """Write a file for each scorer.

    Args:
        job: The split.
        shard: Number of the shard.
        scorers: The scorers, by name.
        ids: Ids of the images, in the order of the columns.
        columns: Columns of each scorer.
        images_sha256: Hash of the shard that the images are of.

    Raises:
        StorageError: The scores cannot be written.
    """
    for name, scorer in scorers.items():
        meta = ScoreMeta(
            key=_hash_key(job, name, images_sha256),
            scorer=scorer.describe(),
            scorer_sha256=scorer.identify(),
        )
        # A shard without one image has the columns, too.
        table: Columns = {column: [] for column in _list_columns(job, name)} | columns[name]
        _write_scores(make_score_path(job, name, shard), list(ids), table, meta)


def load_scores(job: BuildJob, name: str, shard: int) -> tuple[pa.Table, ScoreMeta] | None:
    """Scores of a shard and their inputs; None unless they match the current shard."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(make_score_path(job, name, shard))
        meta = ScoreMeta.model_validate_json((table.schema.metadata or {})[META_KEY])
    # Scores are cheap beside images: whatever cannot be read is computed again.
    except (OSError, pa.ArrowException, ValidationError, KeyError):
        return None
    record = load_shard_record(job.out, job.split, shard)
    fits = record is not None and meta.key == _hash_key(job, name, record.file.sha256)
    return (table, meta) if fits else None


def identify_scorer(job: BuildJob, name: str) -> str:
    """Load a scorer on the CPU for its identity.

    Raises:
        ImagenetGError: As `load_scorer`.
    """
    # As where it scores: another number of threads would round to other digits.
    set_determinism("cpu", cpu_threads=job.generator_spec.num_cpu_threads)
    return load_scorer(name, job.spec.scorers[name], "cpu").identify()


def make_score_path(job: BuildJob, name: str, shard: int) -> Path:
    """Path of the scores of a shard."""
    return make_work_folder(job.out, job.split) / "scores" / name / f"{shard:05d}.parquet"


def _list_columns(job: BuildJob, name: str) -> tuple[str, ...]:
    with_sources = job.split_spec.sources is not None
    return list_score_columns(name, job.spec.scorers[name], with_sources=with_sources)


def _load_images_sha256(job: BuildJob, shard: int) -> str:
    record = load_shard_record(job.out, job.split, shard)
    if record is None:
        raise DataError(f"Shard {shard} of '{job.split}' in '{job.out}' is not rendered yet.")
    return record.file.sha256


def _hash_key(job: BuildJob, name: str, images_sha256: str) -> str:
    return hash_json({"images": images_sha256, "scorer": job.spec.scorers[name].model_dump(mode="json")})


def _write_scores(path: Path, ids: list[str], columns: Columns, meta: ScoreMeta) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {"image_id": pa.array(ids, pa.string())}
    for name, values in columns.items():
        kind = pa.int32() if name.startswith("label_rank.") else pa.float32()
        arrays[name] = pa.array(values, kind)
    table = pa.table(arrays).replace_schema_metadata({META_KEY: meta.model_dump_json().encode()})
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
