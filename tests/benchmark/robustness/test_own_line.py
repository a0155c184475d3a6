"""A model is judged by a line without its own point, and the result says how much the line can bear there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baseline_cases import make_points
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from statsmodels.api import OLS, add_constant

from imagenet_g.benchmark.robustness.fits import fit_line
from imagenet_g.benchmark.robustness.own_line import (
    NO_WEIGHTS,
    JudgedModel,
    compute_leverage,
    compute_leverage_limit,
    leave_out,
    list_names,
)
from imagenet_g.benchmark.robustness.placements import Placement, make_record, place_model
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.robustness.wording import is_high_leverage, list_flags
from imagenet_g.benchmark.statistics.observations import Observation

# The eight classifiers of the demo on its 1040 real and its 208 drawn images, both of 104 classes.
DEMO = {
    "mini-resnet-s": ("resnet", 848, 120),
    "mini-efficientnet-s": ("efficientnet", 525, 83),
    "mini-byobnet-s": ("byobnet", 479, 78),
    "mini-mambaout-s": ("mambaout", 303, 54),
    "mini-convnext-s": ("convnext", 338, 74),
    "mini-resnet-xs": ("resnet", 466, 76),
    "mini-vit-s": ("vit", 195, 44),
    "mini-convnext-m": ("convnext", 380, 74),
}


def make_demo() -> BaselinePoints:
    """The demo's line."""
    rows = DEMO.values()
    points = make_points(
        [clean / 1040 for _, clean, _ in rows],
        [shifted / 208 for _, _, shifted in rows],
        families=[family for family, _, _ in rows],
        models=[f"packaged:{name}" for name in DEMO],
    )
    return replace(points, reference_n=(1040,), shifted_n=208)


def judge(points: BaselinePoints, name: str, judged: JudgedModel | None) -> Placement:
    """A model of the demo against points."""
    _, clean, shifted = DEMO[name]
    evaluated = EvaluatedModel(
        reference=(Observation(top1=clean / 1040, n=1040),), shifted=Observation(top1=shifted / 208, n=208)
    )
    return place_model(points, evaluated, "logit", judged=judged, num_resamples=50, seed=0)


def test_on_the_demos_line_a_model_is_judged_without_itself_and_its_family() -> None:
    """-1.3 points with itself, -5.0 without, -5.9 without the other ResNet too."""
    with_itself = judge(make_demo(), "mini-resnet-s", None)
    alone = judge(make_demo().take(np.arange(1, 8)), "mini-resnet-s", None)
    today = judge(make_demo(), "mini-resnet-s", JudgedModel(spec="timm:packaged:mini-resnet-s"))
    found = [100 * placement.value for placement in (with_itself, alone, today)]
    assert found == pytest.approx([-1.33, -5.00, -5.95], abs=0.005)


def test_the_result_names_who_was_left_out() -> None:
    """Itself, and apart from it the model of its family."""
    placed = judge(make_demo(), "mini-resnet-s", JudgedModel(spec="timm:packaged:mini-resnet-s"))
    record = make_record(placed, clustered=False)
    assert record.left_out == ("packaged:mini-resnet-s",)
    assert record.kin_left_out == ("packaged:mini-resnet-xs",)
    assert record.num_models == 6
    assert any(
        "goes without the model itself (packaged:mini-resnet-s)" in flag for flag in list_flags(record)
    )


def test_a_model_is_found_by_its_weights_under_another_name() -> None:
    """The file of a shipped model, given as one's own checkpoint."""
    points = replace(make_demo(), weights=tuple(f"{number:064x}" for number in range(8)))
    judged = JudgedModel(spec="timm:resnet10t+checkpoint", weights_sha256=f"{3:064x}")
    assert leave_out(points, judged).left_out == ("packaged:mini-mambaout-s",)


def test_models_without_weights_are_not_one_model() -> None:
    """All of them have the hash of no tensor."""
    points = replace(make_demo(), weights=(NO_WEIGHTS,) * 8)
    judged = JudgedModel(spec="python:my_model:make", weights_sha256=NO_WEIGHTS)
    assert leave_out(points, judged).points is points


@pytest.mark.parametrize(
    "spec",
    [
        "timm:resnet50.tv_in1k",
        "torchvision:resnet50/IMAGENET1K_V1",
        "timm:hf-hub:timm/resnet50.tv_in1k",
        "resnet50",
    ],
)
def test_one_set_of_weights_is_found_under_every_librarys_name(spec: str) -> None:
    """The testbed has the first torchvision weights under the bare name."""
    assert "resnet50" in list_names(spec) or "resnet50.tv_in1k" in list_names(spec)


@pytest.mark.parametrize(
    "spec", ["timm:resnet50.a1_in1k", "torchvision:resnet50/IMAGENET1K_V2", "timm:resnet50+checkpoint"]
)
def test_other_weights_of_an_architecture_are_another_model(spec: str) -> None:
    """They lie on the line by their own right."""
    assert "resnet50" not in list_names(spec)


def test_the_family_stays_where_fewer_than_five_others_remain() -> None:
    """A line through four models would be worse than one through a relative."""
    line = leave_out(
        make_demo().take(np.array([0, 1, 2, 3, 4, 5])), JudgedModel(spec="packaged:mini-resnet-s")
    )
    assert line.kin_left_out == ()
    assert "packaged:mini-resnet-xs" in line.points.models


def test_four_models_left_are_no_line_and_the_reason_is_given() -> None:
    """Five models judge a sixth, and not one of their own."""
    line = leave_out(make_demo().take(np.arange(5)), JudgedModel(spec="packaged:mini-vit-s"))
    assert line.reason is None
    line = leave_out(make_demo().take(np.arange(5)), JudgedModel(spec="packaged:mini-byobnet-s"))
    assert line.reason == "4 models are left without the judged model, and a line needs at least 5."


@given(st.lists(st.floats(0.05, 0.95), min_size=6, max_size=20, unique=True), st.floats(0.02, 0.98))
def test_the_leverage_is_the_diagonal_of_another_librarys_hat_matrix(clean: list[float], own: float) -> None:
    """Of the line with the model's point, by statsmodels; ours comes from the line without it."""
    points = make_points(clean, clean)
    # Statsmodels inverts a matrix that nearly equal accuracies leave without an inverse.
    if np.ptp(logit(clean)) < 0.1:
        return
    leverage = compute_leverage(fit_line(points, "logit"), np.array([own]))
    design = add_constant(logit([*clean, own]), has_constant="add")
    hat = OLS(np.zeros(len(design)), design).fit().get_influence().hat_matrix_diag
    assert leverage == pytest.approx(hat[-1], abs=1e-9)


def test_the_limit_of_a_straight_line_is_four_over_the_number_of_models() -> None:
    """2 p / M with two coefficients; three for a line over two clean axes."""
    assert compute_leverage_limit(8) == 4 / 8
    assert compute_leverage_limit(60, 3) == 6 / 60


def test_the_one_strong_model_of_the_demo_has_high_leverage() -> None:
    """.74 of the line with itself, by the models without it alone."""
    fit = fit_line(make_demo().take(np.arange(1, 8)), "logit")
    assert compute_leverage(fit, np.array([848 / 1040])) == pytest.approx(0.738, abs=5e-4)
    placed = judge(make_demo(), "mini-resnet-s", JudgedModel(spec="packaged:mini-resnet-s"))
    record = make_record(placed, clustered=False)
    assert is_high_leverage(record)
    assert "high leverage (0.77, limit 0.57)" in list_flags(record)


def test_a_model_among_the_others_has_no_flag_but_of_its_interval() -> None:
    """The middle of the line rests on all of them."""
    placed = judge(make_demo(), "mini-byobnet-s", JudgedModel(spec="a model of ours"))
    flags = list_flags(make_record(placed, clustered=False))
    assert not any("leverage" in flag or "between" in flag or "goes without" in flag for flag in flags)


def test_a_model_in_a_hole_of_the_clean_axis_is_flagged() -> None:
    """Between 50.5 and 81.5 % the demo has none: a model of 78 % rests on one neighbour."""
    points = make_demo()
    evaluated = EvaluatedModel(
        reference=(Observation(top1=0.65, n=1040),), shifted=Observation(top1=0.5, n=208)
    )
    judged = JudgedModel(spec="open_clip:packaged:mini-clip")
    placed = place_model(points, evaluated, "logit", judged=judged, num_resamples=50, seed=0)
    record = make_record(placed, clustered=False)
    assert record.hole == pytest.approx((525 / 1040, 848 / 1040))
    assert "no baseline model between 50.5 and 81.5 % clean accuracy" in list_flags(record)


def test_the_rule_of_older_results_leaves_out_and_flags_nothing() -> None:
    """Their numbers are checked by it, and what they do not state stays unknown."""
    record = make_record(judge(make_demo(), "mini-resnet-s", None), clustered=False)
    assert (record.left_out, record.kin_left_out, record.leverage, record.hole) == (None,) * 4
    assert record.num_models == 8
