"""The stored answers behind an entry of a result, with those of its clean set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.confusions.answers import AnsweredPair, make_answers
from imagenet_g.benchmark.predictions.class_counts import load_entry_evidence, load_reference_evidence
from imagenet_g.benchmark.results import Entry, Result


def load_pair(result: Result, entry: Entry, folder: Path, *, data: Mapping[str, Path]) -> AnsweredPair:
    """Answers to a split and to the images of the same classes of its measured reference.

    Args:
        result: The result.
        entry: One of its entries.
        folder: Where the result lies; predictions are named relative to it.
        data: Local copies of splits, needed for views by a column.

    Raises:
        DataError: A predictions file is missing, or is another than the one the result was computed from.
    """
    evidence = load_entry_evidence(entry, folder, data=data)
    gap = entry.gaps[0] if entry.gaps else None
    clean = None if gap is None else load_reference_evidence(result, gap, folder, data=data)
    # As the gap compares them: one choice of outputs for both sets, and the split's own classes.
    outputs = evidence.outputs if gap is None else gap.reference.outputs
    stored = "all" if outputs == "all" else name_class_set(evidence.output_set)
    twin = None if clean is None else clean.with_labels_in(evidence.class_set)
    return AnsweredPair(
        model=result.model.spec,
        split=entry.split.ref,
        shifted=make_answers(evidence.predictions, stored),
        reference=None if twin is None else twin.record.ref,
        clean=None if twin is None else make_answers(twin.predictions, stored),
        outputs=outputs,
    )
