"""Metrics as rows, their intervals, and the mapping that holds them in a result."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from outside_metric import write_package
from pydantic import ValidationError
from rich.console import Console
from scipy import stats
from sklearn.metrics import balanced_accuracy_score
from statsmodels.stats.proportion import proportion_confint

from factories import make_predictions
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.formats.scores_v1 import upgrade_score
from imagenet_g.benchmark.predictions.interval_rules import (
    CLASS_JACKKNIFE,
    CLASS_MEANS,
    NO_INTERVAL,
    WILSON,
)
from imagenet_g.benchmark.predictions.metric import PLAIN, Metric, estimate_metric
from imagenet_g.benchmark.predictions.metrics import (
    BUILT_IN,
    TOP1,
    compute_mean_per_class_top1,
    index_metrics,
    load_metrics,
)
from imagenet_g.benchmark.predictions.result_files import load_result, write_result
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.predictions.scoring import compute_score
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.reports.report import make_report
from imagenet_g.benchmark.results import Result, Score

TESTS = Path(__file__).resolve().parents[2]
SEALED = sorted((TESTS / "leaderboard" / "validation" / "statistics_1").rglob("imagenet-g__*.json"))


def make_images(predicted: list[int], labels: list[int]) -> ScoredImages:
    """Images whose best class is given."""
    made = make_predictions(predicted, labels)
    return ScoredImages(made.labels, made.top5, 1000)


def make_metric(function: Callable[[ScoredImages], float | None], **changes: object) -> Metric:
    """A metric of some function, without an interval."""
    fields = {"name": "some", "title": "some", "help": "Some.", "interval": NO_INTERVAL} | changes
    return Metric(function=function, **fields)  # type: ignore[arg-type]


def compute_plain_score() -> Score:
    """Three of four right, in two classes."""
    predictions = make_predictions([1, 1, 2, 7], [1, 1, 2, 2])
    return compute_score(predictions, stored_as="all", outputs="all", num_outputs=1000)


def add_metrics(result: Result, extra: dict[str, MetricEstimate]) -> Result:
    """The result's first entry with more metrics in every score."""
    entry = result.entries[0]
    scores = tuple(score.model_copy(update={"metrics": {**score.metrics, **extra}}) for score in entry.scores)
    return result.model_copy(update={"entries": (entry.model_copy(update={"scores": scores}),)})


def print_report(result: Result) -> str:
    """What the terminal shows."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(make_report([result]))
    return capture.get()


def test_a_score_holds_every_metric_that_has_a_row() -> None:
    """In the order of the rows; these predictions are stored without the sums that two of them need."""
    stored = [metric.name for metric in BUILT_IN if metric.name not in ("brier", "nll")]
    assert list(compute_plain_score().metrics) == stored


@pytest.mark.parametrize("path", SEALED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_sealed_result_of_version_1_keeps_every_number(path: Path, tmp_path: Path) -> None:
    """Read, written as version 2 and read again."""
    sealed = json.loads(path.read_bytes())["result"]
    assert sealed["schema_version"] == 1
    (tmp_path / "result.json").write_text(json.dumps(sealed))
    loaded = load_result(tmp_path)
    for old, entry in zip(sealed["entries"], loaded.entries, strict=True):
        for score, now in zip(old["scores"], entry.scores, strict=True):
            for name in ("top1", "top5"):
                found = now.metrics[name].model_dump()
                assert found == {**score[name], "right": score[f"num_correct_{name}"]}
            macro = now.metrics["mean_per_class_top1"]
            assert (macro.value, macro.low, macro.method) == (score["mean_per_class_top1"], None, "none")
    written = json.loads(write_result(tmp_path / "again", loaded).read_bytes())
    assert written["schema_version"] == 2
    assert load_result(tmp_path / "again") == loaded


def test_a_broken_score_of_version_1_is_refused() -> None:
    """With the strictness it always had."""
    sealed = json.loads(SEALED[0].read_bytes())["result"]["entries"][0]["scores"][0]
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        upgrade_score({**sealed, "top1": {**sealed["top1"], "value": 18.8}})


def test_a_score_without_top_1_is_refused() -> None:
    """Gaps, lines and ranks are about it."""
    with pytest.raises(ValidationError, match="lack 'top1'"):
        Score(outputs="all", num_outputs=1000, metrics={})


@pytest.mark.parametrize("name", ["Top", "top 1", "<b>", "x" * 70, ""])
def test_a_metrics_name_is_a_plain_word(name: str) -> None:
    """It becomes a key, a column and part of an address."""
    estimate = MetricEstimate(value=0.5, low=None, high=None, method="none", right=None)
    with pytest.raises(ValidationError):
        Score(outputs="all", num_outputs=1000, metrics={"top1": estimate, name: estimate})
    with pytest.raises(InputError, match="cannot name a metric"):
        index_metrics([("some-package", make_metric(lambda images: 0.5, name=name))])


def test_a_metric_of_a_package_that_is_not_installed_loads_and_is_shown_as_unknown() -> None:
    """Its value as it stands in the file."""
    result = Result.model_validate(json.loads(SEALED[0].read_bytes())["result"])
    extra = MetricEstimate(value=12.5, low=None, high=None, method="none", right=None)
    changed = add_metrics(result, {"mystery": extra})
    text = print_report(Result.model_validate_json(changed.model_dump_json()))
    assert "mystery (unknown metric)" in text
    assert "12.5" in text


def test_what_the_predictions_do_not_hold_is_left_out() -> None:
    """A metric that needs a column of later files."""
    predictions = make_predictions([1], [1])
    rows = [TOP1, make_metric(lambda images: None)]
    score = compute_score(predictions, stored_as="all", outputs="all", num_outputs=1000, metrics=rows)
    assert list(score.metrics) == ["top1"]


def test_a_value_outside_the_metrics_own_bounds_is_a_mistake_of_its_row() -> None:
    """Said before it reaches a file."""
    with pytest.raises(InputError, match="gave 2"):
        estimate_metric(make_metric(lambda images: 2.0), make_images([1], [1]))


def test_an_interval_stays_within_the_bounds() -> None:
    """Student's t knows none."""
    images = make_images([1, 1, 1, 1, 2, 7], [1, 1, 1, 1, 2, 3])
    found = estimate_metric(make_metric(compute_mean_per_class_top1, interval=CLASS_MEANS), images)
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)


def make_uneven_images(seed: int) -> ScoredImages:
    """Six classes of unequal size, each with its own chance of a right answer."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, size=300)
    right = rng.random(300) < 0.2 + labels / 10
    return make_images(np.where(right, labels, 900).tolist(), labels.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_mean_per_class_is_balanced_accuracy_with_students_interval_over_classes(seed: int) -> None:
    """As scikit-learn and scipy have them."""
    images = make_uneven_images(seed)
    first = images.top5.indices[:, 0].astype(int)
    metric = load_metrics()["mean_per_class_top1"]
    found = estimate_metric(metric, images)
    assert found is not None
    means = [float((first[images.classes == one] == one).mean()) for one in np.unique(images.classes)]
    with np.errstate(all="ignore"):
        assert found.value == pytest.approx(np.mean(means))
    expected = stats.t.interval(0.95, len(means) - 1, loc=np.mean(means), scale=stats.sem(means))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.value == pytest.approx(
        balanced_accuracy_score(images.classes, np.where(first == 900, (images.classes + 1) % 6, first))
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_jackknife_over_classes_agrees_with_students_interval_for_a_mean_of_classes(seed: int) -> None:
    """For a mean the two are one formula."""
    images = make_uneven_images(seed)
    rules = (CLASS_MEANS, CLASS_JACKKNIFE)
    first, second = (
        estimate_metric(make_metric(compute_mean_per_class_top1, interval=rule), images) for rule in rules
    )
    assert first is not None
    assert second is not None
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_all_right_is_not_certain() -> None:
    """The classes show no spread; the images are few all the same."""
    images = make_images([1, 2, 3], [1, 2, 3])
    found = estimate_metric(make_metric(compute_mean_per_class_top1, interval=CLASS_MEANS), images)
    wilson = estimate_metric(make_metric(compute_mean_per_class_top1, interval=WILSON), images)
    assert found is not None
    assert wilson is not None
    assert (found.low, found.high) == (wilson.low, wilson.high)


def test_mean_per_class_of_classes_alike_has_the_interval_of_its_images() -> None:
    """Three of four right in each of ten classes: what chance within the classes leaves open."""
    answers = [int(label) if k % 4 else 900 for k, label in enumerate(np.repeat(np.arange(10), 4))]
    images = make_images(answers, np.repeat(np.arange(10), 4).tolist())
    found = estimate_metric(load_metrics()["mean_per_class_top1"], images)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(proportion_confint(30, 40, method="wilson"))


@pytest.mark.parametrize("widened", [True, False])
def test_a_rule_names_whether_it_holds_the_noise_within_classes(widened: bool) -> None:
    """An earlier result is computed again by the rule it names."""
    images = make_uneven_images(0)
    for rule, name in ((CLASS_MEANS, "class-t"), (CLASS_JACKKNIFE, "class-jackknife")):
        metric = make_metric(compute_mean_per_class_top1, interval=rule)
        found = estimate_metric(metric, images, widened=widened)
        assert found is not None
        assert found.method == (f"{name}-widened" if widened else name)


def test_the_jackknife_holds_the_noise_within_classes_alike() -> None:
    """Twenty groups of images in turn; as long as Wilson's interval but for the chance of grouping."""
    labels = np.repeat(np.arange(10), 20)
    answers = [int(label) if k % 4 else 900 for k, label in enumerate(labels)]
    images = make_images(answers, labels.tolist())
    metric = make_metric(compute_mean_per_class_top1, interval=CLASS_JACKKNIFE)
    plain, found = (estimate_metric(metric, images, widened=widened) for widened in (False, True))
    low, high = proportion_confint(150, 200, method="wilson")
    assert plain is not None
    assert found is not None
    assert plain.low == pytest.approx(plain.high)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(high - low, rel=0.4)


def test_a_metric_that_nothing_moves_has_no_interval() -> None:
    """Not one without a width."""
    found = estimate_metric(
        make_metric(lambda images: 0.5, interval=CLASS_JACKKNIFE), make_images([1, 2], [1, 2])
    )
    assert found is not None
    assert (found.low, found.high, found.method) == (None, None, "none")


@pytest.mark.parametrize("rule", [CLASS_MEANS, CLASS_JACKKNIFE])
def test_one_class_gives_no_interval_over_classes(rule: object) -> None:
    """Nothing shows how classes differ."""
    found = estimate_metric(
        make_metric(compute_mean_per_class_top1, interval=rule), make_images([1, 7], [1, 1])
    )
    assert found is not None
    assert (found.low, found.high, found.method) == (None, None, "none")


def test_a_value_is_written_in_its_unit() -> None:
    """Percent for a share, as it is for a plain number."""
    plain = make_metric(lambda images: -0.5, unit=PLAIN, low=None)
    assert (TOP1.heading, TOP1.format_value(0.5)) == ("Top-1, %", "50.00")
    assert (plain.heading, plain.format_value(-0.5)) == ("Some", "−0.5000")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("imagenet-g", "doubting", "'top1' is built in, and doubting adds another one. Uninstall doubting"),
        ("one", "doubting", "two metrics 'top1', of one and of doubting. Uninstall one of these packages"),
        ("doubting", "doubting", "doubting has two metrics 'top1'. Rename one"),
    ],
)
def test_two_metrics_of_one_name_are_refused_with_their_packages(
    first: str, second: str, message: str
) -> None:
    """The second would hide the first; the message says what to do."""
    with pytest.raises(InputError, match=message):
        index_metrics([(first, TOP1), (second, TOP1)])


def test_only_what_is_in_percent_is_said_to_be() -> None:
    """A plain number stands in the same table."""
    sealed = Result.model_validate(json.loads(SEALED[0].read_bytes())["result"])
    extra = MetricEstimate(value=12.5, low=None, high=None, method="none", right=None)
    text = print_report(add_metrics(sealed, {"mystery": extra}))
    assert "top-1 in percent" in text
    assert "│ Top-5, % " in text
    assert "│ mystery (unknown metric) │ 12.5" in re.sub(r" +", " ", text)


def test_metrics_that_an_old_file_lacks_are_not_stored() -> None:
    """A row for each, so that a reader sees what there is to have."""
    text = print_report(Result.model_validate(json.loads(SEALED[0].read_bytes())["result"]))
    assert "NLL, nats" in text
    assert "not stored" in text


def test_a_folder_of_results_is_listed_where_one_is_wanted(tmp_path: Path) -> None:
    """`evaluate --out r` writes a folder for each model into r."""
    result = Result.model_validate(json.loads(SEALED[0].read_bytes())["result"])
    write_result(tmp_path / "one", result)
    write_result(tmp_path / "two", result)
    with pytest.raises(DataError, match=r"Name a result inside: \S*one, \S*two\."):
        load_result(tmp_path)


@pytest.mark.parametrize(
    ("module", "value", "words"),
    [
        ("", "doubting:DOUBT", "cannot be used"),
        ("1 / 0", "doubting:DOUBT", "failed with ZeroDivisionError"),
        ("DOUBT = [3]", "doubting:DOUBT", "names no Metric"),
    ],
)
def test_a_broken_package_is_named(
    module: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do."""
    monkeypatch.syspath_prepend(write_package(tmp_path, module, value))
    sys.modules.pop("doubting", None)
    with pytest.raises(InputError, match=f"doubting.*{words}"):
        load_metrics.__wrapped__()
    sys.modules.pop("doubting", None)
