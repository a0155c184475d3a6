"""Predictions together with what they are predictions of, ready to be scored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from imagenet_g.benchmark.classes import ClassSet, load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta
from imagenet_g.benchmark.records import Outputs, SplitRecord
from imagenet_g.benchmark.results import PredictionsRecord
from imagenet_g.benchmark.splits.manifests import ThresholdView
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view, find_view, find_view_class_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Predictions on one split or view, ready to be scored.

    Attributes:
        record: The split, with its view.
        predictions: The rows of the view.
        class_set: Classes that have images; a measured reference is restricted to them.
        output_set: Classes the model chooses among when outputs are restricted: the registered set for a
            class view, the split's own classes otherwise.
        outputs: What the split is scored on when its reference covers the same classes.
        source: The predictions file and the run behind it.
        limit: As in `Entry.limit`.
        quality_filter: What the view keeps images by, such as a CLIP threshold; None where it keeps them all.
    """

    record: SplitRecord
    predictions: Predictions
    class_set: ClassSet
    output_set: ClassSet
    outputs: Outputs
    source: PredictionsRecord
    limit: int | None
    quality_filter: ThresholdView | None = None

    def without_unscored(self) -> Evidence:
        """The same, with images that have no prediction left out."""
        return replace(self, predictions=self.predictions.take(np.flatnonzero(self.predictions.scored)))


def make_evidence(
    split: Split, predictions: Predictions, meta: PredictionsMeta, source: PredictionsRecord
) -> Evidence:
    """Evidence on a whole split."""
    return Evidence(
        record=split.record,
        predictions=predictions,
        class_set=split.class_set,
        output_set=split.class_set,
        outputs="all" if split.class_set.covers_all else split.outputs,
        source=source,
        limit=meta.limit,
    )


def select_view(evidence: Evidence, split: Split, view: str) -> Evidence:
    """Evidence on one view of the split: its rows, its classes.

    Raises:
        UnknownNameError: The split has no such view.
        InputError: None of the view's images was run.
    """
    rows, class_set, record = apply_view(split, view)
    chosen = {split.rows.image_ids[row] for row in rows}
    ids = evidence.predictions.image_ids
    kept = np.flatnonzero(np.fromiter((image_id in chosen for image_id in ids), np.bool_, len(ids)))
    if not len(kept):
        raise InputError(f"No image of '{record.ref}' was run; raise --limit or drop it.")
    spec = find_view(split, view)
    filtered = replace(
        evidence,
        record=record,
        predictions=evidence.predictions.take(kept),
        class_set=class_set,
        quality_filter=spec if isinstance(spec, ThresholdView) else None,
    )
    restricted_to = find_view_class_set(spec)
    return filtered if restricted_to is None else restrict_outputs(filtered, restricted_to)


def restrict_outputs(evidence: Evidence, class_set_name: str) -> Evidence:
    """The same evidence, scored among the classes of a registered set."""
    output_set = load_class_set(class_set_name)
    return replace(
        evidence, output_set=output_set, outputs="all" if output_set.covers_all else "split-classes"
    )
