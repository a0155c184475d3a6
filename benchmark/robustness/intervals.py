"""The interval of an effective robustness: by the rule of today, or by one that an earlier result names.

Today's is `jackknife.bound_by_jackknife`. Each resample of the earlier rules draws (1) classes, with all
their images, for the evaluated model and, where class counts are known, for every baseline model alike, so
that a class that is hard for all of them cancels; (2) architecture families of the baseline, with all their
models. The line is refitted in every resample. Published accuracies have no class counts: there the evaluated
model's accuracy is redrawn from a binomial at the published n, and the baseline's points stay where they are,
their own noise being part of their scatter around the line.

Everything is arrays: B resamples x M models x C classes are two matrix products and one batch of small
solves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.results import WIDENED
from imagenet_g.benchmark.robustness.families import (
    compute_effective_families,
    draw_model_weights,
    fit_weighted_lines,
)
from imagenet_g.benchmark.robustness.fits import make_design
from imagenet_g.benchmark.robustness.jackknife import bound_by_jackknife, explain_no_interval
from imagenet_g.benchmark.robustness.links import apply_fit_link, invert_link
from imagenet_g.benchmark.robustness.noise import bound_robustness_noise
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    Spread,
    compute_bootstrap_interval,
    make_cluster_spread,
)
from imagenet_g.benchmark.statistics.observations import Observation, draw_accuracies, draw_class_weights
from imagenet_g.benchmark.statistics.within import widen_part

MIN_CLUSTERS = 2


Rule: TypeAlias = Literal["jackknife", "bootstrap-widened", "bootstrap"]
"""How an interval is computed; the second and third are of earlier results."""
NO_INTERVAL = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval with how it was made.

    Attributes:
        low: Lower bound; None where there is no interval.
        high: Upper bound.
        method: Name of the rule and of what varies; `NO_INTERVAL` where there is no interval.
        num_resamples: 0 for a rule that draws nothing.
        seed: Of the draws.
        reason: Why there is no interval; None where there is one, and under the earlier rules.
    """

    low: float | None
    high: float | None
    method: str
    num_resamples: int = 0
    seed: int = 0
    reason: str | None = None


def choose_rule(method: str | None) -> Rule:
    """The rule behind the method that a result records; null is that of the oldest results.

    Example:
        >>> choose_rule(None), choose_rule("class-and-family-jackknife")
        ('bootstrap', 'jackknife')
    """
    if method is None:
        return "bootstrap"
    return "bootstrap-widened" if method.endswith(WIDENED) else "jackknife"


def name_method(interval: Interval) -> str | None:
    """What a result records of an interval's rule; null for the oldest, as `choose_rule` reads it."""
    oldest = interval.reason is None and not interval.method.endswith((WIDENED, "-jackknife"))
    return None if oldest else interval.method


def compute_interval(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    *,
    value: float,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    confidence: float = CONFIDENCE,
    rule: Rule = "jackknife",
) -> Interval:
    """Interval of an effective robustness, at least as long as the noise within classes makes it.

    Args:
        points: The baseline the line was fitted through.
        evaluated: The model.
        link: Name of the link.
        value: Its effective robustness, a fraction.
        num_resamples: B, of the earlier rules.
        seed: Seed of their resampling.
        confidence: Nominal coverage in (0, 1).
        rule: Today's, or one that an earlier result names.

    Returns:
        The interval; null bounds, and the reason, where it cannot be computed.
    """
    if rule != "jackknife":
        return _draw_interval(points, evaluated, link, value=value, num_resamples=num_resamples, seed=seed,
                              confidence=confidence, widened=rule == "bootstrap-widened")  # fmt: skip
    reason = explain_no_interval(points, evaluated)
    if reason is not None:
        return Interval(low=None, high=None, method=NO_INTERVAL, reason=reason)
    low, high = bound_by_jackknife(points, evaluated, link, value=value, confidence=confidence)
    counted = points.counts is not None or any(
        one.right is not None for one in (*evaluated.reference, evaluated.shifted)
    )
    return Interval(low=low, high=high, method=f"{'class' if counted else 'binomial'}-and-family-jackknife")


def _draw_interval(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    *,
    value: float,
    num_resamples: int,
    seed: int,
    confidence: float,
    widened: bool,
) -> Interval:
    num_families = compute_effective_families(points.families)
    num_coefficients = points.reference.shape[1] + 1
    # The inflation below divides by their difference: so few families leave no freedom to judge a line by.
    if num_families <= num_coefficients:
        return Interval(low=None, high=None, method=NO_INTERVAL, seed=seed)
    rng = np.random.default_rng(seed)
    images = draw_images(points, evaluated, num_resamples=num_resamples, rng=rng)
    models = draw_model_weights(points.families, num_resamples=num_resamples, rng=rng)
    # Each source of doubt is also drawn alone, because each needs its own degrees of freedom.
    still = draw_images(points, evaluated, num_resamples=0, rng=rng)
    equal = np.ones((1, len(points.models)))
    family = Spread(
        draws=compute_draws(points, still, models, link),
        inflation=(num_families + 1) / (num_families - num_coefficients),
        freedom=num_families - num_coefficients,
    )
    classes = _make_image_spread(compute_draws(points, images, equal, link), images.num_clusters)
    draws = compute_draws(points, images, models, link)
    bounds = compute_bootstrap_interval(value, draws, parts=(classes, family), confidence=confidence)
    if widened and _may_lack_noise(evaluated):
        noise = bound_robustness_noise(points, evaluated, link, confidence=confidence)
        bounds = widen_part(value, bounds, noise, classes=classes, confidence=confidence)
    return Interval(
        # The stretch for few clusters may carry a bound beyond what a difference of two accuracies can be.
        low=max(-1.0, bounds[0]),
        high=min(1.0, bounds[1]),
        method=_name_method(images.num_clusters, widened=widened),
        num_resamples=num_resamples,
        seed=seed,
    )


def _name_method(num_classes: int | None, *, widened: bool) -> str:
    kind = "binomial-and-family-bootstrap" if num_classes is None else "class-and-family-bootstrap"
    return f"{kind}{WIDENED}" if widened else kind


def _may_lack_noise(evaluated: EvaluatedModel) -> bool:
    """Whether resampling can show less than chance within classes."""
    # Published accuracies are redrawn from a binomial, which has no spread at 0 and 1 only.
    observed = (*evaluated.reference, evaluated.shifted)
    return any(one.right is not None or one.top1 in (0.0, 1.0) for one in observed)


def _make_image_spread(draws: FloatArray, num_classes: int | None) -> Spread:
    return Spread(draws=draws) if num_classes is None else make_cluster_spread(draws, num_classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDraws:
    """Accuracies in each resample of images; B is 1 for what stays still.

    Attributes:
        reference: `(B, K)` clean accuracies of the evaluated model.
        shifted: `(B,)` its accuracy on the shifted set.
        baseline_reference: `(B or 1, M, K)`.
        baseline_shifted: `(B or 1, M)`.
        num_clusters: Number of classes drawn from, or None for independent images.
    """

    reference: FloatArray
    shifted: FloatArray
    baseline_reference: FloatArray
    baseline_shifted: FloatArray
    num_clusters: int | None


def draw_images(
    points: BaselinePoints, evaluated: EvaluatedModel, *, num_resamples: int, rng: np.random.Generator
) -> ImageDraws:
    """Resample images by class; with `num_resamples = 0` everything stays as it was observed."""
    weights = _draw_class_weights(points, evaluated, num_resamples=num_resamples, rng=rng)
    clean = [_draw_observation(one, weights, num_resamples, rng) for one in evaluated.reference]
    baseline_reference, baseline_shifted = _draw_baseline(points, weights)
    return ImageDraws(
        reference=np.stack(clean, axis=-1),
        shifted=_draw_observation(evaluated.shifted, weights, num_resamples, rng),
        baseline_reference=baseline_reference,
        baseline_shifted=baseline_shifted,
        num_clusters=None if weights is None else int((weights.sum(axis=0) > 0).sum()),
    )


def compute_draws(points: BaselinePoints, images: ImageDraws, models: FloatArray, link: str) -> FloatArray:
    """Effective robustness in every resample: `(B,)`."""
    lines = fit_weighted_lines(
        apply_fit_link(images.baseline_reference, points.reference_n, link),
        apply_fit_link(images.baseline_shifted, points.shifted_n, link),
        models,
    )
    clean = make_design(apply_fit_link(images.reference, points.reference_n, link))
    expected = invert_link(np.einsum("bk,bk->b", *np.broadcast_arrays(lines, clean)), link)
    return np.asarray(images.shifted - expected)


def _draw_class_weights(
    points: BaselinePoints, evaluated: EvaluatedModel, *, num_resamples: int, rng: np.random.Generator
) -> FloatArray | None:
    totals = [one.total for one in (*evaluated.reference, evaluated.shifted) if one.total is not None]
    if points.counts is not None:
        totals += [points.counts.reference.total, points.counts.shifted.total]
    if not totals:
        return None
    # Classes without an image on any side are not drawn: they would only thin out the resamples.
    used = np.any([total > 0 for total in totals], axis=0)
    if used.sum() < MIN_CLUSTERS:
        raise InputError(
            f"{int(used.sum())} class has images; an interval needs at least {MIN_CLUSTERS} to draw from."
        )
    if num_resamples == 0:
        return np.asarray(used[None], dtype=np.float64)
    return draw_class_weights(used, num_resamples=num_resamples, rng=rng)


def _draw_observation(
    observed: Observation, weights: FloatArray | None, num_resamples: int, rng: np.random.Generator
) -> FloatArray:
    if num_resamples == 0 and observed.right is None:
        return np.array([observed.top1])
    return draw_accuracies(observed, weights, num_resamples=num_resamples, rng=rng)


def _draw_baseline(points: BaselinePoints, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    if points.counts is None or weights is None:
        return points.reference[None], points.shifted[None]
    clean, shifted = points.counts.reference, points.counts.shifted
    return (
        _weigh(weights, clean.right.T, clean.total)[..., None],
        _weigh(weights, shifted.right.T, shifted.total),
    )


def _weigh(weights: FloatArray, right: FloatArray, total: FloatArray) -> FloatArray:
    # A resample that misses every class with images gives NaN, which the interval leaves out.
    images = weights @ total
    return np.asarray((weights @ right) / np.where(images > 0, images, np.nan)[:, None])
