"""Scores as version 1 of the schema of results held them."""

from __future__ import annotations

from collections.abc import Mapping

from imagenet_g.benchmark.records import Count, Estimate, FileModel, Fraction, Outputs


class ScoreV1(FileModel):
    """A score as version 1 of the schema held it."""

    outputs: Outputs
    num_outputs: Count
    num_correct_top1: Count
    num_correct_top5: Count
    top1: Estimate
    top5: Estimate
    mean_per_class_top1: Fraction


def upgrade_score(data: Mapping[str, object]) -> dict[str, object]:
    """A score of version 1 in the form of today; nothing is computed, so its mean per class has no interval.

    Raises:
        ValidationError: It is no score of version 1.
    """
    old = ScoreV1.model_validate(data)
    macro = Estimate(value=old.mean_per_class_top1, low=None, high=None, method="none")
    found = {
        "top1": (old.top1, old.num_correct_top1),
        "top5": (old.top5, old.num_correct_top5),
        "mean_per_class_top1": (macro, None),
    }
    return {
        "outputs": old.outputs,
        "num_outputs": old.num_outputs,
        "metrics": {
            name: {**estimate.model_dump(), "right": right} for name, (estimate, right) in found.items()
        },
    }
