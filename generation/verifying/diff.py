"""Differences between two versions: recipes, label agreement, accuracy of models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.splits.manifests import Manifest, SplitManifest, load_manifest
from imagenet_g.benchmark.statistics.accuracy import compute_class_counts, compute_correct
from imagenet_g.generation.releases.hub_card import list_settings

if TYPE_CHECKING:
    import pyarrow as pa

_RANK_PREFIX = "label_rank."
ABSENT = "absent"


class Change(FileModel):
    """One setting that differs."""

    setting: str
    before: str
    after: str


class ClassChange(FileModel):
    """A class in both versions: how often a judge or a model names it, before and after."""

    wnid: str
    name: str
    before: Fraction
    after: Fraction


class VersionComparison(FileModel):
    """One scorer or model on both versions, over the classes they share."""

    name: str
    before: Fraction
    after: Fraction
    classes: tuple[ClassChange, ...]
    """Ascending by `after - before`: classes that became harder come first."""


class SplitDiff(FileModel):
    """One split of both versions."""

    split: str
    num_images: tuple[Count, Count]
    num_shared_classes: Count
    changes: tuple[Change, ...]
    agreement: tuple[VersionComparison, ...]
    """Label agreement: how often a scorer that both releases used ranks the label first."""
    models: tuple[VersionComparison, ...]
    """Accuracy of the models whose predictions on both were given."""


@dataclass(frozen=True, slots=True)
class ModelPair:
    """Right answers of one model on both versions, by class."""

    name: str
    before: SetCounts
    after: SetCounts


def diff_split(before: Path, after: Path, split: str, pairs: Sequence[ModelPair]) -> SplitDiff:
    """Compare one split of two releases.

    Raises:
        DataError: A release is incomplete or damaged.
        UnknownNameError: One of them does not have the split.
    """
    old, new = load_split_manifest(before, split), load_split_manifest(after, split)
    shared = list_shared_classes(old, new)
    scored = [load_agreement(before, old), load_agreement(after, new)]
    return SplitDiff(
        split=split,
        num_images=(old.num_images, new.num_images),
        num_shared_classes=len(shared),
        changes=tuple(diff_settings(old, new)),
        agreement=tuple(
            compare(name, counts, scored[1][name], shared)
            for name, counts in scored[0].items()
            if name in scored[1]
        ),
        models=tuple(compare(pair.name, pair.before, pair.after, shared) for pair in pairs),
    )


def load_split_manifest(folder: Path, split: str) -> SplitManifest:
    """A release's record of one split.

    Raises:
        DataError: There is no valid manifest.
        UnknownNameError: It has no such split.
    """
    manifest: Manifest = load_manifest(folder)
    if split not in manifest.splits:
        known = [f"{manifest.version}/{name}" for name in manifest.splits]
        raise UnknownNameError("split", f"{manifest.version}/{split}", known)
    return manifest.splits[split]


def list_shared_classes(old: SplitManifest, new: SplitManifest) -> npt.NDArray[np.intp]:
    """Indices of the classes that both have.

    Raises:
        DataError: They have no class in common.
    """
    shared = sorted(set(old.class_indices) & set(new.class_indices))
    if not shared:
        raise DataError("The two splits have no class in common; there is nothing to compare.")
    return np.array(shared, dtype=np.intp)


def diff_settings(old: SplitManifest, new: SplitManifest) -> Iterable[Change]:
    """Settings of the recipe that are not the same, in the order of the older one."""
    before, after = dict(list_settings(old)), dict(list_settings(new))
    for name in dict.fromkeys([*before, *after]):
        pair = before.get(name, ABSENT), after.get(name, ABSENT)
        if pair[0] != pair[1]:
            yield Change(setting=name, before=pair[0], after=pair[1])


def load_agreement(folder: Path, split: SplitManifest) -> dict[str, SetCounts]:
    """How often each scorer of a release ranks the label first, by class."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pq.read_schema(folder / split.files[0].path).names
    ranks = [name for name in names if name.startswith(_RANK_PREFIX)]
    columns = ["label", *ranks]
    table: pa.Table = pa.concat_tables(
        [pq.read_table(folder / file.path, columns=columns) for file in split.files]
    )
    labels = table["label"].to_numpy()
    return {name.removeprefix(_RANK_PREFIX): _count(table[name].to_numpy() == 0, labels) for name in ranks}


def load_model_pairs(folders: Sequence[Path], old: SplitManifest, new: SplitManifest) -> list[ModelPair]:
    """Models with predictions on both splits, found under folders that `evaluate` wrote, by name.

    Raises:
        DataError: A predictions file is damaged.
    """
    contents = [hash_lines(file.sha256 for file in split.files) for split in (old, new)]
    found: dict[tuple[str, str], dict[str, SetCounts]] = {}
    for path in sorted({path for folder in folders for path in folder.rglob("predictions/*.parquet")}):
        predictions, meta = load_predictions(path)
        # Predictions on part of a split would compare other images.
        if meta.split.content_sha256 in contents and meta.limit is None:
            correct = compute_correct(predictions.top5.indices, predictions.labels, k=1)
            model = (meta.model.spec, meta.model.weights_sha256)
            found.setdefault(model, {})[meta.split.content_sha256] = _count(correct, predictions.labels[:, 0])
    return [
        ModelPair(spec, both[contents[0]], both[contents[1]])
        for (spec, _), both in sorted(found.items())
        # Two releases may have the same images: then one file of predictions is of both.
        if len(both) == len(set(contents))
    ]


def compare(
    name: str, before: SetCounts, after: SetCounts, shared: npt.NDArray[np.intp]
) -> VersionComparison:
    """Rates over the shared classes, in all and by class."""
    classes = load_classes()
    changes = [
        ClassChange(
            wnid=classes[index].wnid,
            name=classes[index].name,
            before=float(before.right[index] / before.total[index]),
            after=float(after.right[index] / after.total[index]),
        )
        for index in shared
    ]
    return VersionComparison(
        name=name,
        before=float(before.right[shared].sum() / before.total[shared].sum()),
        after=float(after.right[shared].sum() / after.total[shared].sum()),
        classes=tuple(sorted(changes, key=lambda change: change.after - change.before)),
    )


def _count(correct: npt.NDArray[np.bool_], labels: npt.NDArray[np.integer]) -> SetCounts:
    right, total = compute_class_counts(correct, labels, num_clusters=NUM_CLASSES)
    return SetCounts(right=right, total=total)
