"""The variance between replicates: against statsmodels, in simulated worlds, and in a shift's interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from equating_cases import World, draw_panel
from line_cases import make_line
from scipy.special import expit, logit

from imagenet_g.benchmark.equating.panels import build_panel
from imagenet_g.benchmark.equating.seeds import SeedVariance, compute_effects, compute_seed_variance
from imagenet_g.benchmark.equating.shifts import compute_shift
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline
from imagenet_g.benchmark.robustness.points import ClassCounts

CLASSES, IMAGES, MODELS = 40, 50, 6


def draw_replicates(rng: np.random.Generator, *, number: int, seed_sd: float) -> list[ClassCounts]:
    """Models of several abilities on classes of several difficulties; a replicate shifts all of them."""
    total = np.full(CLASSES, float(IMAGES))
    level = np.linspace(-0.5, 0.8, MODELS)[:, None] + rng.normal(0, 0.7, CLASSES)
    shifts = rng.normal(0, seed_sd, number) if seed_sd else np.zeros(number)
    return [
        ClassCounts(right=rng.binomial(IMAGES, expit(level + b)).astype(float), total=total) for b in shifts
    ]


def test_the_estimate_is_that_of_a_mixed_model_with_crossed_effects() -> None:
    """By restricted maximum likelihood in statsmodels: classes and replicates as variance components."""
    import statsmodels.formula.api as smf
    from pandas import DataFrame

    found = draw_replicates(np.random.default_rng(4), number=5, seed_sd=0.3)
    effects = compute_effects(found)
    rows, columns = np.indices(effects.shape)
    scale = 10.0  # the optimiser stops at absolute differences
    frame = DataFrame({"y": scale * effects.ravel(), "r": rows.ravel(), "c": columns.ravel(), "all": 1})
    parts = {"classes": "0 + C(c)", "seeds": "0 + C(r)"}
    model = smf.mixedlm("y ~ 1", frame, groups="all", vc_formula=parts, re_formula="0")
    fitted = model.fit(reml=True)
    expected = dict(zip(model.exog_vc.names, fitted.vcomp, strict=True))["seeds"] / scale**2
    assert compute_seed_variance(found).between == pytest.approx(expected, rel=0.02)


def test_a_replicates_effects_average_to_its_shift_in_logits() -> None:
    """By scipy's logit, for accuracies near one another."""
    found = draw_replicates(np.random.default_rng(1), number=3, seed_sd=0.02)
    level = np.array([logit(one.right.sum(axis=1) / one.total.sum()).mean() for one in found])
    assert compute_effects(found).mean(axis=1) == pytest.approx(level - level.mean(), abs=1e-3)


@pytest.mark.parametrize("seed_sd", [0.0, 0.2])
def test_the_mean_estimate_over_worlds_is_the_variance_of_the_seeds(seed_sd: float) -> None:
    """Nothing where seeds have no effect of their own, but for what is cut off below 0."""
    rng = np.random.default_rng(2)
    found = [
        compute_seed_variance(draw_replicates(rng, number=6, seed_sd=seed_sd)).between for _ in range(150)
    ]
    # Classes of several difficulties flatten the logit of their mean, by some 15 % here.
    assert math.sqrt(np.mean(found)) == pytest.approx(0.87 * seed_sd, abs=0.025)


def test_seeds_widen_the_interval_of_a_shift_and_leave_its_value() -> None:
    """By Satterthwaite's rule; a variance of 0 leaves the interval as it is."""
    panel = draw_panel(World(), np.random.default_rng(0))[0]
    plain = compute_shift(panel)
    none, some = (
        compute_shift(replace(panel, seeds=(SeedVariance(between=value, num_replicates=4),)))
        for value in (0.0, 0.04)
    )
    assert (none.low, none.high) == (plain.low, plain.high)
    assert some.value == plain.value
    assert some.seed_sd == pytest.approx(0.1)
    assert some.high - some.value >= math.hypot(plain.high - plain.value, 1.96 * 0.1)
    assert plain.seed_sd is None


def test_lines_on_replicates_of_a_version_enter_its_panel() -> None:
    """Those of the same models on the views of one replicate, and no other views."""

    def view(name: str, good: int) -> MeasuredBaseline:
        return make_line(f"v9/sd-l:{name}", good=good)

    before, after = make_line("v8/sd-l"), make_line("v9/sd-l", good=1)
    others = [view("replicate-0", 0), view("replicate-1", 2), view("safe", 9), before, after]
    found = build_panel(before, after, others=others).seeds
    assert [one.num_replicates for one in found] == [2]
    assert build_panel(before, after, others=others[:1]).seeds == ()


def test_replicates_of_other_plans_or_one_alone_are_refused() -> None:
    """Their difference would be one of images and not of seeds."""
    one, other = draw_replicates(np.random.default_rng(3), number=2, seed_sd=0.1)
    with pytest.raises(InputError, match="two replicates"):
        compute_seed_variance([one])
    with pytest.raises(InputError, match="of one plan"):
        compute_seed_variance([one, replace(other, total=other.total * 2)])
