"""Lines read as data do what the fits they came from do."""

from __future__ import annotations

import numpy as np
import pytest

from imagenet_g.baselines.sets import load_baseline
from imagenet_g.benchmark.baseline_tables import build_points
from imagenet_g.benchmark.fits import compute_band, fit_line
from imagenet_g.benchmark.fits import predict_top1 as predict_by_fit
from imagenet_g.benchmark.results import EffectiveRobustness
from imagenet_g.leaderboard.lines import Line, compute_prediction_band, find_line, load_lines, predict_top1
from imagenet_g.leaderboard.robustness_checks import check_arithmetic, check_line

CLEAN = np.array([0.6, 0.7, 0.8, 0.9])


@pytest.mark.parametrize("line", load_lines(), ids=lambda x: f"{x.baseline}-{x.target}-{x.axes[0]}-{x.link}")
def test_the_data_file_holds_the_current_fits(line: Line) -> None:
    """A baseline that changed makes this fail: write the file again with 'leaderboard figures'."""
    points = build_points(load_baseline(line.baseline), line.target, references=line.axes)
    fit = fit_line(points.select_piece(line.reference_low[0]), line.link)
    assert fit.baseline_sha256 == line.baseline_sha256
    assert fit.slopes[0] == pytest.approx(line.slopes[0], abs=1e-9)
    assert predict_top1(line, CLEAN) == pytest.approx(predict_by_fit(fit, CLEAN), abs=1e-9)


def test_the_band_is_the_fits_own() -> None:
    """Prediction interval of least squares."""
    line = find_line(load_lines(), baseline="testbed", target="imagenet-v2", link="logit")
    assert line is not None
    fit = fit_line(build_points(load_baseline("testbed"), "imagenet-v2"), "logit")
    band = compute_prediction_band(line, CLEAN)
    assert band is not None
    for ours, theirs in zip(band, compute_band(fit, CLEAN), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


def make_record(**changes: object) -> EffectiveRobustness:
    """A true record at clean 0.75 and shifted 0.65 on ImageNet-V2."""
    line = find_line(load_lines(), baseline="testbed", target="imagenet-v2", link="logit")
    assert line is not None
    expected = float(predict_top1(line, 0.75))
    record = EffectiveRobustness(
        baseline="testbed",
        baseline_sha256=line.baseline_sha256,
        link="logit",
        value=0.65 - expected,
        low=None,
        high=None,
        clustered=False,
        expected_top1=expected,
        band_low=expected - 0.01,
        band_high=expected + 0.01,
        axis="imagenet_val",
        slope=line.slopes[0],
        intercept=line.intercept,
        r2=line.r2,
        num_models=line.num_models,
        num_families=line.num_families,
        reference_low=line.reference_low[0],
        reference_high=line.reference_high[0],
        extrapolated=False,
        weak=False,
        num_resamples=0,
        seed=0,
    )
    return record.model_copy(update=changes)


def list_findings(record: EffectiveRobustness) -> list[str]:
    """Codes of what is wrong with a record."""
    found = [*check_arithmetic(record, 0.75, 0.65, "imagenet-v2")]
    return [problem.code for problem in (*found, *check_line(record, load_lines(), "imagenet-v2"))]


def test_a_true_effective_robustness_passes() -> None:
    """Nothing to say about it."""
    assert list_findings(make_record()) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("value", 0.2, "not-reproduced"),
        ("expected_top1", 0.1, "not-reproduced"),
        ("extrapolated", True, "not-reproduced"),
        ("weak", True, "not-reproduced"),
        ("slope", 0.5, "other-baseline"),
        ("baseline_sha256", "e" * 64, "other-baseline"),
        ("baseline", "my-baseline", "unknown-baseline"),
    ],
)
def test_a_false_effective_robustness_is_named(field: str, value: object, code: str) -> None:
    """Its arithmetic, its flags or its line."""
    assert code in list_findings(make_record(**{field: value}))
