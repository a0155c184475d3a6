"""A panel from the measured lines of two versions: the same models, run on the images of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.equating.seeds import compute_seed_variance
from imagenet_g.benchmark.equating.shifts import Panel
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, MeasuredRecord
from imagenet_g.benchmark.robustness.own_line import NO_WEIGHTS
from imagenet_g.benchmark.robustness.points import ClassCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray


def build_panel(
    before: MeasuredBaseline,
    after: MeasuredBaseline,
    *,
    kin: Collection[str] = (),
    others: Sequence[MeasuredBaseline] = (),
) -> Panel:
    """The models of two lines, with their right answers on the classes that both versions have.

    Args:
        before: The line on the old version.
        after: The line on the new version, of the same outputs.
        kin: Hashes of the weights that made or chose images of either version; such models are left out, and
            so are models without weights, which no hash tells apart.
        others: Further lines that come with either version; those on views of one replicate, such as
            "v2/sd-l:replicate-1", tell how much the seeds change.

    Raises:
        InputError: The lines have other outputs, or no class or model in common.
    """
    if before.outputs != after.outputs:
        raise InputError(
            f"The line of '{before.target}' is over outputs '{before.outputs}', that of '{after.target}' "
            f"over '{after.outputs}'; measure both the same way."
        )
    shared = sorted(set(before.class_indices) & set(after.class_indices))
    # Equal weights and not equal names: a name may have got other weights between the two measurements.
    later = {record.weights_sha256: record for record in after.records}
    # One model under two names is one model: twice, it would pass for two families that agree.
    first = {record.weights_sha256: record for record in reversed(before.records)}
    fit = later.keys() - {NO_WEIGHTS, *kin}
    pairs = [
        (record, later[record.weights_sha256])
        for record in before.records
        if record.weights_sha256 in fit and first[record.weights_sha256] is record
    ]
    if not shared or not pairs:
        raise InputError(f"'{before.target}' and '{after.target}' have no class or no model in common.")
    return Panel(
        models=tuple(old.model for old, _ in pairs),
        families=tuple(old.family for old, _ in pairs),
        weights=tuple(old.weights_sha256 for old, _ in pairs),
        before=_spread(before, [old for old, _ in pairs], shared),
        after=_spread(after, [new for _, new in pairs], shared),
        seeds=tuple(
            compute_seed_variance(found)
            for line in (before, after)
            if len(
                found := _select_replicates(line, others, [old.weights_sha256 for old, _ in pairs], shared)
            )
            > 1
        ),
    )


def _select_replicates(
    line: MeasuredBaseline, others: Sequence[MeasuredBaseline], weights: Sequence[str], shared: list[int]
) -> list[ClassCounts]:
    """Counts of the panel's models on each replicate of a split that was measured like the whole split."""
    found = []
    for other in others:
        by_weights = {record.weights_sha256: record for record in other.records}
        alike = (other.id, other.outputs, other.class_indices) == (line.id, line.outputs, line.class_indices)
        if (
            alike
            and other.target.startswith(f"{line.target}:replicate-")
            and by_weights.keys() >= set(weights)
        ):
            found.append(_spread(other, [by_weights[one] for one in weights], shared))
    return found


def _spread(line: MeasuredBaseline, records: list[MeasuredRecord], shared: list[int]) -> ClassCounts:
    """`(M, 1000)` right answers and `(1000,)` images; 0 for classes that one version lacks."""
    kept = np.isin(np.arange(NUM_CLASSES), shared)

    def place(values: tuple[int, ...]) -> FloatArray:
        found = np.zeros(NUM_CLASSES)
        found[list(line.class_indices)] = values
        return np.where(kept, found, 0.0)

    right = np.stack([place(record.shifted_right) for record in records])
    return ClassCounts(right=right, total=place(line.shifted_total))
