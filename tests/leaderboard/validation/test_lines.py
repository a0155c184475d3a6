"""The lines of the board, published and measured, and records of effective robustness held against them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LinearRegression
from statsmodels.api import OLS, add_constant

from factories import make_model_record, make_run_record, make_split_record
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.results import (
    STATISTICS_VERSION,
    EffectiveRobustness,
    Entry,
    Environment,
    Gap,
    PredictionsRecord,
    Reference,
    Result,
    Score,
)
from imagenet_g.benchmark.robustness.attach import name_judged
from imagenet_g.benchmark.robustness.fits import predict_top1
from imagenet_g.benchmark.robustness.links import LINKS, LinkName
from imagenet_g.benchmark.robustness.published_sets import build_points
from imagenet_g.leaderboard.validation.lines import (
    compute_prediction_band,
    find_line,
    fit_measured_lines,
    load_all_lines,
    load_lines,
    load_tables,
    name_measured_axis,
    place_on_axis,
)
from imagenet_g.leaderboard.validation.robustness_checks import check_robustness

CLEAN = np.array([0.6, 0.7, 0.8, 0.9])
RESULT = Result(
    statistics=STATISTICS_VERSION,
    # Not one of the testbed's models, so that the lines are those of all of them.
    model=make_model_record("timm:a_net_of_ours.v1_in1k"),
    environment=Environment(imagenet_g="0", command="", created_utc="", versions={}),
    entries=(),
)


def test_the_lines_are_those_of_another_library() -> None:
    """Slope and intercept on ImageNet-V2, by scikit-learn."""
    line = find_line(load_lines(), baseline="testbed", target="imagenet-v2", link="logit")
    assert line is not None
    points = build_points(load_tables()[0], "imagenet-v2")
    fit = LinearRegression().fit(logit(points.reference), logit(points.shifted))
    assert line.slopes[0] == pytest.approx(fit.coef_[0], abs=1e-9)
    assert line.intercept == pytest.approx(fit.intercept_, abs=1e-9)


def test_a_measured_line_is_that_of_another_library() -> None:
    """Slope and intercept on mini-v2/sd-i, by scikit-learn, from the counts in the file."""
    axis = name_measured_axis("mini/real")
    line = find_line(
        fit_measured_lines(["mini-v2"]), baseline="drawn", target="mini-v2/sd-i", link="logit", axis=axis
    )
    stored = next(one for one in load_all_lines("mini-v2") if one.target == "mini-v2/sd-i")
    clean = [sum(record.reference_right) / sum(stored.reference_total) for record in stored.records]
    shifted = [sum(record.shifted_right) / sum(stored.shifted_total) for record in stored.records]
    fit = LinearRegression().fit(logit(clean).reshape(-1, 1), logit(shifted))
    assert line is not None
    assert line.slopes[0] == pytest.approx(fit.coef_[0], abs=1e-9)
    assert line.intercept == pytest.approx(fit.intercept_, abs=1e-9)


def test_the_band_is_that_of_another_library() -> None:
    """Prediction interval of least squares, by statsmodels."""
    line = find_line(load_lines(), baseline="testbed", target="imagenet-v2", link="logit")
    assert line is not None
    band = compute_prediction_band(line, CLEAN)
    assert band is not None
    points = build_points(load_tables()[0], "imagenet-v2")
    fit = OLS(logit(points.shifted), add_constant(logit(points.reference))).fit()
    frame = fit.get_prediction(add_constant(logit(CLEAN))).summary_frame(alpha=0.05)
    assert band[0] == pytest.approx(expit(frame["obs_ci_lower"].to_numpy()), abs=1e-9)
    assert band[1] == pytest.approx(expit(frame["obs_ci_upper"].to_numpy()), abs=1e-9)


def test_there_is_a_line_for_every_link() -> None:
    """And two where the set's images were picked by a model."""
    found = [line.link for line in load_lines() if (line.baseline, line.target) == ("testbed", "imagenet-a")]
    assert {link: found.count(link) for link in found} == dict.fromkeys(LINKS, 4)


def test_the_nearest_piece_of_a_bent_line_is_found() -> None:
    """Below and above the model that the images were picked by."""
    below, above = (
        find_line(
            load_lines(), baseline="testbed", target="imagenet-a", link="logit", axis="imagenet_val", near=x
        )
        for x in (0.6, 0.82)
    )
    assert below is not None
    assert above is not None
    assert below.reference_high[0] < above.reference_low[0]


@pytest.mark.parametrize("link", LINKS)
def test_points_at_the_ends_stay_on_the_page(link: LinkName) -> None:
    """Accuracies of 0 and 1 have a finite place on every axis."""
    assert np.isfinite(place_on_axis([0.0, 1.0], link)).all()


def make_entry(top1: float = 0.65, clean: float = 0.75) -> Entry:
    """ImageNet-V2 with a published clean accuracy on all classes."""
    shifted, reference = estimate_accuracy(round(top1 * 10_000), 10_000), estimate_accuracy(37_500, 50_000)
    assert reference.value == clean
    return Entry(
        split=make_split_record("imagenet-v2"),
        predictions=PredictionsRecord(file="x.parquet", sha256="0" * 64, run=make_run_record()),
        n=10_000,
        n_unscored=0,
        unscored_count_as="wrong",
        unscored=(),
        limit=None,
        scores=(
            Score(
                outputs="all",
                num_outputs=1000,
                metrics={"top1": MetricEstimate(**shifted.model_dump(), right=6500)},
            ),
        ),
        gaps=(
            Gap(
                reference=Reference(
                    kind="published",
                    set="imagenet-val",
                    outputs="all",
                    num_outputs=1000,
                    n=50_000,
                    top1=reference,
                    same_classes=True,
                    filtered_alike=True,
                    source="a paper",
                    manifest_sha256=None,
                    predictions_sha256=None,
                ),
                value=top1 - clean,
                low=None,
                high=None,
                method="none",
                num_resamples=0,
                seed=0,
            ),
        ),
        effective_robustness=(),
        warnings=(),
    )


def make_record(**changes: object) -> EffectiveRobustness:
    """A true record at clean 0.75 and shifted 0.65 on ImageNet-V2, its interval drawn without classes."""
    from imagenet_g.benchmark.robustness.attach import place_entry
    from imagenet_g.benchmark.robustness.placements import make_record as make

    placed = place_entry(
        make_entry(),
        load_tables()[0],
        "logit",
        pair=None,
        judged=name_judged(RESULT.model),
        num_resamples=1000,
        seed=0,
    )
    return make(placed, clustered=False).model_copy(update=changes)


def list_findings(record: EffectiveRobustness, entry: Entry | None = None) -> list[str]:
    """Codes of what is wrong with a record."""
    entry = (entry or make_entry()).model_copy(update={"effective_robustness": (record,)})
    return [problem.code for problem in check_robustness(entry, load_tables(), None, RESULT).problems]


def test_a_true_effective_robustness_passes() -> None:
    """Nothing to say about it."""
    record = make_record()
    line = find_line(load_lines(), baseline="testbed", target="imagenet-v2", link="logit")
    assert line is not None
    assert record.expected_top1 == pytest.approx(float(predict_top1(line, [0.75])[0]), abs=1e-12)
    assert list_findings(record) == []


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("value", 0.2, "not-reproduced"),
        ("expected_top1", 0.1, "not-reproduced"),
        ("extrapolated", True, "not-reproduced"),
        ("weak", True, "not-reproduced"),
        ("low", 0.3, "impossible"),
        ("low", -0.5, "not-reproduced"),
        ("slope", 0.5, "other-baseline"),
        ("baseline_sha256", "e" * 64, "other-baseline"),
        ("baseline", "my-baseline", "unknown-baseline"),
    ],
)
def test_a_false_effective_robustness_is_named(field: str, value: object, code: str) -> None:
    """Its arithmetic, its flags, its interval or its line."""
    assert code in list_findings(make_record(**{field: value}))


def test_a_robustness_on_another_axis_is_refused() -> None:
    """The testbed's axis is ImageNet-val over all classes."""
    entry = make_entry()
    clean = entry.gaps[0].reference.model_copy(update={"set": "imagenet-v2"})
    moved = entry.model_copy(update={"gaps": (entry.gaps[0].model_copy(update={"reference": clean}),)})
    assert "other-axis" in list_findings(make_record(), moved)


def test_a_robustness_without_a_clean_reference_is_refused() -> None:
    """There is nothing to expect it from."""
    bare = make_entry().model_copy(update={"gaps": ()})
    assert list_findings(make_record(), bare) == ["other-axis"]
