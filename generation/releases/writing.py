"""From committed shards to a release: data, plan, probe, card, and the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    load_manifest,
    write_manifest,
)
from imagenet_g.benchmark.splits.releases import (
    make_release_features,
    make_shard_path,
    make_split_manifest,
    write_shard,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.plan import PlanMeta, load_plan_meta
from imagenet_g.generation.releases.card import format_card
from imagenet_g.generation.releases.probes import write_probe
from imagenet_g.generation.releases.summary import summarize_split
from imagenet_g.generation.rendering.renderer import WorkRow
from imagenet_g.generation.rendering.score_files import load_scores
from imagenet_g.generation.rendering.scorers import list_score_columns
from imagenet_g.generation.rendering.shards import (
    FailureRecord,
    ShardRecord,
    load_shard_record,
    load_work_rows,
    make_extra_features,
    make_work_folder,
)
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec, load_split_spec

if TYPE_CHECKING:
    import datasets

RELEASE_FORMAT = 1
"""Goes up when the same work would give other release files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What to release.

    Attributes:
        spec: The version.
        splits: Splits that were built.
        out: The release folder.
        leave_out_failed: Release without the rows that could not be rendered.
        with_scores: Add the columns of the split's scorers, and its views.
    """

    spec: VersionSpec
    splits: tuple[str, ...]
    out: Path
    leave_out_failed: bool
    with_scores: bool


class ReleasedShard(FileModel):
    """What a release file was made from, so that it is written again only when that changes."""

    schema_version: Literal[1] = 1
    key: Sha256
    file: FileRecord


def write_release(request: ReleaseRequest, note: Callable[[str], None]) -> Path:
    """Write everything, the manifest last; files that are right already are left as they are.

    Splits that are in the manifest and not asked for stay in it.

    Returns:
        Path of the manifest.

    Raises:
        DataError: Rows failed and may not be left out, or shards were made by different weights.
        StorageError: A file cannot be written.
    """
    out, made = request.out, {}
    for name in request.splits:
        made[name] = _write_split(request, name, note)
    manifest = _make_manifest(request.spec, {**_load_other_splits(request), **made})
    # The card first: it must never describe a manifest that is not there yet, nor the other way round.
    write_text(out / "README.md", format_card(manifest))
    write_manifest(out, manifest)
    return out / MANIFEST_NAME


def make_split_features(spec: VersionSpec, split: SplitSpec, *, with_scores: bool) -> datasets.Features:
    """Columns of a built split."""
    from datasets import Value

    extra = make_extra_features()
    for scorer in split.scorers if with_scores else ():
        for column in list_score_columns(
            scorer, spec.scorers[scorer], with_sources=split.sources is not None
        ):
            extra[column] = Value("int32" if column.startswith("label_rank.") else "float32")
    return make_release_features(extra)


def list_views(split: SplitSpec, *, with_scores: bool) -> dict[str, ViewSpec]:
    """Views of a split; without scores, only those that need none."""
    return {
        name: view for name, view in split.views.items() if with_scores or not isinstance(view, ThresholdView)
    }


def _write_split(request: ReleaseRequest, name: str, note: Callable[[str], None]) -> SplitManifest:
    job = BuildJob(spec=request.spec, split=name, out=request.out)
    split, meta = load_split_spec(request.spec, name), load_plan_meta(job.plan_path)
    records = _load_records(job, meta)
    left_out = tuple(failure for record in records for failure in record.failures)
    _validate_failures(name, left_out, allowed=request.leave_out_failed)
    if left_out:
        note(f"{name}: {len(left_out)} of {meta.num_rows} rows could not be rendered and are left out")
    scorers = split.scorers if request.with_scores else ()
    files = [_write_data(request, job, scorers, n, meta.num_shards) for n in range(meta.num_shards)]
    probe = write_probe(request.out, name, meta, files)
    views = list_views(split, with_scores=request.with_scores)
    recipe = summarize_split(job, meta, records, files=files, views=views, scorers=scorers, probe=probe)
    if recipe.counts.flat:
        note(f"{name}: {recipe.counts.flat} images stayed flat after every attempt; see column is_flat")
    return make_split_manifest(request.out, files, views=views, recipe=recipe.model_dump(mode="json"))


def _load_records(job: BuildJob, meta: PlanMeta) -> list[ShardRecord]:
    records = []
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
    return records


def _validate_failures(name: str, failures: tuple[FailureRecord, ...], *, allowed: bool) -> None:
    if failures and not allowed:
        first = failures[0]
        raise DataError(
            f"{len(failures)} images of '{name}' could not be rendered, first '{first.image_id}': "
            f"{first.error}. Run the same command again to retry them, or add --leave-out-failed to release "
            "without them."
        )


def _write_data(
    request: ReleaseRequest, job: BuildJob, scorers: tuple[str, ...], number: int, total: int
) -> FileRecord:
    """One release file, unless it is there and made from the same work."""
    path = make_shard_path(job.split, number, total)
    memo = make_work_folder(job.out, job.split) / "released" / f"{number:05d}.json"
    key = _make_key(job, scorers, number, path)
    try:
        known = ReleasedShard.model_validate_json(memo.read_bytes())
        if known.key == key and hash_file(job.out / path) == known.file.sha256:
            return known.file
    except (OSError, ValidationError):
        pass
    features = make_split_features(
        request.spec, load_split_spec(request.spec, job.split), with_scores=bool(scorers)
    )
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
        }
    )


def _load_keys(job: BuildJob, scorers: tuple[str, ...], number: int) -> Iterator[str]:
    for scorer in scorers:
        if (found := load_scores(job, scorer, number)) is None:
            raise DataError(
                f"Shard {number} of '{job.split}' has no scores of '{scorer}'; run the build again."
            )
        yield found[1].key


def _merge_rows(job: BuildJob, scorers: tuple[str, ...], number: int) -> Iterator[WorkRow]:
    scores = [_index_scores(job, scorer, number) for scorer in scorers]
    for row in load_work_rows(job.out, job.split, number):
        if row.pop("error") is None:
            for table in scores:
                row |= table[row["image_id"]]
            yield row


def _index_scores(job: BuildJob, scorer: str, number: int) -> Mapping[object, dict[str, object]]:
    found = load_scores(job, scorer, number)
    rows = [] if found is None else found[0].to_pylist()
    return {row["image_id"]: {key: row[key] for key in row if key != "image_id"} for row in rows}


def _load_other_splits(request: ReleaseRequest) -> dict[str, SplitManifest]:
    if not (request.out / MANIFEST_NAME).exists():
        return {}
    manifest = load_manifest(request.out)
    if manifest.version != request.spec.version:
        raise DataError(f"'{request.out}' holds version '{manifest.version}'; choose another --out.")
    return {name: split for name, split in manifest.splits.items() if name not in request.splits}


def _make_manifest(spec: VersionSpec, splits: dict[str, SplitManifest]) -> Manifest:
    from imagenet_g.generation.releases.recipe import SplitRecipe

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
