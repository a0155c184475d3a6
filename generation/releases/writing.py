"""From committed shards to a release: data, plan, probe, card, and the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.file_stamps import FileStamp
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    Manifest,
    SplitManifest,
    ThresholdView,
    ViewSpec,
    list_parts,
    load_manifest,
    write_manifest,
)
from imagenet_g.benchmark.splits.releases import make_split_manifest
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.cells import list_cell_views
from imagenet_g.generation.plans.plan import load_plan_meta
from imagenet_g.generation.releases.adopted import find_adopted
from imagenet_g.generation.releases.card import format_card
from imagenet_g.generation.releases.files import place_file, write_data
from imagenet_g.generation.releases.probes import write_probe
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.releases.summary import summarize_split
from imagenet_g.generation.rendering.shards import (
    ShardRecord,
    load_shard_record,
    make_work_folder,
)
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec


def write_release(
    jobs: Sequence[BuildJob],
    note: Callable[[str], None],
    *,
    leave_out_failed: bool = False,
    with_scores: bool = True,
    stamps: Mapping[Path, FileStamp] = MappingProxyType({}),
) -> Path:
    """Write everything, the manifest last; correct files are not written again.

    Other splits of the manifest stay in it.

    Args:
        jobs: The splits that were built, at least one; all of one version and one folder.
        note: Receives what a person should know.
        leave_out_failed: Release without the rows that could not be rendered.
        with_scores: Add the columns of the splits' scorers, and the views on them.
        stamps: Of files that this process wrote ahead, by path: they are not read again.

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
        made[job.split] = _write_split(job, records, note, with_scores=with_scores, stamps=stamps)
    manifest = _make_manifest(spec, {**_load_other_splits(spec, out, made), **_keep_audits(out, made)})
    # The card first: the manifest is written last and marks the release as complete.
    write_text(out / "README.md", format_card(manifest))
    write_manifest(out, manifest)
    return out / MANIFEST_NAME


def list_views(split: SplitSpec, *, with_scores: bool) -> dict[str, ViewSpec]:
    """Views of a split, its replicates and swept values among them; without scores, those that need none."""
    return {
        name: view
        for name, view in (list_cell_views(split) | split.views).items()
        if with_scores or not any(isinstance(part, ThresholdView) for part in list_parts(view))
    }


def _write_split(
    job: BuildJob,
    records: Sequence[ShardRecord],
    note: Callable[[str], None],
    *,
    with_scores: bool,
    stamps: Mapping[Path, FileStamp],
) -> SplitManifest:
    meta = load_plan_meta(job.plan_path)
    if num_failed := sum(len(record.failures) for record in records):
        note(f"{job.split}: {num_failed} of {meta.num_rows} rows could not be rendered and are left out")
    scorers = job.split_spec.scorers if with_scores else ()
    files = []
    for number in range(meta.num_shards):
        stamp = stamps.get(place_file(job, number, meta.num_shards))
        files.append(write_data(job, scorers, number, meta.num_shards, stamp=stamp))
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
    """The splits with the audits and the sibling that the folder's manifest has of the very same images."""
    before = load_manifest(out).splits if (out / MANIFEST_NAME).exists() else {}
    return {
        name: split.model_copy(update={"audits": before[name].audits, "sibling": before[name].sibling})
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
