"""Where one model lies against a line: the numbers, their record in a result, and a sentence on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.results import EffectiveRobustness
from imagenet_g.benchmark.robustness.fits import (
    LineFit,
    compute_band,
    compute_effective_robustness,
    fit_line,
    predict_top1,
)
from imagenet_g.benchmark.robustness.intervals import Interval, Rule, compute_interval, name_method
from imagenet_g.benchmark.robustness.own_line import (
    JudgedModel,
    JudgingLine,
    compute_leverage,
    compute_leverage_limit,
    find_hole,
    leave_out,
)
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.robustness.wording import list_cautions
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a line is worth where it judges a model.

    Attributes:
        left_out: The model's own points, which the line goes without.
        kin_left_out: The other models of its family that the line goes without.
        leverage: That the model's point would have in the line with it.
        leverage_limit: Above this the leverage is high.
        hole: Clean accuracies of the neighbours where they are far apart; None for no hole.
    """

    left_out: tuple[str, ...]
    kin_left_out: tuple[str, ...]
    leverage: float
    leverage_limit: float
    hole: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model lies against a baseline line.

    Attributes:
        fit: The line.
        expected: beta(x), a fraction.
        low: Lower end of the 95 % band in which the next standard model would lie.
        high: Upper end.
        value: Effective robustness.
        interval: Its interval.
        extrapolated: Whether the model's clean accuracy lies outside the baseline models'.
        support: What the line is worth there; None under the rule of older results, which asks nothing.
    """

    fit: LineFit
    expected: float
    low: float
    high: float
    value: float
    interval: Interval
    extrapolated: bool
    support: Support | None = None


def choose_line(points: BaselinePoints, reference: float, judged: JudgedModel | None) -> JudgingLine:
    """The line for a model of this clean accuracy, on its side of a knot and without its own point.

    Args:
        points: The baseline.
        reference: Clean accuracy on the first axis.
        judged: The model; None leaves nothing out, as the rule of older results has it.
    """
    # Only the side of the knot on which the model lies: the line has another slope beyond it.
    piece = points.select_piece(reference)
    return JudgingLine(points=piece) if judged is None else leave_out(piece, judged)


def place_model(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    *,
    judged: JudgedModel | None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    rule: Rule = "jackknife",
) -> Placement:
    """Fit the line without the model and compare the model with it.

    Raises:
        InputError: Too few models are left for a line, or there is no such link.
    """
    clean = [one.top1 for one in evaluated.reference]
    line = choose_line(points, clean[0], judged)
    fit = fit_line(line.points, link)
    value = float(compute_effective_robustness(fit, reference=clean, shifted=evaluated.shifted.top1)[0])
    low, high = compute_band(fit, clean)
    return Placement(
        fit=fit,
        expected=float(predict_top1(fit, clean)[0]),
        low=float(low[0]),
        high=float(high[0]),
        value=value,
        interval=compute_interval(
            line.points,
            evaluated,
            link,
            value=value,
            num_resamples=num_resamples,
            seed=seed,
            rule=rule,
        ),
        extrapolated=fit.is_extrapolated(clean),
        support=None if judged is None else describe_support(line, fit, clean),
    )


def describe_support(line: JudgingLine, fit: LineFit, clean: Sequence[float]) -> Support:
    """What a line is worth at these clean accuracies, one for each of its axes."""
    num_models, num_coefficients = fit.num_models + 1, len(fit.slopes) + 1
    return Support(
        left_out=line.left_out,
        kin_left_out=line.kin_left_out,
        leverage=compute_leverage(fit, np.array(clean)),
        leverage_limit=compute_leverage_limit(num_models, num_coefficients),
        hole=find_hole(line.points, clean[0], fit.link),
    )


def make_record(placement: Placement, *, clustered: bool) -> EffectiveRobustness:
    """The record of a placement in a result file."""
    fit, interval, support = placement.fit, placement.interval, placement.support
    return EffectiveRobustness(
        baseline=fit.baseline,
        baseline_sha256=fit.baseline_sha256,
        link=fit.link,
        value=placement.value,
        low=interval.low,
        high=interval.high,
        clustered=clustered,
        expected_top1=placement.expected,
        band_low=placement.low,
        band_high=placement.high,
        axis=", ".join(fit.axes),
        slope=fit.slopes[0],
        intercept=fit.intercept,
        r2=fit.r2,
        num_models=fit.num_models,
        num_families=fit.num_families,
        reference_low=fit.reference_low[0],
        reference_high=fit.reference_high[0],
        extrapolated=placement.extrapolated,
        weak=fit.weak,
        num_resamples=interval.num_resamples,
        seed=interval.seed,
        method=name_method(interval),
        no_interval=interval.reason,
        left_out=support and support.left_out,
        kin_left_out=support and support.kin_left_out,
        leverage=support and support.leverage,
        leverage_limit=support and support.leverage_limit,
        hole=support and support.hole,
    )


def describe_placement(placement: Placement) -> str:
    """One sentence: what was expected, and how far outside the band the model landed."""
    measured = placement.expected + placement.value
    if placement.low <= measured <= placement.high:
        where = "inside it"
    elif measured > placement.high:
        where = f"{100 * (measured - placement.high):.2f} points above it"
    else:
        where = f"{100 * (placement.low - measured):.2f} points below it"
    fit = placement.fit
    flags = [
        *(["the clean accuracy lies outside the baseline's"] if placement.extrapolated else []),
        *([f"the line is weak (r2 {fit.r2:.2f}): read the gap first"] if fit.weak else []),
        *([] if placement.support is None else list_cautions(placement.support)),
    ]
    return (
        f"{start_sentence(fit.baseline, fit.link)} {100 * placement.expected:.2f} % was expected, "
        f"95 % band {100 * placement.low:.2f} to {100 * placement.high:.2f} %; "
        f"measured {100 * measured:.2f} %, {where}" + "".join(f"; {flag}" for flag in flags) + "."
    )


def start_sentence(baseline: str, link: str) -> str:
    """How the sentence on a baseline and a link begins, by which it is found again."""
    return f"Against {baseline} ({link}),"
