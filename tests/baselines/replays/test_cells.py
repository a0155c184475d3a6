"""Probes, features, distances by CLIP and plots of an experiment: as the commands have them, kept, drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from scipy.stats import ttest_1samp, ttest_rel

from imagenet_g.baselines.feature_analysis.run import FeatureRequest, run_features
from imagenet_g.baselines.probing.scoring import ProbeAnswers
from imagenet_g.baselines.replays.cells import checking
from imagenet_g.baselines.replays.cells.distances import measure_distances
from imagenet_g.baselines.replays.cells.encoded import (
    EncodedCells,
    count_answers_by_class,
    measure_encoded,
    open_encoded,
)
from imagenet_g.baselines.replays.cells.planning import FIT_SECONDS, count_cells
from imagenet_g.baselines.replays.cells.plots import chart_experiment, draw_plot, embed_plot
from imagenet_g.baselines.replays.cells.specs import Measure
from imagenet_g.baselines.replays.evaluating import ReplayPlace
from imagenet_g.baselines.replays.experiment_files import load_experiments
from imagenet_g.baselines.replays.experiment_page import format_number
from imagenet_g.baselines.replays.experiments import ExperimentSpec
from imagenet_g.baselines.replays.outcomes import MeasuredExperiment, judge_experiment, list_numbers
from imagenet_g.baselines.replays.records import NumberRecord
from imagenet_g.baselines.replays.rows import MeasuredRow
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.distances.run import DistanceRequest, run_distance
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.splits.references import parse_split_ref

MODELS = ("timm:packaged:mini-resnet-s", "timm:packaged:mini-vit-s")
VIEW = "mini/renditions:noto-v1-drawn-104"
DISTANCES = {
    "reference": "mini/real",
    "reference_row": "base",
    "rows": [{"row": "drawn", "ref": VIEW}],
    "clips": [{"column": "c", "clip": "open_clip:packaged:mini-clip"}],
    "per_class": 8,
}


class Quiet:
    """A listener that ignores all it is told."""

    def say(self, text: str) -> None:
        """Ignored."""

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """Ignored."""

    def start_prompts(self, model: str) -> None:
        """Ignored."""

    def advance(self, done: int, total: int) -> None:
        """Ignored."""


def make_experiment(**changes: object) -> ExperimentSpec:
    """Two rows, with what a test changes."""
    content: dict[str, object] = {
        "name": "e",
        "title": "t",
        "figures": ["Fig. 1"],
        "measures": ["top-1"],
        "trained": [
            {"recipe": "six-prompts-mini", "models": ["mini-efficientnet"], "mixes": ["real", "sd-l"]}
        ],
        "columns": [{"column": name, "ref": VIEW} for name in ("A", "B", "C")],
    }
    return ExperimentSpec.model_validate(content | changes)


ENCODED = make_experiment(
    measures=["probe", "sparsity", "coding length", "coding length at length 1"],
    columns=[{"column": "Noto of before", "ref": VIEW}],
    probes=[{"column": "New", "set": "mini-new-classes"}],
    trials=1,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> ReplayPlace:
    """A place with a cache of its own."""
    folder = tmp_path_factory.mktemp("cells")
    return ReplayPlace(
        data={},
        settings=RunSettings(device="cpu", workers=1),
        out=folder / "out",
        cache=Cache(folder / "cache"),
        listener=Quiet(),
    )


@pytest.fixture(scope="module")
def encoded(place: ReplayPlace) -> EncodedCells:
    """Two models as two runs."""
    return measure_encoded(place, ENCODED, open_encoded(place, ENCODED), MODELS, [0, 1])


def test_right_answers_of_probes_are_counted_by_class(place: ReplayPlace, encoded: EncodedCells) -> None:
    """Against a loop over the stored answers of both runs."""
    counts = encoded.probes["New"]
    assert counts.right.shape == (2, 71)
    assert counts.total.sum() == 150
    found = []
    for path in (place.cache.folder / "probes").rglob("answers/*.parquet"):
        right = [0.0] * 71
        for row in pq.read_table(path).to_pylist():
            right[row["label"]] += row["label"] == row["answer_0"]
        found.append(right)
    assert sorted(found) == sorted(counts.right.tolist())


def test_probes_on_other_images_are_not_added() -> None:
    """Their right answers would be counted for classes of other images."""
    labels, answers = np.array([0, 1]), np.array([[0, 1]])
    one, other = (
        ProbeAnswers(names, labels, answers, np.zeros(2, bool)) for names in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(DataError, match="tested on other images"):
        count_answers_by_class([one, other], 2)


def test_features_are_those_of_the_command(place: ReplayPlace, encoded: EncodedCells) -> None:
    """`imagenet-g features` on the same models and split, by both normalisations of the coding length."""
    request = FeatureRequest(
        models=MODELS,
        splits=(parse_split_ref(VIEW),),
        cache=place.cache.folder,
        settings=place.settings,
    )
    report = run_features(request, Quiet())
    compared: tuple[tuple[Measure, str, bool], ...] = (
        ("sparsity", "sparsity", True),
        ("coding length", "coding length", False),
        ("coding length at length 1", "coding length", True),
    )
    for measure, name, normalised in compared:
        expected = [
            one.value
            for analysis in report.analyses
            for one in analysis.measures
            if (one.name, one.normalised) == (name, normalised)
        ]
        assert encoded.values[measure, "Noto of before"].tolist() == expected


def test_probes_and_features_are_found_again(place: ReplayPlace, encoded: EncodedCells) -> None:
    """No file of the cache is written a second time."""
    files = {path: path.stat().st_mtime_ns for path in place.cache.folder.rglob("*") if path.is_file()}
    answers = {path: time for path, time in files.items() if path.suffix in (".parquet", ".npz", ".jsonl")}
    again = measure_encoded(place, ENCODED, open_encoded(place, ENCODED), MODELS, [0, 1])
    assert {path: path.stat().st_mtime_ns for path in answers} == answers
    assert {path for path in place.cache.folder.rglob("*") if path.is_file()} == {*files}
    assert again.probes["New"].right.tolist() == encoded.probes["New"].right.tolist()


def test_distances_are_those_of_the_command(place: ReplayPlace) -> None:
    """Means of the classes, of the split and of the reference's own images."""
    spec = make_experiment(
        trained=[],
        columns=[],
        measures=["CLIP similarity", "Mahalanobis distance"],
        distances={**DISTANCES, "components": 3},
    )
    assert spec.distances is not None
    base, drawn = measure_distances(place, spec.distances, spec.measures)
    request = DistanceRequest(
        split=parse_split_ref(VIEW),
        reference=parse_split_ref("mini/real"),
        clips=("open_clip:packaged:mini-clip",),
        cache=place.cache.folder,
        settings=place.settings,
        per_class=8,
        num_components=3,
        protocol="paper",
    )
    found = run_distance(request, Quiet())[0].measures[0]
    rows = [MeasuredRow(name=one.name, models=np.zeros(1, int), classes=one.classes) for one in (base, drawn)]
    numbers = list_numbers(MeasuredExperiment(spec=spec, rows=rows))
    expected = [
        found.cosine_reference,
        found.cosine_split,
        found.mahalanobis_reference,
        found.mahalanobis_split,
    ]
    assert [(one.value, one.low, one.high) for one in numbers] == [
        (mean.value, mean.low, mean.high) for mean in expected if mean is not None
    ]
    # Eight points in three dimensions, measured from the fit that they made: an identity of arithmetic.
    assert numbers[2].value == pytest.approx((3 * 7 / 8) ** 0.5, rel=0.05)


def test_too_few_images_for_a_distance_are_one_message(place: ReplayPlace) -> None:
    """As the covariance of the paper needs more images than dimensions."""
    spec = make_experiment(
        trained=[],
        measures=["Mahalanobis distance"],
        distances=DISTANCES,
    )
    assert spec.distances is not None
    with pytest.raises(InputError, match="'base' has no Mahalanobis distance for 101 classes, such as n"):
        measure_distances(place, spec.distances, spec.measures)


def judge(spec: ExperimentSpec, rows: Sequence[MeasuredRow]) -> tuple[float, float, float]:
    """The only difference of a claim, with its interval."""
    ((comparison,),) = (
        claim.comparisons for claim in judge_experiment(MeasuredExperiment(spec=spec, rows=rows))
    )
    assert comparison.low is not None and comparison.high is not None
    return comparison.value, comparison.low, comparison.high


def make_claimed(measure: str, **changes: object) -> ExperimentSpec:
    """One column, and the claim that the first row is higher."""
    claim = {"kind": "rows", "text": "c", "source": "s", "measure": measure, "order": ["real", "sd-l"]}
    column = [{"column": "A", "ref": VIEW}]
    return make_experiment(measures=[measure], claims=[claim], columns=column, **changes)


def test_features_of_two_rows_are_compared_by_students_t_over_seeds() -> None:
    """Against scipy's paired test, and its interval of one row."""
    rng, models = np.random.default_rng(0), np.zeros(4, int)
    values = [rng.normal(3, 1, 4), rng.normal(2, 1, 4)]
    rows = [
        MeasuredRow(name=name, models=models, values={("redundancy", "A"): one})
        for name, one in zip(("real", "sd-l"), values, strict=True)
    ]
    spec = make_claimed("redundancy")
    expected = ttest_rel(values[0], values[1]).confidence_interval()
    assert judge(spec, rows) == pytest.approx((np.mean(values[0] - values[1]), expected.low, expected.high))
    first = list_numbers(MeasuredExperiment(spec=spec, rows=rows))[0]
    alone = ttest_1samp(values[0], 0).confidence_interval()
    assert first.seeds == 4
    assert [first.low, first.high] == pytest.approx([alone.low, alone.high])


def test_probes_of_two_rows_are_compared_on_the_same_images() -> None:
    """The difference of the accuracies, with an interval that is narrower than of unpaired images."""
    rng, total = np.random.default_rng(0), np.full(40, 5.0)
    right = rng.binomial(5, np.linspace(0.1, 0.9, 40), (3, 40)).astype(float)
    better = np.minimum(right + rng.binomial(1, 0.3, (3, 40)), 5)
    rows = [
        MeasuredRow(name=name, models=np.zeros(3, int), probes={"P": RunCounts(right=one, total=total)})
        for name, one in (("real", better), ("sd-l", right))
    ]
    spec = make_claimed("probe", probes=[{"column": "P", "set": "digits"}])
    value, low, high = judge(spec, rows)
    assert value == pytest.approx((better.sum() - right.sum()) / 600)
    assert 0 < low < value < high
    number = list_numbers(MeasuredExperiment(spec=spec, rows=rows))[0]
    assert number.low is not None and number.high is not None
    assert high - low < number.high - number.low


def test_distances_of_two_rows_are_compared_class_by_class() -> None:
    """Over the classes that both have; a shift that all classes share is nearly certain."""
    rng = np.random.default_rng(0)
    first = {f"n{number:08d}": float(value) for number, value in enumerate(rng.normal(0.8, 0.1, 50))}
    second = {wnid: value - 0.05 - 0.001 * (number % 3) for number, (wnid, value) in enumerate(first.items())}
    del second["n00000007"]
    rows = [
        MeasuredRow(name=name, models=np.zeros(1, int), classes={("CLIP similarity", "c"): one})
        for name, one in (("base", first), ("x", second))
    ]
    spec = ExperimentSpec.model_validate(
        {
            "name": "e", "title": "t", "figures": ["f"], "measures": ["CLIP similarity"],
            "distances": {"reference": "mini/real", "reference_row": "base",
                          "rows": [{"row": "x", "ref": "mini/real"}],
                          "clips": [{"column": "c", "clip": "c"}]},
            "claims": [{"kind": "rows", "text": "c", "source": "s", "measure": "CLIP similarity",
                        "order": ["base", "x"]}],
        }
    )  # fmt: skip
    value, low, high = judge(spec, rows)
    assert 0.05 < low < value < high < 0.052
    assert value == pytest.approx(np.mean([first[wnid] - second[wnid] for wnid in second]))


LINES = {"kind": "lines", "measure": "top-1"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measures": ["probe"]}, "no columns for probe"),
        ({"measures": ["CLIP similarity"]}, "no columns for CLIP similarity"),
        ({"probes": [{"column": "P", "set": "digits"}] * 2, "measures": ["probe"]}, "the column 'P' twice"),
        (
            {
                "distances": {
                    "reference": "mini/real", "reference_row": "b",
                    "rows": [{"row": "r", "ref": VIEW}], "clips": [{"column": "c", "clip": "c"}],
                },
            },
            "distances of splits and no models",
        ),
        ({"plot": {"kind": "spider", "measure": "gap"}}, "draws gap, which is not measured"),
        ({"plot": LINES}, "needs lines"),
        ({"plot": {"kind": "spider", "measure": "loss"}}, "is drawn by 'lines'"),
        (
            {"plot": {"kind": "spider", "measure": "top-1"}, "columns": [{"column": "A", "ref": VIEW}]},
            "needs three columns",
        ),
        (
            {"plot": LINES | {"x": [1], "lines": [{"label": "l", "rows": ["real", "sd-l"]}]}},
            "has 2 rows for 1 places",
        ),
        (
            {"plot": LINES | {"x": [1, 2], "lines": [{"label": "l", "rows": ["real", "reel"]}]}},
            "names 'reel', which is not one of real, sd-l",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    """When the file is read."""
    with pytest.raises(ValueError, match=re.escape(message)):
        make_experiment(**changes)


def test_a_library_that_is_missing_is_one_message_before_any_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(checking, "find_spec", lambda name: None if name == "optuna" else object())
    with pytest.raises(InputError, match=r"needs optuna. Install it: pip install 'imagenet-g\[probe\]'"):
        checking.require_extras(ENCODED)
    monkeypatch.setattr(checking, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs matplotlib.*plots"):
        checking.require_extras(make_experiment(plot={"kind": "spider", "measure": "top-1"}))


def test_a_plan_counts_images_of_sets_and_splits_and_the_fits() -> None:
    """Of each model; distances count every split once a CLIP, at most 128 images a class."""
    found = count_cells(ENCODED, [0.01, 0.02], clip_seconds=1.0, count_images=lambda ref, limit: 100)
    assert (found.images, found.fits) == (2 * (248 + 150 + 100), 2 * 2)
    assert found.seconds == pytest.approx((248 + 150 + 100) * 0.03 + 4 * FIT_SECONDS)
    (distances,) = (one for one in load_experiments("three-papers-mini").experiments if one.distances)
    far = count_cells(distances, [], clip_seconds=0.1, count_images=lambda ref, limit: 10 + (limit or 0))
    assert (far.images, far.fits) == (5 * 138, 0)
    assert far.seconds == pytest.approx(69.0)


def make_numbers(spec: ExperimentSpec, measure: Measure = "top-1") -> list[NumberRecord]:
    """A number a cell, from 0.01 upwards."""
    cells = [(row, column) for row in spec.rows for column in spec.list_columns(measure)]
    return [
        make_number(measure, row=row, column=column, value=0.01 * (number + 1))
        for number, (row, column) in enumerate(cells)
    ]


def make_number(measure: Measure, *, row: str = "r", column: str = "c", value: float = 0.5) -> NumberRecord:
    """A number with an interval."""
    return NumberRecord(
        row=row, column=column, measure=measure, value=value, low=0.5 * value, high=1.5 * value, seeds=3
    )


def draw(spec: ExperimentSpec, measure: Measure = "top-1") -> Figure:
    """The figure on a canvas."""
    canvas = Figure(figsize=(7, 6))
    chart_experiment(spec, make_numbers(spec, measure)).draw(canvas)
    return canvas


def test_a_spider_plot_has_an_axis_a_column_and_a_closed_line_a_row() -> None:
    """Each axis ends at a round number that its label names."""
    (axes,) = draw(make_experiment(plot={"kind": "spider", "measure": "top-1"})).axes
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["A\nto 4", "B\nto 5", "C\nto 6"]
    real, generated = axes.get_lines()
    assert real.get_ydata() == pytest.approx([1 / 4, 2 / 5, 3 / 6, 1 / 4])
    assert generated.get_ydata() == pytest.approx([4 / 4, 5 / 5, 6 / 6, 4 / 4])
    assert [real.get_label(), generated.get_label()] == ["real", "sd-l"]


def test_lines_have_a_panel_a_column_and_stand_at_their_places() -> None:
    """In percent, set apart by less than a step."""
    plot = {
        "kind": "lines", "measure": "top-1", "x": [10, 20], "x_label": "share",
        "lines": [{"label": "l", "rows": ["real", "sd-l"]}],
    }  # fmt: skip
    panels = draw(make_experiment(plot=plot)).axes
    assert [axes.get_title() for axes in panels] == ["A", "B", "C", ""]
    data = panels[1].get_lines()[0]
    assert data.get_xdata() == pytest.approx([10, 20])
    assert data.get_ydata() == pytest.approx([2.0, 5.0])


def test_losses_are_drawn_by_step_with_a_line_a_row() -> None:
    """In nats."""
    spec = make_experiment(measures=["loss"], steps=[10, 50], plot={"kind": "lines", "measure": "loss"})
    (axes,) = draw(spec, "loss").axes
    assert axes.get_legend_handles_labels()[1] == ["real", "sd-l"]
    assert axes.get_lines()[0].get_ydata() == pytest.approx([0.01, 0.02])


def test_a_figure_is_the_same_bytes_again_and_the_page_names_it(tmp_path: Path) -> None:
    """With a text for whoever does not see it."""
    spec = make_experiment(plot={"kind": "spider", "measure": "top-1"})
    first, second = (draw_plot(spec, make_numbers(spec), tmp_path / name) for name in ("1", "2"))
    assert first.read_bytes() == second.read_bytes()
    assert embed_plot(spec) == (
        "![Spider plot of top-1: an axis for each of A, B, C, a line for each of real, sd-l. The table has "
        f"its numbers.]({first.relative_to(tmp_path / '1').as_posix()})"
    )


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        ("probe", "50.0 [25.0, 75.0]"),
        ("CLIP similarity", "50.0 [25.0, 75.0]"),
        ("Mahalanobis distance", "0.500 [0.250, 0.750]"),
        ("coding length", "0.500 [0.250, 0.750]"),
    ],
)
def test_a_number_is_printed_in_its_unit(measure: Measure, text: str) -> None:
    """Shares in percent, all else as it is."""
    assert format_number(make_number(measure)) == text
