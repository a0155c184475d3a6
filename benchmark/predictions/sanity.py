"""Whether a model is set up as its authors intended, checked on clean images before any conclusion.

Most wrong numbers on leaderboards come from wrong preprocessing, and a clean accuracy far from the published
one shows it at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from imagenet_g.benchmark.predictions.entries import choose_published, make_scores
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.records import PublishedAccuracy

TOLERATED_DEVIATIONS = 3.0
"""Binomial standard deviations; a right set-up falls outside in 3 of 1000 checks."""
ROUNDING = 0.0005
"""Published figures are rounded, some to a tenth of a percent."""
CAUSES = (
    "class order of the head, mean and std, interpolation or crop, tokenizer padding of a zero-shot model, "
    "or other weights than the published ones"
)


def check_clean_accuracy(
    evidence: Evidence, published: Sequence[PublishedAccuracy], *, spec: str
) -> tuple[str, ...]:
    """Doubts about a model's set-up from its accuracy on clean images; empty without any doubt.

    Args:
        evidence: Predictions on the clean set; images without one are left out, since damage of the data is
            no sign of a wrong set-up.
        published: Published clean accuracies of the model.
        spec: The model, for the message.
    """
    # The clean images of a version, such as drawings, are no photographs that a figure was published for.
    if evidence.record.version is not None:
        return ()
    evidence = evidence.without_unscored()
    figure = choose_published(evidence.class_set, published)
    if figure is None or not len(evidence.predictions):
        return ()
    outputs = "all" if figure.class_set == "all" else "split-classes"
    scores = [score for score in make_scores(evidence) if score.outputs == outputs]
    if not scores:
        return ()
    measured = scores[0].top1.value
    n = len(evidence.predictions)
    if abs(measured - figure.top1) <= compute_tolerance(figure.top1, n):
        return ()
    return (_format_doubt(spec, evidence, measured, figure),)


def compute_tolerance(top1: float, n: int) -> float:
    """Half-width of the band around a published accuracy that n images may fall into by chance.

    Example:
        >>> round(compute_tolerance(0.5, 10_000), 4)  # three times 0.005, and the rounding
        0.0155
    """
    return TOLERATED_DEVIATIONS * math.sqrt(top1 * (1 - top1) / n) + ROUNDING


def _format_doubt(spec: str, evidence: Evidence, measured: float, figure: PublishedAccuracy) -> str:
    gap = (
        f"Check '{spec}': top-1 on {evidence.record.ref} is {100 * measured:.2f} %, "
        f"published for {figure.set} is {100 * figure.top1:.2f} % ({figure.source}); "
        f"the difference is more than chance at n = {len(evidence.predictions)}. "
    )
    # A set-up that is wrong makes a model worse; one that is better than published has another cause.
    if measured > figure.top1 and evidence.record.ref != figure.set:
        return gap + "These images may be easier than the published set, or the model has seen them."
    return gap + f"Likely causes: {CAUSES}."
