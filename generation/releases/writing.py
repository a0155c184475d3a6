"""From committed shards to a release: data, plan, probe, card, and the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    SplitManifest,
    ThresholdView,
    ViewSpec,
    list_parts,
    load_manifest,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.release_rows import ALSO_COLUMN
from imagenet_g.benchmark.splits.releases import (
    make_release_features,
    make_split_manifest,
    write_shard,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.cells import list_cell_columns, list_cell_views, map_cell_columns
from imagenet_g.generation.plans.plan import load_plan_meta, load_shard_rows
from imagenet_g.generation.prompts.ambiguity import find_twins
from imagenet_g.generation.releases.adopted import find_adopted
from imagenet_g.generation.releases.card import format_card
from imagenet_g.generation.releases.probes import write_probe
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.releases.summary import summarize_split
from imagenet_g.generation.rendering.score_batches import WorkRow
from imagenet_g.generation.rendering.score_files import load_scores
from imagenet_g.generation.rendering.scorers import list_score_columns
from imagenet_g.generation.rendering.shards import (
    ShardRecord,
    load_shard_record,
    load_work_rows,
    make_extra_features,
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


def write_release(
    jobs: Sequence[BuildJob],
    note: Callable[[str], None],
    *,
    leave_out_failed: bool = False,
    with_scores: bool = True,
) -> Path:
    """Write everything, the manifest last; correct files are not written again.

    Other splits of the manifest stay in it.

    Args:
        jobs: The splits that were built, at least one; all of one version and one folder.
        note: Receives what a person should know.
        leave_out_failed: Release without the rows that could not be rendered.
        with_scores: Add the columns of the splits' scorers, and the views on them.

    Returns:
        Path of the manifest.

    Raises:
        DataError: Rows failed and may not be left out, or shards were made by different weights.
        StorageError: A file cannot be written.
    """
    spec, out = jobs[0].spec, jobs[0].out
    made = {}
    for job in jobs:
        records = _load_records(job, allow_failures=leave_out_failed)
        made[job.split] = _write_split(job, records, note, with_scores=with_scores)
    manifest = _make_manifest(spec, {**_load_other_splits(spec, out, made), **_keep_audits(out, made)})
    # The card first: the manifest is written last and marks the release as complete.
    write_text(out / "README.md", format_card(manifest))
    write_manifest(out, manifest)
    return out / MANIFEST_NAME


def make_split_features(spec: VersionSpec, split: SplitSpec, *, with_scores: bool) -> datasets.Features:
    """Columns of a built split."""
    from datasets import List, Value

    extra = make_extra_features()
    # Only where it is needed: other releases have the columns, and the bytes, that they always had.
    if list_twins(split):
        extra[ALSO_COLUMN] = List(Value("int16"))
    extra |= {name: Value(kind) for name, kind in list_cell_columns(split).items()}
    for scorer in split.scorers if with_scores else ():
        for column in list_score_columns(
            scorer, spec.scorers[scorer], with_sources=split.sources is not None
        ):
            extra[column] = Value("int32" if column.startswith("label_rank.") else "float32")
    return make_release_features(extra)


def list_twins(split: SplitSpec) -> dict[int, tuple[int, ...]]:
    """For each class of a split that shares its prompts with others, their indices."""
    wanted = set(split.class_indices)
    return {index: others for index, others in find_twins(split.prompts).items() if index in wanted}


def list_views(split: SplitSpec, *, with_scores: bool) -> dict[str, ViewSpec]:
    """Views of a split, its replicates and swept values among them; without scores, those that need none."""
    return {
        name: view
        for name, view in (list_cell_views(split) | split.views).items()
        if with_scores or not any(isinstance(part, ThresholdView) for part in list_parts(view))
    }


def _write_split(
    job: BuildJob, records: Sequence[ShardRecord], note: Callable[[str], None], *, with_scores: bool
) -> SplitManifest:
    meta = load_plan_meta(job.plan_path)
    if num_failed := sum(len(record.failures) for record in records):
        note(f"{job.split}: {num_failed} of {meta.num_rows} rows could not be rendered and are left out")
    scorers = job.split_spec.scorers if with_scores else ()
    files = [_write_data(job, scorers, number, meta.num_shards) for number in range(meta.num_shards)]
    probe = write_probe(job.out, job.split, meta, files)
    views = list_views(job.split_spec, with_scores=with_scores)
    recipe = summarize_split(job, meta, records, files=files, views=views, scorers=scorers, probe=probe)
    if recipe.counts.flat:
        note(f"{job.split}: {recipe.counts.flat} images stayed flat after every attempt; see column is_flat")
    return make_split_manifest(
        job.out, files, views=views, recipe=recipe.model_dump(mode="json"), role=job.split_spec.role
    )


def _load_records(job: BuildJob, *, allow_failures: bool) -> list[ShardRecord]:
    meta, records = load_plan_meta(job.plan_path), []
    for number in range(meta.num_shards):
        record = load_shard_record(job.out, job.split, number)
        if record is None or record.plan_sha256 != meta.plan_sha256:
            raise DataError(f"Shard {number} of '{job.split}' is not rendered yet; run the build again.")
        records.append(record)
    if len({hash_json(record.generator) for record in records}) > 1:
        raise DataError(
            f"The shards of '{job.split}' were rendered by generators that describe themselves differently "
            "(other weights, libraries or settings). Remove the odd ones from "
            f"'{make_work_folder(job.out, job.split)}' and run the build again."
        )
    failures = [failure for record in records for failure in record.failures]
    if failures and not allow_failures:
        raise DataError(
            f"{len(failures)} images of '{job.split}' could not be rendered, first '{failures[0].image_id}': "
            f"{failures[0].error}. Run the same command again to retry them, or add --leave-out-failed to "
            "release without them."
        )
    return records


def _write_data(job: BuildJob, scorers: tuple[str, ...], number: int, total: int) -> FileRecord:
    """One release file, written unless it exists with the same inputs."""
    path = make_shard_path(job.split, number, total, job.split_spec.role)
    memo = make_work_folder(job.out, job.split) / "released" / f"{number:05d}.json"
    key = _make_key(job, scorers, number, path)
    try:
        known = ReleasedShard.model_validate_json(memo.read_bytes())
        if known.key == key and hash_file(job.out / path) == known.file.sha256:
            return known.file
    # No memo, or one that cannot be read: the file is written again.
    except (OSError, ValidationError):
        pass
    features = make_split_features(job.spec, job.split_spec, with_scores=bool(scorers))
    file = write_shard(job.out, path, _merge_rows(job, scorers, number), features)
    write_text(memo, ReleasedShard(key=key, file=file).model_dump_json() + "\n")
    return file


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


def _load_other_splits(spec: VersionSpec, out: Path, made: Collection[str]) -> dict[str, SplitManifest]:
    if not (out / MANIFEST_NAME).exists():
        return {}
    manifest = load_manifest(out)
    if manifest.version != spec.version:
        raise DataError(f"'{out}' holds version '{manifest.version}'; choose another --out.")
    if adopted := [name for name, split in manifest.splits.items() if find_adopted(split) is not None]:
        raise DataError(
            f"'{out}' holds '{adopted[0]}', which was adopted and not built; choose another --out."
        )
    return {name: split for name, split in manifest.splits.items() if name not in made}


def _keep_audits(out: Path, made: Mapping[str, SplitManifest]) -> dict[str, SplitManifest]:
    """The splits with the audits that the folder's manifest has of the very same images."""
    before = load_manifest(out).splits if (out / MANIFEST_NAME).exists() else {}
    return {
        name: split.model_copy(update={"audits": before[name].audits})
        if name in before and before[name].files == split.files
        else split
        for name, split in made.items()
    }


def _make_manifest(spec: VersionSpec, splits: dict[str, SplitManifest]) -> Manifest:
    recipes = [SplitRecipe.model_validate(split.recipe) for split in splits.values()]
    return Manifest(
        version=spec.version,
        title=spec.title,
        license=spec.license,
        released=None,
        superseded_by=None,
        notice=spec.notice,
        made_with=recipes[0].runtimes[0],
        splits={name: splits[name] for name in sorted(splits)},
    )
