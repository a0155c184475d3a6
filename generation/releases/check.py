"""Checks of a release before it is published."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.images.hashes import hash_files
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.splits.manifests import (
    FileRecord,
    Manifest,
    SplitManifest,
    format_manifest,
    load_manifest,
)
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.generation.releases.recipe import SplitRecipe, list_split_files

MAX_GROUP_BYTES = 286 << 20
"""Largest row group, uncompressed, that the Hub's viewer shows (its TooBigContentError)."""
# The form only: the list of SPDX licences grows, and "LicenseRef-x" is in none.
_LICENSE_WORD = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
_LICENSE = re.compile(rf"{_LICENSE_WORD}( (AND|OR|WITH) {_LICENSE_WORD})*")
_MAX_LISTED = 8
FLAGS = {"is_flat": "flat", "is_flagged_unsafe": "unsafe by the generator's checker"}
"""Columns of every release that flag an image, and what they say of it."""
FLAG_BOUNDS = {"safe_probability": 0.8, "grey_range": 0.05, "lightest": 0.1, "darkest": 0.1}
"""Measures of scorers below which an image is counted."""


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """A release that passed.

    Attributes:
        folder: Where it is.
        manifest: What it holds.
        files: Every file in the manifest: images, plans and probes.
        facts: Summary, one line per split.
    """

    folder: Path
    manifest: Manifest
    files: tuple[FileRecord, ...]
    facts: tuple[str, ...]


def check_release(folder: Path) -> CheckedRelease:
    """Check hashes, schema, row groups, images per class, licence and secrets.

    Raises:
        DataError: A check failed; the message lists the problems.
    """
    manifest = load_manifest(folder)
    files = tuple(file for split in manifest.splits.values() for file in list_split_files(split))
    problems = [*_check_words(manifest), *check_hashes(folder, files)]
    # Only whole files are worth opening.
    if not problems:
        for name, split in manifest.splits.items():
            # Sizes only: every byte was hashed a moment ago.
            problems += _collect(partial(load_release_split, folder, name, cache=None, verify="size"))
            problems += _collect(partial(_check_split, folder, name, split))
    if problems:
        more = f" And {len(problems) - _MAX_LISTED} more." if len(problems) > _MAX_LISTED else ""
        raise DataError(
            f"'{folder}' cannot be published: {' '.join(problems[:_MAX_LISTED])}{more} "
            "Build it again or fix these problems, then publish."
        )
    facts = tuple(_describe(folder, name, split) for name, split in manifest.splits.items())
    return CheckedRelease(folder, manifest, files, facts)


def count_classes(folder: Path, files: Sequence[FileRecord]) -> Counter[int]:
    """Images by class index."""
    import pyarrow.parquet as pq

    counts: Counter[int] = Counter()
    for file in files:
        counts.update(pq.read_table(folder / file.path, columns=["label"])["label"].to_pylist())
    return counts


def is_spdx(text: str) -> bool:
    """Whether a text has the form of an SPDX expression; whether such a licence exists is not looked up.

    Example:
        >>> is_spdx("CC-BY-4.0"), is_spdx("MIT AND LicenseRef-x"), is_spdx("unknown"), is_spdx("ask us!")
        (True, True, False, False)
    """
    return text.lower() not in ("unknown", "none") and _LICENSE.fullmatch(text) is not None


def _collect(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ImagenetGError as error:
        return [str(error)]
    return []


def _check_words(manifest: Manifest) -> Iterator[str]:
    if not is_spdx(manifest.license):
        yield f"The licence '{manifest.license}' is no SPDX expression like 'CC-BY-4.0' or 'LicenseRef-x'."
    if not manifest.splits:
        yield "It has no splits."
    if sealed := [name for name, split in manifest.splits.items() if split.role == "sealed"]:
        yield f"'{sealed[0]}' is a private sibling: 'imagenet-g sibling retire' opens it, and only then."
    if has_token(format_manifest(manifest)):
        yield "The manifest holds something that looks like an access token."


def check_hashes(folder: Path, files: Sequence[FileRecord]) -> list[str]:
    """Problems of the files of a release, one sentence each; empty if all are as recorded."""
    present = [file for file in files if (folder / file.path).is_file()]
    problems = [f"'{file.path}' is missing." for file in files if file not in present]
    # Without the cache of earlier hashes: what is published is read once more.
    found = hash_files(folder, [file.path for file in present], cache=None)
    for file, sha256 in zip(present, found, strict=True):
        if sha256 != file.sha256:
            problems.append(f"'{file.path}' has sha256 {sha256}, the manifest has {file.sha256}.")
    return problems


def find_misnamed(name: str, split: SplitManifest) -> str | None:
    """What is wrong with the names of a split's files; None where nothing is.

    By the names `datasets` finds the shards of a split, and tells test from training sets.
    """
    start = f"data/{name}/{split.hub_split}-"
    odd = next((file.path for file in split.files if not file.path.startswith(start)), None)
    return (
        None
        if odd is None
        else f"'{odd}' should begin with '{start}', because '{name}' is a {split.role} set"
    )


def _check_split(folder: Path, name: str, split: SplitManifest) -> None:
    import pyarrow.parquet as pq

    if (problem := find_misnamed(name, split)) is not None:
        raise DataError(f"{problem}.")
    for file in split.files:
        parquet = pq.ParquetFile(folder / file.path)
        # Without this note in the schema `datasets` loads the column as bytes and a path.
        if b"huggingface" not in (parquet.schema_arrow.metadata or {}):
            raise DataError(
                f"'{file.path}' does not declare its images as images. Build it with 'imagenet-g build'."
            )
        # `total_byte_size` is of the uncompressed data, which is what the viewer's limit is about.
        groups = [parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)]
        if (largest := max((g.total_byte_size for g in groups), default=0)) > MAX_GROUP_BYTES:
            raise DataError(
                f"A row group of '{file.path}' has {largest >> 20} MiB; the Hub's viewer accepts 286."
            )
    _check_plan(folder, name, split)


def _check_plan(folder: Path, name: str, split: SplitManifest) -> None:
    """Every planned image is in the split or recorded as left out, which fixes the count of each class."""
    import pyarrow.parquet as pq

    try:
        recipe = SplitRecipe.model_validate(split.recipe)
    # Not built by a plan of ours, such as an imported set: there is nothing to compare with.
    except ValidationError:
        return
    planned = set(pq.read_table(folder / recipe.plan.path, columns=["image_id"])["image_id"].to_pylist())
    expected = planned - {failure.image_id for failure in recipe.left_out}
    found = {
        image_id
        for file in split.files
        for image_id in pq.read_table(folder / file.path, columns=["image_id"])["image_id"].to_pylist()
    }
    if odd := sorted(expected ^ found):
        what = "planned but missing" if odd[0] in expected else "present but not planned"
        raise DataError(f"{len(odd)} images of '{name}' do not match the plan, first '{odd[0]}': {what}.")


def _describe(folder: Path, name: str, split: SplitManifest) -> str:
    counts = count_classes(folder, split.files).values()
    low, high = min(counts), max(counts)
    each = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"{name}: {split.num_images} images of {len(split.class_indices)} classes, {each} per class, "
        f"{len(split.files)} shards{_format_flags(count_flags(folder, split.files))}"
    )


def count_flags(folder: Path, files: Sequence[FileRecord]) -> dict[str, int]:
    """Images that a reader may want to leave out, by why; a column that is not there is left out.

    Flat by the builder, unsafe by the generator's checker, and below the usual bounds of a safety scorer or a
    scorer of grey values. An image may count several times.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    for file in files:
        names = pq.read_schema(folder / file.path).names
        bounds = {
            name: FLAG_BOUNDS[part] for name in names if (part := name.partition(".")[0]) in FLAG_BOUNDS
        }
        table = pq.read_table(folder / file.path, columns=[*(set(FLAGS) & set(names)), *bounds])
        for name in table.column_names:
            mask = table[name] if name in FLAGS else pc.less(table[name], bounds[name])
            if (found := pc.sum(mask).as_py()) is not None:
                counts[FLAGS.get(name) or f"{name} below {bounds[name]:g}"] += int(found)
    return dict(counts)


def _format_flags(counts: Mapping[str, int]) -> str:
    """The counts behind the facts of a split; a flag that no image has is not named."""
    found = [f"{count} {why}" for why, count in sorted(counts.items()) if count]
    return f"; flagged: {', '.join(found)}" if found else ""
