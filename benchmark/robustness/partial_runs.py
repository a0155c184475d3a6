"""Whether a result is on all the images that a line is on.

A line through accuracies on all images says nothing of a model's accuracy on some of them: a sample of one
set may be easier than the whole, and the axes of the line would no longer be those of the model.
"""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts

_ADVICE = "run all of them, without --limit and --skip-unreadable."


def explain_partial(entry: Entry, points: BaselinePoints, pair: PairCounts | None) -> str | None:
    """Why an entry is not on the images of a line; None where it is, as far as is known.

    Args:
        entry: What was run; it has a gap.
        points: The line's points.
        pair: Right answers by class; None where there are no predictions.
    """
    if entry.limit is not None:
        return f"only {entry.limit} images were run, and the line is on all {points.shifted_n}; {_ADVICE}"
    left_out = entry.n_unscored if entry.unscored_count_as == "left-out" else 0
    for what, count, wanted in (
        ("images", entry.n - left_out, points.shifted_n),
        ("clean images", entry.gaps[0].reference.n, points.reference_n[0]),
    ):
        if count != wanted:
            return f"{count} {what} count here and {wanted} in the line; {_ADVICE}"
    if pair is None or points.counts is None:
        return None
    sides = ((pair.shifted, points.counts.shifted), (pair.reference, points.counts.reference))
    if all(_has_same_images(ours, theirs) for ours, theirs in sides):
        return None
    return "its images are spread over the classes otherwise than the line's; measure the line on this split."


def _has_same_images(ours: SetCounts | None, theirs: ClassCounts) -> bool:
    # A published clean accuracy has no counts.
    return ours is None or np.array_equal(ours.total, theirs.total)
