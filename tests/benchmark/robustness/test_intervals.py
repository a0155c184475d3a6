"""Intervals of effective robustness: against loops and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_cases import make_points, make_points_on_line
from statsmodels.stats.proportion import proportion_confint

from imagenet_g.benchmark.robustness.families import (
    compute_effective_families,
    draw_model_weights,
    fit_weighted_lines,
)
from imagenet_g.benchmark.robustness.fits import compute_effective_robustness, fit_line, predict_top1
from imagenet_g.benchmark.robustness.intervals import Rule, choose_rule, compute_interval, name_method
from imagenet_g.benchmark.robustness.jackknife import compute_variances
from imagenet_g.benchmark.robustness.links import apply_link, invert_link
from imagenet_g.benchmark.robustness.noise import bound_robustness_noise
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, EvaluatedModel, PointCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.observations import Observation


def judge(clean: float, shifted: float, num_images: int = 10_000) -> EvaluatedModel:
    """A model with published accuracies."""
    return EvaluatedModel(
        reference=(Observation(top1=clean, n=num_images),), shifted=Observation(top1=shifted, n=num_images)
    )


def test_weighted_lines_equal_polyfit() -> None:
    """Every resample's line is the weighted least squares numpy finds one at a time."""
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=10), rng.normal(size=10), rng.uniform(0.1, 2, size=(4, 10))
    lines = fit_weighted_lines(x[None, :, None], y[None], weights)
    for line, weight in zip(lines, weights, strict=True):
        slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weight))
        np.testing.assert_allclose(line, [intercept, slope])


def test_models_of_one_family_are_drawn_together() -> None:
    """A resample weighs all models of a family alike."""
    weights = draw_model_weights(("a", "b", "a", "c"), num_resamples=50, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    assert not np.array_equal(weights[:, 0], weights[:, 1])


def test_families_of_equal_size_count_in_full_and_a_large_one_for_less() -> None:
    """Four families of two are four; seven models of one and one of another are little more than one."""
    assert compute_effective_families(("a", "a", "b", "b", "c", "c", "d", "d")) == pytest.approx(4.0)
    assert compute_effective_families(("a",) * 7 + ("b",)) == pytest.approx(64 / 50)


def test_an_earlier_interval_is_the_same_for_the_same_seed() -> None:
    """A result can be recomputed."""
    points = make_points_on_line("logit")
    first, again, other = (
        compute_interval(points, judge(0.7, 0.5), "logit", value=0.0, seed=seed, rule="bootstrap-widened")
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_published_accuracies_get_their_binomial_error() -> None:
    """With a line without scatter all error is the model's own: 1.96 root-variance on either side."""
    points = make_points_on_line("linear", slope=0.0, intercept=0.4)
    found = compute_interval(points, judge(0.7, 0.5), "linear", value=0.1, num_resamples=20_000)
    assert found.high is not None
    assert found.low is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.sqrt(0.25 / 10_000), rel=0.03)
    assert found.method == "binomial-and-family-jackknife"


def test_classes_alike_do_not_make_a_robustness_certain() -> None:
    """On a flat line the doubt is Wilson's interval of the shifted accuracy, however alike the classes."""
    total = np.full(10, 4.0)
    points = make_points_on_line("linear", slope=0.0, intercept=0.4)
    evaluated = EvaluatedModel(
        reference=(Observation(top1=0.75, n=40, right=np.full(10, 3.0), total=total),),
        shifted=Observation(top1=0.5, n=40, right=np.full(10, 2.0), total=total),
    )
    rules: tuple[Rule, ...] = ("bootstrap", "bootstrap-widened", "jackknife")
    plain, widened, found = (
        compute_interval(points, evaluated, "linear", value=0.1, rule=rule) for rule in rules
    )
    assert (plain.low, plain.high) == pytest.approx((0.1, 0.1), abs=1e-6)
    low, high = proportion_confint(20, 40, method="wilson")
    assert (widened.low, widened.high) == pytest.approx((low - 0.4, high - 0.4), abs=1e-6)
    assert (found.low, found.high) == pytest.approx((low - 0.4, high - 0.4), abs=1e-6)
    assert [one.method for one in (plain, widened, found)] == [
        "class-and-family-bootstrap",
        "class-and-family-bootstrap-widened",
        "class-and-family-jackknife",
    ]


@pytest.mark.parametrize("link", ["linear", "logit", "probit"])
def test_the_noise_of_the_clean_accuracy_passes_through_the_line(link: str) -> None:
    """To first order its variance is multiplied by the square of beta's derivative."""
    points = make_points_on_line(link, slope=0.8)
    fit = fit_line(points, link)
    clean, shifted = Observation(top1=0.7, n=20_000), Observation(top1=0.5, n=30_000)
    step = 1e-5
    slope = float(np.diff(predict_top1(fit, np.array([0.7 - step, 0.7 + step])))[0]) / (2 * step)
    expected = 1.96 * np.sqrt(0.25 / 30_000 + slope**2 * 0.21 / 20_000)
    low, high = bound_robustness_noise(points, EvaluatedModel(reference=(clean,), shifted=shifted), link)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("top1", [0.0, 1.0])
def test_a_published_accuracy_of_none_or_all_right_is_not_certain(top1: float) -> None:
    """A binomial at 0 and at 1 has no spread; Wilson's interval has."""
    points = make_points_on_line("linear", slope=0.0, intercept=0.4)
    found = compute_interval(points, judge(0.7, top1, 100), "linear", value=top1 - 0.4)
    low, high = proportion_confint(100 * top1, 100, method="wilson")
    assert (found.low, found.high) == pytest.approx((low - 0.4, high - 0.4), abs=1e-6)


def test_too_few_families_give_no_interval_rather_than_a_wrong_one() -> None:
    """One family does not show how families differ; two say little, and the earlier rules gave nothing."""
    points = make_points(
        [0.5, 0.6, 0.7, 0.8, 0.85, 0.9],
        [0.2, 0.3, 0.4, 0.5, 0.5, 0.6],
        families=["a", "a", "a", "b", "b", "b"],
    )
    earlier: tuple[Rule, ...] = ("bootstrap-widened", "bootstrap")
    for rule in earlier:
        found = compute_interval(points, judge(0.7, 0.5), "logit", value=0.1, rule=rule)
        assert (found.low, found.high, found.method) == (None, None, "none")
    two = compute_interval(points, judge(0.7, 0.5), "logit", value=0.1)
    assert two.low is not None
    assert two.low < -0.3
    one = compute_interval(replace(points, families=("a",) * 6), judge(0.7, 0.5), "logit", value=0.1)
    assert (one.low, one.high, one.method) == (None, None, "none")
    assert one.reason is not None
    assert "all of one family" in one.reason
    assert choose_rule(name_method(one)) == "jackknife"


def test_a_baseline_that_is_no_line_without_one_family_gives_no_interval() -> None:
    """Its doubt cannot be computed; the reason names the family."""
    points = make_points([0.5, 0.6, 0.7, 0.8, 0.85], [0.2, 0.3, 0.4, 0.5, 0.5], families=["a"] * 4 + ["b"])
    found = compute_interval(points, judge(0.7, 0.5), "logit", value=0.1)
    assert (found.low, found.reason is not None and "without the family 'a'" in found.reason) == (None, True)


def test_v_of_classes_and_families_equals_a_loop_that_leaves_each_out() -> None:
    """Refitted by numpy with one class, one family, and one class of one family left out."""
    rng = np.random.default_rng(5)
    total, families = np.array([12.0, 8.0, 10.0, 9.0]), ["a", "a", "b", "c", "c", "d"]
    clean, shifted = (rng.binomial(total.astype(int), rate, size=(7, 4)).astype(float) for rate in (0.7, 0.4))
    points = measure(clean, shifted, total, families)
    evaluated = EvaluatedModel(reference=(observe(clean[-1], total),), shifted=observe(shifted[-1], total))

    def judge_without(keep: list[bool], drop: int | None = None, only: str | None = None) -> float:
        def rate(right: FloatArray, family: str | None) -> float:
            if drop is None or (only is not None and family != only):
                return float(right.sum() / total.sum())
            return float((right.sum() - right[drop]) / (total.sum() - total[drop]))

        rows = [row for row in range(6) if keep[row]]
        x, y = (
            apply_link([rate(sets[row], families[row]) for row in rows], "logit") for sets in (clean, shifted)
        )
        slope, intercept = np.polyfit(x, y, 1)
        own = [rate(sets[-1], None) for sets in (clean, shifted)]
        return own[1] - float(invert_link(intercept + slope * apply_link(own[0], "logit"), "logit"))

    every = [True] * 6
    theta = judge_without(every)
    by_family = [judge_without([one != name for one in families]) for name in "abcd"]
    by_class = np.array([judge_without(every, drop) for drop in range(4)])
    cells = [np.array([judge_without(every, drop, name) for drop in range(4)]) for name in "abcd"]
    found = compute_variances(points, evaluated, "logit")
    assert found.classes == pytest.approx(0.75 * ((by_class - by_class.mean()) ** 2).sum())
    alone = 0.75 * sum((values - theta) ** 2 for values in by_family)
    shared = 0.75 * sum(float(((cell - cell.mean()) ** 2).sum()) for cell in cells)
    assert found.families == pytest.approx(max(0.0, alone - shared))
    assert found.class_freedom == 3
    assert found.family_freedom == pytest.approx(2.6)


def observe(right: FloatArray, total: FloatArray) -> Observation:
    """An accuracy with its counts by class."""
    return Observation(top1=float(right.sum() / total.sum()), n=int(total.sum()), right=right, total=total)


def measure(clean: FloatArray, shifted: FloatArray, total: FloatArray, families: list[str]) -> BaselinePoints:
    """A measured baseline of all models but the last."""
    points = make_points(
        (clean[:-1].sum(axis=1) / total.sum()).tolist(),
        (shifted[:-1].sum(axis=1) / total.sum()).tolist(),
        families=families,
    )
    counts = [ClassCounts(right=right[:-1], total=total) for right in (clean, shifted)]
    return replace(points, counts=PointCounts(reference=counts[0], shifted=counts[1]))


def test_what_is_hard_for_all_models_cancels() -> None:
    """Drawing the baseline's classes together with the model's makes the interval shorter."""
    rng = np.random.default_rng(0)
    total = np.full(200, 50.0)
    sets = []
    for low, high in ((0.5, 0.8), (0.2, 0.5)):
        # All models find the same classes hard, others on the clean than on the shifted images.
        ability = apply_link(np.linspace(low, high, 9), "logit")
        sets.append(np.round(50 * invert_link(ability[:, None] + 2 * rng.normal(size=200), "logit")))
    clean, shifted = sets
    top1, low1 = clean.sum(axis=1) / 10_000, shifted.sum(axis=1) / 10_000
    alone = make_points(top1[:-1].tolist(), low1[:-1].tolist())
    together = replace(
        alone,
        counts=PointCounts(
            reference=ClassCounts(right=clean[:-1], total=total),
            shifted=ClassCounts(right=shifted[:-1], total=total),
        ),
    )
    evaluated = EvaluatedModel(
        reference=(Observation(top1=float(top1[-1]), n=10_000, right=clean[-1], total=total),),
        shifted=Observation(top1=float(low1[-1]), n=10_000, right=shifted[-1], total=total),
    )
    assert measure_width(together, evaluated) < 0.6 * measure_width(alone, evaluated)


def measure_width(points: BaselinePoints, evaluated: EvaluatedModel) -> float:
    """Width of the interval of a model's effective robustness on logit axes."""
    fit = fit_line(points, "logit")
    value = compute_effective_robustness(
        fit, reference=evaluated.reference[0].top1, shifted=evaluated.shifted.top1
    )
    found = compute_interval(points, evaluated, "logit", value=float(value[0]))
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low
