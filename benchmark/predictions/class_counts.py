"""Right answers by class behind a result, read back from its stored predictions.

A result has numbers; an interval that draws classes needs the class of each image. The
predictions lie beside the result and are checked against the hash it carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.classes import (
    name_class_set,
)
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_to_view
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.predictions.scoring import count_by_class, select_outputs
from imagenet_g.benchmark.records import Outputs, find_view, is_view_of
from imagenet_g.benchmark.results import Entry, Gap, Reference, Result
from imagenet_g.benchmark.statistics.accuracy import FloatArray, compute_correct


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCounts:
    """Right answers and images by class: two `(1000,)` arrays."""

    right: FloatArray
    total: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCounts:
    """Counts behind one gap.

    Attributes:
        shifted: The split's images.
        reference: The clean twin's images, or None where the reference was published.
        class_indices: Classes the split covers.
    """

    shifted: SetCounts
    reference: SetCounts | None
    class_indices: tuple[int, ...]


def load_pair_counts(
    result: Result, folder: Path, *, data: Mapping[str, Path] | None = None
) -> dict[str, PairCounts]:
    """Counts behind the first gap of every entry, by the split's reference.

    Args:
        result: The result.
        folder: Where it lies; predictions are named relative to it.
        data: Local copies of splits, needed for views by a column.

    Raises:
        DataError: A predictions file is missing or not the one the result was computed from.
    """
    return {
        entry.split.ref: load_entry_counts(result, entry, folder, data=data or {})
        for entry in result.entries
        if entry.gaps
    }


def load_entry_counts(result: Result, entry: Entry, folder: Path, *, data: Mapping[str, Path]) -> PairCounts:
    """Counts behind the first gap of one entry; arguments and errors as `load_pair_counts`."""
    evidence = load_entry_evidence(entry, folder, data=data)
    clean = load_reference_evidence(result, entry.gaps[0], folder, data=data)
    return count_pair(evidence, clean, entry.gaps[0].reference.outputs)


def load_own_counts(entry: Entry, folder: Path, *, data: Mapping[str, Path]) -> PairCounts:
    """Counts of an entry that is its own clean twin: that of the clean set, which has no gap.

    Under the outputs that a table shows; arguments and errors as `load_pair_counts`.
    """
    evidence = load_entry_evidence(entry, folder, data=data)
    return count_pair(evidence, evidence, choose_headline(entry).outputs)


def load_entry_evidence(entry: Entry, folder: Path, *, data: Mapping[str, Path]) -> Evidence:
    """The predictions an entry was scored from, restricted to its view.

    Raises:
        DataError: The file is missing, or is another than the result names.
    """
    evidence = load_stored_evidence(entry, entry.split.view, folder, data=data)
    return evidence.without_unscored() if entry.unscored_count_as == "left-out" else evidence


def load_stored_evidence(
    entry: Entry, view: str | None, folder: Path, *, data: Mapping[str, Path]
) -> Evidence:
    """A view of the predictions an entry names, images without an answer included.

    Raises:
        DataError: The file is missing, or is another than the result names.
        InputError: The entry was scored with other labels than those that are stored.
    """
    if entry.relabelled is not None:
        raise InputError(
            f"'{entry.split.ref}' was scored with {entry.relabelled.name} labels, which are not stored with "
            "it; score its predictions again with the file of labels."
        )
    stored = entry.predictions
    evidence = Evidence.from_file(folder / stored.file, name=stored.file, sha256=stored.sha256)
    return restrict_to_view(evidence, view, data=data)


def find_reference(result: Result, reference: Reference) -> tuple[Entry, str | None]:
    """Where the predictions behind a measured reference are: an entry that names them, and the view.

    Raises:
        DataError: No entry of the result names them.
    """
    for entry in result.entries:
        base = entry.split.base_ref
        # Two views of one split share their predictions, and the reference may be a third.
        if entry.predictions.sha256 == reference.predictions_sha256 and is_view_of(reference.set, base):
            return entry, find_view(reference.set, base)
    raise DataError(
        f"The predictions on '{reference.set}' that the gap was measured from are not in this result; "
        "evaluate again with --reference, or apply the baseline to the result that has them."
    )


def load_reference_evidence(
    result: Result, gap: Gap, folder: Path, *, data: Mapping[str, Path]
) -> Evidence | None:
    """The predictions on the clean set of a gap; None for a published accuracy, which is one number.

    Raises:
        DataError: They are not in this result.
    """
    if gap.reference.kind == "published":
        return None
    entry, view = find_reference(result, gap.reference)
    evidence = load_stored_evidence(entry, view, folder, data=data)
    return evidence.without_unscored() if entry.unscored_count_as == "left-out" else evidence


def count_pair(evidence: Evidence, clean: Evidence | None, outputs: Outputs) -> PairCounts:
    """Counts of a split and of its same-class twin, under one choice of outputs."""
    stored = "all" if outputs == "all" else name_class_set(evidence.output_set)
    twin = None if clean is None else clean.with_labels_in(evidence.class_set)
    return PairCounts(
        shifted=count_right(evidence.predictions, stored),
        reference=None if twin is None else count_right(twin.predictions, stored),
        class_indices=evidence.class_set.indices,
    )


def count_right(predictions: Predictions, stored_as: str) -> SetCounts:
    """Right top-1 answers and images by class.

    Raises:
        DataError: The file has no outputs restricted to these classes.
    """
    top5 = select_outputs(predictions, stored_as)
    right, total = count_by_class(compute_correct(top5.indices, predictions.labels, k=1), predictions)
    return SetCounts(right=right, total=total)
