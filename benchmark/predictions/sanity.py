"""Whether a model is set up as its authors intended, checked on clean images before any conclusion.

Most wrong numbers on leaderboards come from wrong preprocessing, and a clean accuracy far from the published
one shows it at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.predictions.entries import choose_published, make_scores
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.records import PublishedAccuracy
from imagenet_g.benchmark.results import STATISTICS_VERSION

TOLERATED_DEVIATIONS = 3.0
"""Standard deviations of chance; a right set-up falls outside in 3 of 1000 checks."""
NUMERICS = 0.001
"""Other decoders, devices and precisions change the answer to one image in a thousand."""
ROUNDING = 0.0005
"""Published figures are rounded, some to a tenth of a percent."""
CAUSES = (
    "class order of the head, mean and std, interpolation or crop, tokenizer padding of a zero-shot model, "
    "or other weights than the published ones"
)


def check_clean_accuracy(
    evidence: Evidence,
    published: Sequence[PublishedAccuracy],
    *,
    spec: str,
    statistics: int = STATISTICS_VERSION,
) -> tuple[str, ...]:
    """Doubts about a model's set-up from its accuracy on clean images; empty without any doubt.

    Args:
        evidence: Predictions on the clean set; images without one are left out, since damage of the data is
            no sign of a wrong set-up.
        published: Published clean accuracies of the model.
        spec: The model, for the message.
        statistics: Version of the rules; the first one took the images of the published figure for others.
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
    tolerance = (
        compute_tolerance(figure.top1, n, population=_count_population(evidence, figure))
        if statistics > 1
        else compute_first_tolerance(figure.top1, n)
    )
    if abs(measured - figure.top1) <= tolerance:
        return ()
    return (_format_doubt(spec, evidence, measured, figure),)


def _count_population(evidence: Evidence, figure: PublishedAccuracy) -> int | None:
    """Images that the figure was measured on, where these are among them."""
    same_set = evidence.record.ref.partition(":")[0] == figure.set
    return figure.n if same_set and name_class_set(evidence.class_set) == figure.class_set else None


def compute_tolerance(top1: float, n: int, *, population: int | None = None) -> float:
    """Half-width of the band around a published accuracy that n images may fall into by chance.

    Args:
        top1: The published accuracy, a fraction.
        n: Images measured on.
        population: Images that the figure was published for, where the n are drawn from them: that leaves
            less to chance, and nothing where n is all of them (finite population correction: Cochran 1977,
            section 2.6). None where these are other images.

    Example:
        >>> round(compute_tolerance(0.5, 10_000), 4)  # three times 0.005, the rounding, and numerics
        0.0165
        >>> round(compute_tolerance(0.8, 50_000, population=50_000), 4)  # the same images: no chance is left
        0.0015
        >>> round(compute_tolerance(0.8, 10_000, population=50_000), 4)
        0.0122
    """
    left = 1.0 if population is None else max(0.0, (population - n) / max(1, population - 1))
    chance = math.sqrt(top1 * (1 - top1) / n * left)
    return TOLERATED_DEVIATIONS * chance + ROUNDING + NUMERICS


def compute_first_tolerance(top1: float, n: int) -> float:
    """The band of statistics 1: as if all images were others than those of the figure.

    Example:
        >>> round(compute_first_tolerance(0.5, 10_000), 4)
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
