"""Published baselines on results: the golden effective robustness, and what must not be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from factories import make_model_record, make_run_record, make_split_record
from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.commands.report import list_robustness
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy
from imagenet_g.benchmark.records import Estimate, MetricEstimate, Outputs
from imagenet_g.benchmark.results import Entry, Environment, Gap, PredictionsRecord, Reference, Result, Score
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness

SHA = "0" * 64


def make_result(
    *, split: str, top1: float, clean: float, outputs: Outputs = "split-classes", **changes: Any
) -> Result:
    """A result of one entry with a measured clean twin; `changes` are of the clean reference or the entry."""
    estimate: Estimate = estimate_accuracy(round(top1 * 30_000), 30_000)
    reference = Reference(
        kind="measured",
        set=changes.pop("reference_set", "imagenet-val"),
        outputs=outputs,
        num_outputs=200,
        n=10_000,
        top1=estimate_accuracy(round(clean * 10_000), 10_000),
        same_classes=changes.pop("same_classes", True),
        filtered_alike=True,
        source=None,
        manifest_sha256=SHA,
        predictions_sha256=SHA,
    )
    score = Score(
        outputs=outputs,
        num_outputs=200,
        metrics={"top1": MetricEstimate(**estimate.model_dump(), right=round(top1 * 30_000))},
    )
    gap = Gap(
        reference=reference,
        value=estimate.value - reference.top1.value,
        low=None,
        high=None,
        method="none",
        num_resamples=0,
        seed=0,
    )
    entry = Entry(
        split=make_split_record(split, 200),
        predictions=PredictionsRecord(file="x.parquet", sha256=SHA, run=make_run_record()),
        n=30_000,
        n_unscored=0,
        unscored_count_as="wrong",
        unscored=(),
        limit=changes.pop("limit", None),
        scores=(score,),
        gaps=(gap,) if changes.pop("gap", True) else (),
        effective_robustness=(),
        warnings=(),
    )
    environment = Environment(imagenet_g="0", command="", created_utc="", versions={})
    return Result(model=make_model_record(), environment=environment, entries=(entry,))


def attach(result: Result, link: str = "logit", counts: dict[str, PairCounts] | None = None) -> Entry:
    """The entry with its robustness against the testbed."""
    done = attach_effective_robustness(
        result, load_baseline("testbed"), [link], counts=counts, num_resamples=200
    )
    return done.entries[0]


def test_clip_on_imagenet_r_gets_38_95_points() -> None:
    """A result with CLIP ViT-B/32's accuracies gets the published baseline's answer, and its record."""
    record = attach(make_result(split="imagenet-r", top1=0.692567, clean=0.881)).effective_robustness[0]
    assert 100 * record.value == pytest.approx(38.95, abs=0.01)
    assert (record.baseline, record.num_models, record.extrapolated, record.weak) == (
        "testbed",
        80,
        False,
        False,
    )
    assert record.baseline_sha256 == load_baseline("testbed").sha256
    assert record.low is not None
    assert record.high is not None
    assert record.low < record.value < record.high


def test_a_model_outside_the_baselines_range_is_flagged() -> None:
    """99 % on R's classes is above every standard model."""
    entry = attach(make_result(split="imagenet-r", top1=0.7, clean=0.99))
    assert entry.effective_robustness[0].extrapolated
    assert any("lies outside the baseline's" in warning for warning in entry.warnings)


def test_on_a_weak_line_the_gap_comes_first() -> None:
    """Below ImageNet-A's bend r2 is 0.41: the printed line starts with AG and calls the ER weak."""
    result = attach_effective_robustness(
        make_result(split="imagenet-a", top1=0.1, clean=0.85),
        load_baseline("testbed"),
        ["logit"],
        num_resamples=50,
    )
    assert result.entries[0].effective_robustness[0].weak
    assert ": AG −75.00, weak ER " in list_robustness(result)[0]


def test_on_a_strong_line_the_robustness_comes_first() -> None:
    """The usual order."""
    result = attach_effective_robustness(
        make_result(split="imagenet-r", top1=0.6, clean=0.9),
        load_baseline("testbed"),
        ["logit"],
        num_resamples=50,
    )
    assert ": ER +" in list_robustness(result)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gap": False}, "no clean reference"),
        ({"same_classes": False}, "covers other classes than the split; run with --reference"),
        ({"limit": 100}, "only part of its images were run"),
        ({"reference_set": "imagenet-v2"}, "its clean axis is 'imagenet-val'"),
        ({"outputs": "all"}, "with outputs 'split-classes', the result's 'imagenet-val' with 'all'"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    """No reference, other classes, part of the images, another axis, other outputs."""
    with pytest.raises(InputError, match=message):
        attach(make_result(split="imagenet-r", top1=0.6, clean=0.9, **changes))


def make_counts(class_set: str) -> PairCounts:
    """Counts by class, half of them right, on the classes of a set."""
    indices = load_class_set(class_set).indices
    total = np.zeros(1000)
    total[list(indices)] = 50.0
    counts = SetCounts(right=total / 2, total=total)
    return PairCounts(shifted=counts, reference=counts, class_indices=indices)


def test_counts_on_the_splits_own_classes_are_taken() -> None:
    """The interval is then clustered by class, and nothing is said of independent images."""
    result = make_result(split="imagenet-r", top1=0.5, clean=0.5)
    entry = attach(result, counts={"imagenet-r": make_counts("imagenet-r")})
    assert not any("independent" in warning for warning in entry.warnings)


def test_counts_on_other_classes_are_refused() -> None:
    """The classes of A are not those of R."""
    result = make_result(split="imagenet-r", top1=0.5, clean=0.5)
    with pytest.raises(InputError, match="both must be the same"):
        attach(result, counts={"imagenet-r": make_counts("imagenet-a")})
