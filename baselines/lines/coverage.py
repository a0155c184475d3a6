"""Do the intervals cover? A simulation with known true values.

Classes are drawn from a population of classes: each has a difficulty on clean and on shifted images
(correlated, shared by all models) and a part for each model alone, so answers within a class are not
independent. Baseline models scatter around a true line with an effect of their family and one of their own.
Every repetition draws a new benchmark, baseline and evaluated model, and calls the code that makes the
intervals of every result (`statistics.gaps` and `robustness.intervals`); the naive ones (independent images,
the line taken as known) are computed on the same data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.fits import compute_effective_robustness, fit_line
from imagenet_g.benchmark.robustness.intervals import compute_interval
from imagenet_g.benchmark.robustness.links import apply_link, invert_link
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, EvaluatedModel, PointCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval, draw_gaps
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, compute_percentile_interval
from imagenet_g.benchmark.statistics.observations import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSetup:
    """What is simulated.

    Attributes:
        num_classes: C.
        images_per_class: Images of each class, on either set.
        families: Models in each architecture family of the baseline.
        class_sd: Spread of a class's difficulty shared by all models, on the logit scale.
        own_sd: Spread of a class's difficulty for one model only.
        correlation: Between a class's difficulty on clean and on shifted images.
        family_sd: Effect of a family around the line, on the logit scale.
        model_sd: Effect of a single model around the line.
        link: Link on which the line is straight.
    """

    num_classes: int = 200
    images_per_class: int = 50
    families: tuple[int, ...] = (16, 13, 8, 8, 7, 6, 5, 4, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1)
    class_sd: float = 1.0
    own_sd: float = 0.5
    correlation: float = 0.7
    family_sd: float = 0.1
    model_sd: float = 0.1
    link: str = "logit"


SETUPS = {
    "testbed on 1000 classes": SimulationSetup(num_classes=1000),
    "testbed on 200 classes": SimulationSetup(),
    "testbed on 86 classes": SimulationSetup(num_classes=86),
    "testbed on 20 classes": SimulationSetup(num_classes=20),
    "testbed on 10 classes": SimulationSetup(num_classes=10),
    "12 models in 8 families": SimulationSetup(families=(3, 2, 2, 1, 1, 1, 1, 1)),
    "5 models in 4 families": SimulationSetup(families=(2, 1, 1, 1)),
    "linear axes": SimulationSetup(link="linear", family_sd=0.02, model_sd=0.02),
    "probit axes": SimulationSetup(link="probit", family_sd=0.06, model_sd=0.06),
}
SLOPE, INTERCEPT = 0.9, -1.0
_LINEAR_SLOPE, _LINEAR_INTERCEPT = 1.1, -0.35


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of repetitions whose interval contains the true value."""

    gap: float
    gap_percentile: float
    gap_naive: float
    robustness: float
    robustness_naive: float
    num_models: int


def simulate_coverage(
    setup: SimulationSetup, *, num_models: int = 1000, num_resamples: int = 400, seed: int = 0
) -> Coverage:
    """Coverage of nominal 95 % intervals over `num_models` simulated models."""
    rng = np.random.default_rng(seed)
    marginal = _tabulate_marginal(math.hypot(setup.class_sd, setup.own_sd))
    hits = np.array(
        [_simulate_once(setup, marginal, num_resamples=num_resamples, rng=rng) for _ in range(num_models)]
    )
    gap, gap_percentile, gap_naive, robustness, robustness_naive = (
        float(share) for share in hits.mean(axis=0)
    )
    return Coverage(
        gap=gap,
        gap_percentile=gap_percentile,
        gap_naive=gap_naive,
        robustness=robustness,
        robustness_naive=robustness_naive,
        num_models=num_models,
    )


def _tabulate_marginal(spread: float) -> tuple[FloatArray, FloatArray]:
    """Ability on the logit scale, and the accuracy that results over the whole population of classes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    ability = np.linspace(-12.0, 12.0, 2401)
    accuracy = invert_link(ability[:, None] + spread * nodes, "logit") @ (weights / weights.sum())
    return ability, accuracy


def _simulate_once(
    setup: SimulationSetup,
    marginal: tuple[FloatArray, FloatArray],
    *,
    num_resamples: int,
    rng: np.random.Generator,
) -> tuple[bool, bool, bool, bool, bool]:
    num_models = sum(setup.families) + 1
    clean_true = rng.uniform(0.56, 0.85, size=num_models)
    line = _evaluate_line(setup, clean_true)
    family = np.concatenate([np.repeat(rng.normal(size=1), size) for size in setup.families])
    scatter = np.append(
        setup.family_sd * family + setup.model_sd * rng.normal(size=num_models - 1), rng.normal(0, 0.5)
    )
    scale = 0.2 if setup.link == "linear" else 1.0
    scatter[-1] *= scale
    shifted_true = np.clip(invert_link(line + scatter, setup.link), 0.005, 0.995)
    clean, shifted = _draw_counts(setup, marginal, clean_true, shifted_true, rng)
    points, evaluated = _make_case(setup, clean, shifted)
    truth = float(shifted_true[-1] - invert_link(line[-1], setup.link))
    return (
        *_check_gap(evaluated, float(shifted_true[-1] - clean_true[-1]), num_resamples, rng),
        *_check_robustness(points, evaluated, setup.link, truth, num_resamples, rng),
    )


def _evaluate_line(setup: SimulationSetup, clean: FloatArray) -> FloatArray:
    if setup.link == "linear":
        return np.asarray(_LINEAR_INTERCEPT + _LINEAR_SLOPE * clean)
    scale = 1.0 if setup.link == "logit" else 0.6
    return np.asarray(INTERCEPT * scale + SLOPE * apply_link(clean, setup.link))


def _draw_counts(
    setup: SimulationSetup,
    marginal: tuple[FloatArray, FloatArray],
    clean_true: FloatArray,
    shifted_true: FloatArray,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """`(M, C)` right answers on the clean and on the shifted set."""
    shared = rng.normal(size=(2, setup.num_classes))
    shared[1] = setup.correlation * shared[0] + math.sqrt(1 - setup.correlation**2) * shared[1]
    counts = []
    for accuracy, difficulty in ((clean_true, shared[0]), (shifted_true, shared[1])):
        ability = np.interp(accuracy, marginal[1], marginal[0])
        own = rng.normal(size=(len(accuracy), setup.num_classes))
        chance = invert_link(ability[:, None] + setup.class_sd * difficulty + setup.own_sd * own, "logit")
        counts.append(rng.binomial(setup.images_per_class, chance).astype(np.float64))
    return counts[0], counts[1]


def _make_case(
    setup: SimulationSetup, clean: FloatArray, shifted: FloatArray
) -> tuple[BaselinePoints, EvaluatedModel]:
    total = np.full(setup.num_classes, float(setup.images_per_class))
    num_images = int(total.sum())
    names = [f"family-{number}" for number, size in enumerate(setup.families) for _ in range(size)]
    points = BaselinePoints(
        baseline="simulated",
        baseline_sha256="0" * 64,
        target="simulated",
        axes=("clean",),
        models=tuple(f"model-{number}" for number in range(len(names))),
        families=tuple(names),
        reference=clean[:-1].sum(axis=1, keepdims=True) / num_images,
        shifted=shifted[:-1].sum(axis=1) / num_images,
        reference_n=(num_images,),
        shifted_n=num_images,
        counts=PointCounts(
            reference=ClassCounts(right=clean[:-1], total=total),
            shifted=ClassCounts(right=shifted[:-1], total=total),
        ),
    )
    return points, EvaluatedModel(
        reference=(
            Observation(top1=clean[-1].sum() / num_images, n=num_images, right=clean[-1], total=total),
        ),
        shifted=Observation(
            top1=shifted[-1].sum() / num_images, n=num_images, right=shifted[-1], total=total
        ),
    )


def _check_gap(
    evaluated: EvaluatedModel, truth: float, num_resamples: int, rng: np.random.Generator
) -> tuple[bool, bool, bool]:
    clean, shifted = evaluated.reference[0], evaluated.shifted
    draws = draw_gaps(shifted, clean, num_resamples=num_resamples, seed=int(rng.integers(2**31)))
    bounds = compute_gap_interval(shifted, clean)
    if draws is None or bounds is None:
        raise InputError("The simulation needs at least two classes; raise num_classes.")
    low, high = bounds
    plain_low, plain_high = compute_percentile_interval(draws)
    off = abs(shifted.top1 - clean.top1 - truth)
    reach = _NORMAL * math.sqrt(_binomial_variance(shifted) + _binomial_variance(clean))
    return low <= truth <= high, plain_low <= truth <= plain_high, off <= reach


def _check_robustness(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    truth: float,
    num_resamples: int,
    rng: np.random.Generator,
) -> tuple[bool, bool]:
    fit = fit_line(points, link)
    shifted = evaluated.shifted
    value = float(
        compute_effective_robustness(fit, reference=evaluated.reference[0].top1, shifted=shifted.top1)[0]
    )
    interval = compute_interval(
        points, evaluated, link, value=value, num_resamples=num_resamples, seed=int(rng.integers(2**31))
    )
    if interval.low is None or interval.high is None:
        return False, False
    naive = _NORMAL * math.sqrt(_binomial_variance(shifted))
    return interval.low <= truth <= interval.high, abs(value - truth) <= naive


def _binomial_variance(observed: Observation) -> float:
    return observed.top1 * (1 - observed.top1) / observed.n


_NORMAL = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
