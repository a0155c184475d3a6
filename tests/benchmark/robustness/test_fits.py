"""The line: golden rows from the published figures, closed forms, an independent least squares."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from baseline_cases import make_points, make_points_on_line
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.fits import (
    LineFit,
    compute_band,
    compute_effective_robustness,
    fit_line,
    predict_top1,
)
from imagenet_g.benchmark.robustness.links import LINKS, apply_link
from imagenet_g.benchmark.robustness.published_sets import build_points

CLIP = "vit_b_32_clip_zeroshot"
NOISY_STUDENT = "efficientnet-l2-noisystudent"


def fit_testbed(split: str, link: str, *, axis: str | None = None, clean: float | None = None) -> LineFit:
    """The testbed's line on a split; with a clean accuracy, the piece that holds it."""
    points = build_points(load_baseline("testbed"), split, references=[axis] if axis else None)
    return fit_line(points if clean is None else points.select_piece(clean), link)


def judge(model: str, split: str, link: str, *, axis: str | None = None) -> float:
    """Effective robustness of a model of the testbed's table, in points."""
    baseline = load_baseline("testbed")
    target = baseline.header.targets[split]
    figures = baseline.find_record(model).figures
    value = compute_effective_robustness(
        fit_testbed(split, link, axis=axis),
        reference=figures[axis or target.reference],  # type: ignore[arg-type]
        shifted=figures[target.column],  # type: ignore[arg-type]
    )
    return 100 * float(value[0])


@pytest.mark.parametrize(
    ("split", "link", "num_models", "slope", "intercept", "r2"),
    [
        ("imagenet-v2", "logit", 85, 0.9113725552, -0.4813069458, 0.9958),
        ("imagenet-sketch", "logit", 85, 1.070915, -2.370073, 0.869),
        ("imagenet-sketch", "linear", 85, 0.9311, -0.4537, 0.817),
        ("imagenet-r", "logit", 80, 0.636844, -2.107716, 0.889),
        ("imagenet-r", "linear", 80, 1.5494, -1.0456, 0.794),
        ("objectnet", "logit", 85, 0.980910, -1.928289, 0.953),
        ("objectnet", "linear", 85, 1.1476, -0.5451, 0.909),
    ],
)
def test_testbed_lines_are_the_published_ones(
    split: str, link: str, num_models: int, slope: float, intercept: float, r2: float
) -> None:
    """Slope and intercept of the testbed's own fits, to 1e-4."""
    fit = fit_testbed(split, link)
    assert fit.num_models == num_models
    assert fit.slopes[0] == pytest.approx(slope, abs=1e-4)
    assert fit.intercept == pytest.approx(intercept, abs=1e-4)
    assert fit.r2 == pytest.approx(r2, abs=6e-4)


@pytest.mark.parametrize(
    ("clean", "num_models", "slope", "intercept"),
    [(0.80, 33, 0.6894464991, -5.1400461723), (0.95, 51, 2.9559595169, -10.2773970886)],
)
def test_imagenet_a_has_one_line_below_its_resnet50_and_one_above(
    clean: float, num_models: int, slope: float, intercept: float
) -> None:
    """The images were picked by a ResNet-50: the line bends there, and that model is left out."""
    fit = fit_testbed("imagenet-a", "logit", clean=clean)
    assert fit.num_models == num_models
    assert fit.slopes[0] == pytest.approx(slope, abs=1e-4)
    assert fit.intercept == pytest.approx(intercept, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "split", "link", "expected"),
    [
        (CLIP, "imagenet-sketch", "logit", 28.02),
        (CLIP, "imagenet-sketch", "linear", 28.80),
        (CLIP, "imagenet-r", "logit", 38.95),
        (CLIP, "imagenet-r", "linear", 37.31),
        (CLIP, "objectnet", "logit", 18.10),
        (CLIP, "objectnet", "linear", 17.07),
        (NOISY_STUDENT, "imagenet-sketch", "logit", 2.71),
        (NOISY_STUDENT, "imagenet-sketch", "linear", 10.77),
        (NOISY_STUDENT, "imagenet-r", "logit", 17.09),
        (NOISY_STUDENT, "objectnet", "logit", 3.26),
        (NOISY_STUDENT, "objectnet", "linear", 16.10),
        (NOISY_STUDENT, "objectnet", "probit", 6.34),
    ],
)
def test_effective_robustness_of_known_models(model: str, split: str, link: str, expected: float) -> None:
    """Zero-shot CLIP ViT-B/32 and Noisy Student, in points, as fitted by hand from the same figures."""
    assert judge(model, split, link) == pytest.approx(expected, abs=0.005)


def test_the_full_clean_axis_gives_the_wrong_answer_on_imagenet_r() -> None:
    """On all 1000 classes CLIP's 38.95 points become 44.34: same classes, or wrong."""
    assert judge(CLIP, "imagenet-r", "logit", axis="imagenet_val") == pytest.approx(44.34, abs=0.005)
    assert judge(CLIP, "imagenet-r", "logit") == pytest.approx(38.95, abs=0.005)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_effective_robustness_is_zero_on_the_line(link: str) -> None:
    """A model at beta(x) has none."""
    fit = fit_line(make_points_on_line(link), link)
    reference = np.linspace(0.5, 0.9, 5)
    found = compute_effective_robustness(fit, reference=reference, shifted=predict_top1(fit, reference))
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


@given(order=st.permutations(range(12)), link=st.sampled_from(sorted(LINKS)))
def test_the_order_of_the_rows_does_not_matter(order: list[int], link: str) -> None:
    """A table sorted in another way gives the same line."""
    rng = np.random.default_rng(1)
    clean, shifted = rng.uniform(0.5, 0.9, 12), rng.uniform(0.1, 0.5, 12)
    points = make_points(clean.tolist(), shifted.tolist())
    one = fit_line(points, link)
    other = fit_line(points.take(np.array(order, dtype=np.intp)), link)
    assert (one.intercept, *one.slopes) == pytest.approx((other.intercept, *other.slopes), rel=1e-9)


@given(
    accuracies=st.lists(
        st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)), min_size=5, max_size=30
    ).filter(lambda pairs: np.ptp([x for x, _ in pairs]) > 0.01),
    link=st.sampled_from(sorted(LINKS)),
)
def test_the_line_equals_scipy_linregress(accuracies: list[tuple[float, float]], link: str) -> None:
    """Slope, intercept and r2 agree with an independent implementation."""
    clean, shifted = zip(*accuracies, strict=True)
    fit = fit_line(make_points(list(clean), list(shifted)), link)
    theirs = linregress(apply_link(clean, link), apply_link(shifted, link))
    assert fit.slopes[0] == pytest.approx(theirs.slope, rel=1e-6, abs=1e-9)
    assert fit.intercept == pytest.approx(theirs.intercept, rel=1e-6, abs=1e-9)
    if np.ptp(shifted) > 1e-6:
        assert fit.r2 == pytest.approx(theirs.rvalue**2, abs=1e-6)


@pytest.mark.parametrize(("kind", "column"), [("line", "mean_ci"), ("prediction", "obs_ci")])
def test_bands_equal_statsmodels(kind: str, column: str) -> None:
    """The band of the line and of one more model, on logit axes."""
    rng = np.random.default_rng(2)
    clean, shifted = rng.uniform(0.5, 0.9, 20), rng.uniform(0.2, 0.4, 20)
    fit = fit_line(make_points(clean.tolist(), shifted.tolist()), "logit")
    at = np.linspace(0.4, 0.95, 7)
    model = sm.OLS(apply_link(shifted, "logit"), sm.add_constant(apply_link(clean, "logit"))).fit()
    frame = model.get_prediction(sm.add_constant(apply_link(at, "logit"))).summary_frame(alpha=0.05)
    low, high = compute_band(fit, at, kind=kind)
    np.testing.assert_allclose(apply_link(low, "logit"), frame[f"{column}_lower"], rtol=1e-6)
    np.testing.assert_allclose(apply_link(high, "logit"), frame[f"{column}_upper"], rtol=1e-6)


def test_two_clean_sets_make_a_multi_id_fit() -> None:
    """Coefficients of a fit on ImageNet-val and V2 agree with statsmodels."""
    points = build_points(
        load_baseline("testbed"), "imagenet-sketch", references=["imagenet_val", "imagenet_v2"]
    )
    fit = fit_line(points, "logit")
    design = sm.add_constant(apply_link(points.reference, "logit"))
    theirs = sm.OLS(apply_link(points.shifted, "logit"), design).fit()
    np.testing.assert_allclose([fit.intercept, *fit.slopes], theirs.params, rtol=1e-7)
    assert fit.r2 == pytest.approx(theirs.rsquared)


def test_the_same_clean_set_twice_is_refused() -> None:
    """A multi-ID fit needs axes that differ."""
    points = build_points(
        load_baseline("testbed"), "imagenet-sketch", references=["imagenet_val", "imagenet_val"]
    )
    with pytest.raises(InputError, match="are collinear over these models"):
        fit_line(points, "logit")


@pytest.mark.parametrize(("top1", "link"), [(0.0, "logit"), (1.0, "logit"), (0.0, "probit"), (1.0, "probit")])
def test_a_model_with_none_or_all_right_gets_a_number(top1: float, link: str) -> None:
    """Neither a baseline point nor a evaluated model at 0 or 1 makes anything infinite."""
    points = make_points([0.5, 0.6, 0.7, 0.8, 0.9, top1], [0.2, 0.3, 0.4, 0.5, 0.6, top1])
    fit = fit_line(points, link)
    assert np.isfinite([fit.intercept, *fit.slopes]).all()
    assert np.isfinite(compute_effective_robustness(fit, reference=top1, shifted=top1)).all()


def test_extrapolation_is_flagged() -> None:
    """A clean accuracy outside the baseline's is marked, one inside is not."""
    fit = fit_testbed("imagenet-sketch", "logit")
    assert fit.is_extrapolated(0.90)
    assert fit.is_extrapolated(0.50)
    assert not fit.is_extrapolated(0.75)


def test_a_line_that_explains_little_is_weak() -> None:
    """Below r2 = 0.8 the fit says so: the lower piece of ImageNet-A has 0.41."""
    assert fit_testbed("imagenet-a", "logit", clean=0.80).weak
    assert not fit_testbed("imagenet-v2", "logit").weak


def test_fewer_than_five_models_are_refused() -> None:
    """Four points make no baseline."""
    with pytest.raises(InputError, match="has 4 models; a line needs at least 5"):
        fit_line(make_points([0.5, 0.6, 0.7, 0.8], [0.2, 0.3, 0.4, 0.5]), "logit")


@pytest.mark.parametrize(
    ("clean", "models", "message"),
    [
        ([0.5, 0.6, 0.7, 0.8, float("nan")], None, "NaN or infinity is no accuracy"),
        ([50.0, 60.0, 70.0, 80.0, 90.0], None, "90 looks like percent.*divide by 100"),
        ([0.5, 0.6, 0.7, 0.8, -0.1], None, "is not within"),
        ([0.7] * 5, None, "all models have the same clean accuracy"),
        ([0.5, 0.6, 0.7, 0.8, 0.9], ["a", "b", "c", "d", "a"], "lists model 'a' twice"),
    ],
)
def test_a_bad_baseline_gets_one_clear_message(
    clean: list[float], models: list[str] | None, message: str
) -> None:
    """NaN, percent, out of range, no spread, repeated names."""
    with pytest.raises(InputError, match=message):
        fit_line(make_points(clean, [0.2, 0.3, 0.4, 0.5, 0.6], models=models), "logit")
