"""A file of a release, from a work shard and its scores: its columns, its rows, when it need not be written.

It is written once its shard is scored, while later ones are rendered (`building.ahead`), or with the release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.file_stamps import FileStamp, is_unchanged
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.splits.manifests import FileRecord, make_shard_path
from imagenet_g.benchmark.splits.release_rows import ALSO_COLUMN
from imagenet_g.benchmark.splits.releases import (
    STANDARD_COLUMNS,
    make_release_features,
    write_shard,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.cells import list_cell_columns, map_cell_columns
from imagenet_g.generation.plans.plan import load_shard_rows
from imagenet_g.generation.prompts.ambiguity import find_twins
from imagenet_g.generation.rendering.score_batches import WorkRow
from imagenet_g.generation.rendering.score_files import load_scores
from imagenet_g.generation.rendering.scorers import list_score_columns
from imagenet_g.generation.rendering.shards import (
    EXTRA_COLUMNS,
    load_shard_record,
    load_work_rows,
    make_work_folder,
)
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec

if TYPE_CHECKING:
    import datasets

RELEASE_FORMAT = 1
"""Incremented when the same work shards would give other release files."""


class ReleasedShard(FileModel):
    """The inputs of a release file, so that it is written again only when they change."""

    schema_version: Literal[1] = 1
    key: Sha256
    file: FileRecord


def place_file(job: BuildJob, number: int, total: int) -> Path:
    """Where a file of a release lies.

    Args:
        job: The split.
        number: Of the shard.
        total: How many shards there are.
    """
    return job.out / make_shard_path(job.split, number, total, job.split_spec.role)


def write_data(
    job: BuildJob, scorers: tuple[str, ...], number: int, total: int, *, stamp: FileStamp | None = None
) -> FileRecord:
    """One file of a release, written unless it exists with the same inputs.

    Args:
        job: The split.
        scorers: Those whose columns it has.
        number: Of the shard.
        total: How many shards there are.
        stamp: Of the file as this process wrote it; while it looks so, it is not read again.

    Raises:
        DataError: The shard has no scores by one of them.
        StorageError: The file cannot be written.
    """
    path = make_shard_path(job.split, number, total, job.split_spec.role)
    memo = make_work_folder(job.out, job.split) / "released" / f"{number:05d}.json"
    key = _make_key(job, scorers, number, path)
    try:
        known = ReleasedShard.model_validate_json(memo.read_bytes())
        if known.key == key and _is_whole(job.out / path, known.file, stamp):
            return known.file
    # No memo, or one that cannot be read: the file is written again.
    except (OSError, ValidationError):
        pass
    features = make_split_features(job.spec, job.split_spec, with_scores=bool(scorers))
    file = write_shard(job.out, path, _merge_rows(job, scorers, number), features)
    write_text(memo, ReleasedShard(key=key, file=file).model_dump_json() + "\n")
    return file


def _is_whole(path: Path, record: FileRecord, stamp: FileStamp | None) -> bool:
    return (stamp is not None and is_unchanged(stamp)) or hash_file(path) == record.sha256


def _make_key(job: BuildJob, scorers: tuple[str, ...], number: int, path: str) -> str:
    record = load_shard_record(job.out, job.split, number)
    images: JsonValue = None if record is None else record.file.sha256
    return hash_json(
        {
            "format": RELEASE_FORMAT,
            "images": images,
            "scores": [*_load_keys(job, scorers, number)],
            "path": path,
            **({"also": [*sorted(twins.items())]} if (twins := list_twins(job.split_spec)) else {}),
            **({"cells": [*columns]} if (columns := list_cell_columns(job.split_spec)) else {}),
        }
    )


def _load_keys(job: BuildJob, scorers: tuple[str, ...], number: int) -> Iterator[str]:
    for scorer in scorers:
        if (found := load_scores(job, scorer, number)) is None:
            raise DataError(
                f"Shard {number} of '{job.split}' has no scores of '{scorer}'; run the build again."
            )
        meta = found[1]
        # The key is of the images and the spec; the numbers also depend on the weights that the spec names.
        yield hash_json([meta.key, meta.scorer_sha256, meta.scorer])


def _merge_rows(job: BuildJob, scorers: tuple[str, ...], number: int) -> Iterator[WorkRow]:
    scores = [_index_scores(job, scorer, number) for scorer in scorers]
    twins = list_twins(job.split_spec)
    cells = _load_cell_rows(job, number)
    for row in load_work_rows(job.out, job.split, number):
        if row.pop("error") is None:
            for table in (*scores, *cells):
                row |= table[row["image_id"]]
            # No image shows which of two classes with the same prompts was asked for.
            yield row | ({ALSO_COLUMN: list(twins.get(int(str(row["label"])), ()))} if twins else {})


def _load_cell_rows(job: BuildJob, number: int) -> tuple[dict[object, dict[str, object]], ...]:
    """Replicates and swept values by image id, from the plan; nothing for a split without them."""
    columns = map_cell_columns(job.split_spec)
    if not columns:
        return ()
    rows = load_shard_rows(job.plan_path, number).to_pylist()
    return ({row["image_id"]: {name: row[planned] for name, planned in columns.items()} for row in rows},)


def _index_scores(job: BuildJob, scorer: str, number: int) -> Mapping[object, dict[str, object]]:
    found = load_scores(job, scorer, number)
    rows = [] if found is None else found[0].to_pylist()
    return {row["image_id"]: {key: row[key] for key in row if key != "image_id"} for row in rows}


def make_split_features(spec: VersionSpec, split: SplitSpec, *, with_scores: bool) -> datasets.Features:
    """Columns of a built split."""
    from datasets import List, Value

    kinds = _list_own_columns(spec, split, with_scores=with_scores)
    return make_release_features(
        {name: List(Value("int16")) if name == ALSO_COLUMN else Value(kind) for name, kind in kinds.items()}
    )


def list_split_columns(spec: VersionSpec, split: SplitSpec, *, with_scores: bool) -> tuple[str, ...]:
    """Names of the columns of a built split, without the second that `datasets` takes to import."""
    return (*STANDARD_COLUMNS, *_list_own_columns(spec, split, with_scores=with_scores))


def _list_own_columns(spec: VersionSpec, split: SplitSpec, *, with_scores: bool) -> dict[str, str]:
    """What the columns hold that not every release has."""
    kinds = dict(EXTRA_COLUMNS)
    # Only where it is needed: other releases have the columns, and the bytes, that they always had.
    if list_twins(split):
        kinds[ALSO_COLUMN] = "classes"
    kinds |= list_cell_columns(split)
    for scorer in split.scorers if with_scores else ():
        for column in list_score_columns(
            scorer, spec.scorers[scorer], with_sources=split.sources is not None
        ):
            kinds[column] = "int32" if column.startswith("label_rank.") else "float32"
    return kinds


def list_twins(split: SplitSpec) -> dict[int, tuple[int, ...]]:
    """For each class of a split that shares its prompts with others, their indices."""
    wanted = set(split.class_indices)
    return {index: others for index, others in find_twins(split.prompts).items() if index in wanted}
