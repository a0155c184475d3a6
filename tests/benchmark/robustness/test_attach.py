"""Published baselines on results: the golden effective robustness, and what must not be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from result_cases import make_result

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.reports.robustness_lines import list_robustness
from imagenet_g.benchmark.reports.sentences import read_entry
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness
from imagenet_g.benchmark.robustness.published_sets import BaselineSet


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
        make_result(split="imagenet-a", top1=0.1, clean=0.85, n=7500),
        load_baseline("testbed"),
        ["logit"],
        num_resamples=50,
    )
    assert result.entries[0].effective_robustness[0].weak
    assert ": AG −75.00, weak ER " in list_robustness(result)[0]


def test_a_missing_interval_is_printed_with_its_reason() -> None:
    """A baseline of one family: the record holds the reason, and the line and the sentence print it."""
    points = load_baseline("testbed")
    alike = BaselineSet(
        header=points.header,
        records=tuple(record.model_copy(update={"family": "one"}) for record in points.records),
    )
    result = attach_effective_robustness(
        make_result(split="imagenet-r", top1=0.6, clean=0.9), alike, ["logit"]
    )
    entry = result.entries[0]
    reason = "the baseline's models are all of one family, which does not show how families differ"
    record = entry.effective_robustness[0]
    assert (record.low, record.no_interval, record.method) == (None, reason, "none")
    assert f"(no interval: {reason})" in list_robustness(result)[0]
    assert f"no interval, as {reason}" in read_entry(entry)


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
        ({"num_classes": 199}, "the baseline covers 200 classes, the result 199"),
        ({"reference_set": "imagenet-v2"}, "its clean axis is 'imagenet-val'"),
        ({"outputs": "all"}, "with outputs 'split-classes', the result's 'imagenet-val' with 'all'"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    """No reference, other classes, another axis, other outputs."""
    with pytest.raises(InputError, match=message):
        attach(make_result(split="imagenet-r", top1=0.6, clean=0.9, **changes))


def test_a_limited_run_gets_no_robustness_and_the_reason_is_in_the_result() -> None:
    """The published figures are on all images."""
    entry = attach(make_result(split="imagenet-r", top1=0.6, clean=0.9, limit=104))
    assert entry.effective_robustness == ()
    (refused,) = entry.no_robustness
    assert refused.baseline == "testbed"
    assert refused.reason.startswith("only 104 images were run, and the line is on all 30000")


def test_a_reason_is_printed_where_the_number_would_be() -> None:
    """By `evaluate`, `show` and `baselines apply` alike."""
    result = make_result(split="imagenet-r", top1=0.6, clean=0.9, limit=104)
    done = attach_effective_robustness(result, load_baseline("testbed"), ["logit"], num_resamples=2)
    assert list_robustness(done)[0].startswith("imagenet-r against testbed: no ER: only 104 images")


def test_a_reason_takes_the_place_of_an_earlier_number_and_its_sentence() -> None:
    """Applying a baseline again leaves nothing of before."""
    result = make_result(split="imagenet-r", top1=0.6, clean=0.9)
    whole = attach_effective_robustness(result, load_baseline("testbed"), ["logit"], num_resamples=2)
    limited = whole.model_copy(update={"entries": (whole.entries[0].model_copy(update={"limit": 104}),)})
    entry = attach(limited)
    assert entry.effective_robustness == ()
    assert not any("was expected" in warning for warning in entry.warnings)
    again = attach(limited.model_copy(update={"entries": (entry.model_copy(update={"limit": None}),)}))
    assert again.no_robustness == ()
    assert len(again.effective_robustness) == 1


def test_a_model_of_the_testbed_is_judged_without_its_family() -> None:
    """ResNet-50 with torchvision's first weights is a row of that table."""
    result = make_result(split="imagenet-r", top1=0.36, clean=0.93)
    model = result.model.model_copy(update={"spec": "torchvision:resnet50/IMAGENET1K_V1"})
    record = attach(result.model_copy(update={"model": model})).effective_robustness[0]
    assert record.left_out == ("resnet50",)
    assert "resnet101" in (record.kin_left_out or ())
    assert record.num_models < 80


def test_a_result_of_older_statistics_gets_no_number_of_todays() -> None:
    """One file follows one set of rules."""
    old = make_result(split="imagenet-r", top1=0.6, clean=0.9).model_copy(update={"statistics": 1})
    with pytest.raises(InputError, match="score --upgrade"):
        attach(old)


@pytest.mark.parametrize(("top1", "stated"), [(0.44, True), (0.75, False)])
def test_an_interval_with_zero_in_it_is_said_to_show_nothing(top1: float, stated: bool) -> None:
    """Beside the number, in the words of every table."""
    result = make_result(split="imagenet-r", top1=top1, clean=0.95)
    done = attach_effective_robustness(result, load_baseline("testbed"), ["logit"], num_resamples=200)
    record = done.entries[0].effective_robustness[0]
    assert record.low is not None
    assert record.high is not None
    assert (record.low <= 0 <= record.high) is stated
    assert ("no evidence either way" in list_robustness(done)[0]) is stated


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
