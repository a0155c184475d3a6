"""Experiments of papers: files that are refused, numbers and claims from counts, a slice that is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from baseline_cases import write_model_list
from noisy_models import run_command
from recipe_cases import write_recipe
from replay_cases import MODELS, write_split

from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.baselines.replays.columns import ColumnSpec
from imagenet_g.baselines.replays.counting import ColumnCounts
from imagenet_g.baselines.replays.experiment_files import list_experiments, load_experiments
from imagenet_g.baselines.replays.experiment_page import format_experiments
from imagenet_g.baselines.replays.experiments import ExperimentsSpec
from imagenet_g.baselines.replays.outcomes import (
    MeasuredExperiment,
    judge_experiment,
    list_numbers,
)
from imagenet_g.baselines.replays.records import ExperimentsRecord
from imagenet_g.baselines.replays.rows import MeasuredRow
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.robustness.points import BaselinePoints

SPEC = """
schema_version = 2
name = "tiny-papers"
title = "A test"
notice = "Numbers that mean nothing."
reference = "{clean}"
link = "linear"
baseline = "{baseline}"

[[experiments]]
name = "mixes"
title = "Two mixes"
published = ["imagenet-g-paper/table-1"]
measures = ["top-1", "gap", "robustness"]
trained = [{{ recipe = "{recipe}", models = ["small"], mixes = ["half", "real"] }}]
columns = [{{ column = "Drawn", ref = "{easy}" }}]

[[experiments.claims]]
kind = "rows"
measure = "gap"
order = ["half", "real"]
text = "Half of each is better"
source = "a test"

[[experiments.claims]]
kind = "rows"
measure = "robustness"
order = ["half", "real"]
text = "Half of each is more robust"
source = "a test"

[[experiments]]
name = "curves"
title = "Their loss"
figures = ["Fig. 11"]
measures = ["loss"]
steps = [2, 4]
trained = [{{ recipe = "{recipe}", models = ["small"], mixes = ["half"] }}]

[[experiments]]
name = "ready"
title = "Two ready models"
published = ["imagenet-g-paper/table-9", "imagenet-g-paper/table-10"]
measures = ["gap", "top-1"]
reference = "{clean}"
ready = [{{ row = "weaker", model = "{models[0]}" }}, {{ row = "stronger", model = "{models[1]}" }}]
columns = [
    {{ column = "Clean", ref = "{clean}", measures = ["top-1"] }},
    {{ column = "A", ref = "{easy}" }},
    {{ column = "B", ref = "{hard}" }},
    {{ column = "Kept", ref = "{kept}" }},
]

[[experiments.claims]]
kind = "sign"
measure = "gap"
expected = "below 0"
columns = ["A", "B"]
text = "They fall"
source = "a test"

[[experiments.claims]]
kind = "columns"
measure = "top-1"
order = ["A", "B"]
text = "B is harder"
source = "a test"

[[experiments.claims]]
kind = "sign"
measure = "gap"
expected = "below 0"
columns = ["Kept"]
text = "They fall on filtered images too"
source = "a test"

[[experiments.claims]]
kind = "sign"
measure = "gap"
rows = ["stronger"]
columns = ["A"]
text = "The best one is exempt on A"
source = "a test"
"""


@dataclass(frozen=True)
class Case:
    """Experiments over one recipe and ready models, which were run."""

    spec: Path
    out: Path

    @property
    def record(self) -> ExperimentsRecord:
        """What was found."""
        return ExperimentsRecord.model_validate_json((self.out / "replay.json").read_bytes())

    @property
    def page(self) -> str:
        """What is read."""
        return (self.out / "replay.md").read_text(encoding="utf-8")

    def run(self, *words: str) -> int:
        """The command."""
        return run_command(
            "baselines", "replay", str(self.spec), "--out", str(self.out), "--cache", str(self.out / "cache"),
            "--device", "cpu", "--threads", "1", *words,
        )  # fmt: skip


def write_experiments(folder: Path) -> Path:
    """A file of three experiments, its recipe of four steps with pictures, and splits to measure on."""
    recipe = write_recipe(folder, steps=4)
    path = folder / "experiments.toml"
    # Easy for every model, hard for every model, or what a filter would keep.
    harder = {"clean": 0, "easy": 60, "hard": 140, "kept": -60}
    splits = {
        name: write_split(folder / name, harder=by, seed=seed)
        for seed, (name, by) in enumerate(harder.items())
    }
    path.write_text(
        SPEC.format(
            recipe=recipe,
            baseline=write_model_list(folder, "readers", list(MODELS), training_data="reference-train"),
            models=[f"python:{name}" for name in MODELS[2:4]],
            **splits,
        )
    )
    return path


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Run once, with both seeds of the recipe."""
    folder = tmp_path_factory.mktemp("experiments")
    found = Case(write_experiments(folder), folder / "out")
    assert found.run() == 0
    return found


def test_every_row_has_its_cells(case: Case) -> None:
    """Mixes by columns and measures, and steps of the loss."""
    mixes, curves, ready = case.record.experiments
    assert [(cell.row, cell.column, cell.measure, cell.seeds) for cell in mixes.numbers] == [
        (row, "Drawn", measure, 2) for measure in ("top-1", "gap", "robustness") for row in ("half", "real")
    ]
    assert [(cell.column, cell.measure) for cell in curves.numbers] == [
        ("step 2", "loss"),
        ("step 4", "loss"),
    ]
    assert [(cell.row, cell.column) for cell in ready.numbers if cell.measure == "gap"] == [
        (row, column) for row in ("weaker", "stronger") for column in ("A", "B", "Kept")
    ]
    # The clean set has no gap; its accuracy stands in front of the others, as in print.
    assert [cell.column for cell in ready.numbers if cell.measure == "top-1"] == [
        *("Clean", "A", "B", "Kept"),
        *("Clean", "A", "B", "Kept"),
    ]
    assert [claim.text for claim in mixes.claims] == [
        "Half of each is better",
        "Half of each is more robust",
    ]


def test_the_gap_of_a_ready_model_is_that_of_its_result_file(case: Case) -> None:
    """With its interval: nothing is computed in two ways."""
    results = [load_result(path) for path in case.out.glob("results/ready/ready/*/result.json")]
    found = {
        entry.split.ref: entry.gaps[0]
        for result in results
        if result.model.spec.endswith(MODELS[3])
        for entry in result.entries
        if entry.gaps
    }
    spec = load_experiments(str(case.spec)).experiments[2]
    refs = {column.column: column.splits[0] for column in spec.columns}
    numbers = [one for one in case.record.experiments[2].numbers if one.row == "stronger"]
    for number in numbers:
        if number.measure == "gap":
            gap = found[refs[number.column]]
            assert (number.value, number.low, number.high) == pytest.approx((gap.value, gap.low, gap.high))


def test_a_column_may_be_the_clean_set(case: Case) -> None:
    """Its number is the accuracy that the result file has on it, with its interval."""
    results = [load_result(path) for path in case.out.glob("results/ready/ready/*/result.json")]
    clean = load_experiments(str(case.spec)).reference
    expected = {
        choose_headline(entry).top1
        for result in results
        for entry in result.entries
        if entry.split.ref == clean
    }
    numbers = case.record.experiments[2].numbers
    found = [(one.value, one.low, one.high) for one in numbers if one.column == "Clean"]
    assert len(found) == 2
    assert sorted(found) == [
        pytest.approx((one.value, one.low, one.high)) for one in sorted(expected, key=lambda one: one.value)
    ]


def test_claims_about_ready_models_that_hold_are_said_to(case: Case) -> None:
    """The splits were made so that both models fall, B is harder, and what is kept is easy."""
    verdicts = {claim.text: claim.verdict for claim in case.record.experiments[2].claims}
    assert verdicts == {
        "They fall": "agrees",
        "B is harder": "agrees",
        "They fall on filtered images too": "disagrees",
        "The best one is exempt on A": "disagrees",
    }


def test_a_claim_is_about_the_rows_and_columns_it_names(case: Case) -> None:
    """One model on one split of the cells of the table."""
    claim = case.record.experiments[2].claims[-1]
    assert [(one.label, one.column, one.expected) for one in claim.comparisons] == [
        ("stronger", "A", "above 0")
    ]


def test_answers_are_counted_by_column(case: Case) -> None:
    """A split that is easier does not hide behind one that is harder."""
    assert "- A: 2 as expected, 0 contrary, 0 open; each tested alone: 2 as expected" in case.page


def test_trained_models_are_held_against_the_line_of_the_ready_ones(case: Case) -> None:
    """Five models, measured on the same images; the trained ones lie far below them, which is said."""
    (line,) = case.record.experiments[0].lines.values()
    assert line.startswith("line through 5 models of 5 families, linear link, r2 ")
    assert line.endswith("; extrapolated for half, real")
    assert f"- Drawn: {line}" in case.page


def test_what_a_model_was_trained_on_is_declared(case: Case) -> None:
    """So that its results are flagged on images of the same generator."""
    results = [load_result(path) for path in case.out.glob("results/trained/**/result.json")]
    declared = {result.model.generated_training_data for result in results}
    assert declared == {(), ("packaged:mini-sd-2",)}


def test_every_number_of_the_page_has_its_interval(case: Case) -> None:
    """In every cell that holds a percentage, of one decimal; p-values have four."""
    rows = [line for line in case.page.splitlines() if re.match(r"\| (weaker|stronger|half|real)", line)]
    cells = [cell for row in rows for cell in row.split("|")[2:-1] if re.search(r"\d\.\d(?!\d)", cell)]
    assert len(cells) > 20
    assert all(re.search(r"\[.+, .+\]", cell) for cell in cells)


def test_a_training_that_two_experiments_share_is_made_once(case: Case) -> None:
    """Two mixes by two seeds."""
    assert len(list((case.out / "training").rglob("training.json"))) == 4


def test_running_again_trains_and_runs_nothing(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is the same but for its time."""
    before = case.page
    weights = {path: path.stat().st_mtime_ns for path in case.out.rglob("checkpoint.pt")}
    assert case.run() == 0
    assert "step 2 of" not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in case.out.rglob("checkpoint.pt")} == weights
    pattern = r"\d{4}-\d\d-\d\dT[0-9:+]+"
    assert re.sub(pattern, "", case.page) == re.sub(pattern, "", before)


def test_the_page_has_numbers_claims_and_the_papers_table(case: Case) -> None:
    """And says what the intervals are over."""
    assert "Intervals over 2 seeds and the images." in case.page
    assert "| half | " in case.page
    assert "| imagenet-g-paper, Table 1 | Half of each is better | a test |" in case.page
    assert "### Half of each is better" in case.page
    assert "| Real + Generated Data | 14.88 |" in case.page
    assert "recipe tiny" in case.page
    # 21 classes of three and 21 of two: all the real ones.
    assert f"drawn from 105 images of folder:{case.spec.parent / 'pictures' / 'real'}, recipe" in case.page


def test_the_page_says_which_columns_are_filtered_otherwise_than_the_clean_set(case: Case) -> None:
    """Part of their gap is the filter's."""
    assert "otherwise than the clean images" not in case.page
    mixes, *others = case.record.experiments
    filtered = mixes.model_copy(update={"filtered_unlike": ("Drawn",)})
    record = case.record.model_copy(update={"experiments": (filtered, *others)})
    page = format_experiments(record, load_experiments(str(case.spec)), load_papers())
    assert "Filtered by a score otherwise than the clean images: Drawn. Part of that gap is" in page


def test_the_page_has_the_papers_tables_whole(case: Case) -> None:
    """Every cell as printed, and what is wrong in print below."""
    assert "| 94.49 | 79.93 (-14.93) \\[1\\] | 58.87 (-35.62) | 76.87 (-17.62) |" in case.page
    assert "79.93 less 94.49 is -14.56" in case.page


def test_a_page_can_be_made_again_from_the_file(case: Case) -> None:
    """It is a function of the record, the file and the published tables."""
    assert format_experiments(case.record, load_experiments(str(case.spec)), load_papers()) == case.page


def test_the_page_names_the_splits_of_a_mean(case: Case) -> None:
    """And no other column's."""
    spec = load_experiments(str(case.spec))
    columns = (ColumnSpec(column="Drawn", refs=("my-c/fog", "my-c/snow")),)
    mixes = spec.experiments[0].model_copy(update={"columns": columns})
    changed = spec.model_copy(update={"experiments": (mixes, *spec.experiments[1:])})
    page = format_experiments(case.record, changed, load_papers())
    assert re.search(r"^- Drawn: the mean over 2 splits, .*: my-c/fog, my-c/snow$", page, re.MULTILINE)
    assert "each weighing the same" not in case.page


def test_a_plan_counts_each_training_once(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are finished cost nothing."""
    assert case.run("--dry-run") == 0
    text = capsys.readouterr().out
    assert "mixes: 4 trainings, 4 of them its own (4 finished), 16 steps, under 1 min" in text
    assert "curves: 2 trainings, 0 of them its own (0 finished), 0 steps" in text
    assert "in all: 4 trainings, 16 steps" in text


def test_a_slice_takes_one_experiment_and_one_seed(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a plan too."""
    other = Case(case.spec, tmp_path / "out")
    assert other.run("--dry-run", "--only", "curves", "--seeds", "1") == 0
    text = capsys.readouterr().out
    assert "in all: 1 trainings, 4 steps" in text
    assert "mixes" not in text
    assert other.run("--only", "curves", "--seeds", "1") == 0
    (found,) = other.record.experiments
    assert (found.name, other.record.most_seeds) == ("curves", 1)
    assert [number.seeds for number in found.numbers] == [1, 1]
    assert "At most 1 seeds of each recipe were taken." in other.page
    assert "Two ready models" not in other.page


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("imagenet-g-paper/table-1", "imagenet-g-paper/table-0", "imagenet-g-paper/table-0"),
        ('mixes = ["half", "real"]', 'mixes = ["half", "reel"]', "reel"),
        ('models = ["small"]', 'models = ["smal"]', "smal"),
        (
            'order = ["half", "real"]',
            'order = ["half", "reel"]',
            "names 'reel', which is not one of",
        ),
        ('order = ["half", "real"]', 'order = ["half"]', "needs an order of two rows"),
        ('measure = "gap"', 'measure = "loss"', "is about loss, which 'mixes' does not measure"),
        ('measure = "gap"', 'measure = "gaps"', "measure"),
        ('kind = "rows"', 'kind = "columns"', "compares columns"),
        ("readers.toml", "drawm.toml", "drawm"),
        (
            "schema_version = 2",
            "schema_version = 1",
            "cannot be used: schema_version 1 is no longer",
        ),
        (
            '{ column = "A", ',
            '{ column = "A", measures = ["loss"], ',
            "is for loss, which 'ready' does not",
        ),
        (', measures = ["top-1"] }', " }", "column 'Clean' is the clean set itself and has no gap"),
        ('columns = ["Kept"]', 'columns = ["Clean"]', "names 'Clean', which is not one of A, B, Kept"),
        ("steps = [2, 4]", "steps = [3]", "logs every 2 steps"),
        ('name = "curves"', 'name = "mixes"', "is there twice"),
        ('figures = ["Fig. 11"]', "", "names no printed table or figure"),
        ('measures = ["loss"]', 'measures = ["top-1"]', "no columns for top-1"),
    ],
)
def test_a_name_that_there_is_not_is_refused_when_the_file_is_read(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Before anything is trained."""
    path = write_experiments(tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ImagenetGError, match=re.escape(message)):
        load_experiments(str(path))


def test_what_has_to_be_made_first_is_said_at_once_with_its_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it in one message, before anything is trained; a plan says what it could not count."""
    path = write_experiments(tmp_path)
    text = path.read_text().replace('link = "linear"', 'link = "linear"\nmake = { my-c = "A", my-d = "B" }')
    kinds = ", ".join(f'"my-{name}/fog"' for name in "cd")
    path.write_text(text.replace(f'ref = "folder:{tmp_path / "easy"}"', f"refs = [{kinds}]"))
    case = Case(path, tmp_path / "out")
    with pytest.raises(InputError, match=r"\(my-c: A; my-d: B\). Then add --data my-c=DIR --data my-d=DIR"):
        case.run()
    assert not list(case.out.rglob("checkpoint.pt"))
    assert case.run("--dry-run") == 0
    assert "Not here, and counted as no images to evaluate: my-c, my-d." in capsys.readouterr().out


def test_a_baseline_too_small_for_a_line_is_refused_when_the_file_is_read(tmp_path: Path) -> None:
    """It is needed after all trainings."""
    path = write_experiments(tmp_path)
    write_model_list(tmp_path, "readers", list(MODELS[:1]), training_data="reference-train")
    with pytest.raises(InputError, match="1 models that may be in a fit; a line needs 5"):
        load_experiments(str(path))


def test_without_a_name_the_shipped_files_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One in each line."""
    assert run_command("baselines", "replay") == 0
    assert tuple(capsys.readouterr().out.split()) == list_experiments()


def test_a_name_that_there_is_not_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """Of a file, and of an experiment."""
    with pytest.raises(UnknownNameError, match=list_experiments()[0]):
        run_command("baselines", "replay", "four-papers", "--out", str(tmp_path))
    with pytest.raises(UnknownNameError, match="curve"):
        run_command("baselines", "replay", str(write_experiments(tmp_path)), "--dry-run", "--only", "curve")


@pytest.mark.parametrize("name", list_experiments())
def test_a_shipped_file_of_experiments_loads(name: str) -> None:
    """Every name in it is known, and no claim has the text of another."""
    spec = load_experiments(name)
    texts = [claim.text for experiment in spec.experiments for claim in experiment.claims]
    assert len(set(texts)) == len(texts) > 5


ROOT = Path(__file__).parents[3]
CLASSES = 30
TOTAL = np.full(CLASSES, 10.0)


def make_row(name: str, rate: float, *, seed: int) -> MeasuredRow:
    """Three runs that are right at a rate, and half as often on the shifted images."""
    rng = np.random.default_rng(seed)
    clean, shifted = (
        RunCounts(right=rng.binomial(10, share, (3, CLASSES)).astype(float), total=TOTAL)
        for share in (rate, rate / 2)
    )
    return MeasuredRow(
        name=name,
        models=np.zeros(3, int),
        counts={"Shift": ColumnCounts(shifted=shifted, clean=clean)},
    )


def make_measured(claim: str) -> MeasuredExperiment:
    """Two rows, of which the first is better, with one claim."""
    text = f"""
    name = "e"
    title = "t"
    figures = ["Fig. 1"]
    measures = ["top-1", "gap", "robustness"]
    trained = [{{ recipe = "imagenet-g-100-mini", models = ["mini-resnet"], mixes = ["both", "real"] }}]
    columns = [{{ column = "Shift", ref = "mini/real" }}]
    claims = [{{ text = "c", source = "s", {claim} }}]
    """
    import tomllib

    spec = ExperimentsSpec.model_validate(
        {
            "schema_version": 2, "name": "n", "title": "t", "notice": "n", "reference": "mini/real",
            "link": "linear", "baseline": "drawn", "experiments": [tomllib.loads(text)],
        }
    )  # fmt: skip
    top1 = np.linspace(0.3, 0.9, 8)
    points = BaselinePoints(
        baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",), models=tuple("abcdefgh"),
        families=tuple("stuvwxyz"), reference=top1[:, None],
        shifted=0.5 * top1 + np.array([0.01, -0.01] * 4), reference_n=(2000,), shifted_n=2000,
    )  # fmt: skip
    return MeasuredExperiment(
        spec=spec.experiments[0],
        rows=[make_row("both", 0.8, seed=0), make_row("real", 0.5, seed=1)],
        lines={"Shift": points},
        link="linear",
    )


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ('kind = "rows", measure = "top-1", order = ["both", "real"]', "agrees"),
        ('kind = "rows", measure = "top-1", order = ["real", "both"]', "disagrees"),
        ('kind = "rows", measure = "gap", order = ["real", "both"]', "agrees"),
        ('kind = "sign", measure = "gap", expected = "below 0"', "agrees"),
        ('kind = "sign", measure = "gap", expected = "above 0"', "disagrees"),
        # Both lie on the line, whose slope is a half.
        ('kind = "rows", measure = "robustness", order = ["both", "real"]', "open"),
    ],
)
def test_a_claim_is_decided_by_its_difference(claim: str, verdict: str) -> None:
    """Of rows, or with 0."""
    (found,) = judge_experiment(make_measured(claim))
    assert found.verdict == verdict


def test_effective_robustness_is_what_lies_above_the_line_run_by_run() -> None:
    """Against numpy's least squares, and its interval holds it."""
    measured = make_measured('kind = "sign", measure = "gap"')
    points = measured.lines["Shift"]
    slope, start = np.polyfit(points.reference[:, 0], points.shifted, 1)
    found = [number for number in list_numbers(measured) if number.measure == "robustness"]
    for number, row in zip(found, measured.rows, strict=True):
        counts = row.counts["Shift"]
        clean, shifted = (one.right.sum(axis=1) / TOTAL.sum() for one in (counts.clean, counts.shifted))
        assert number.value == pytest.approx(float(np.mean(shifted - (slope * clean + start))))
        assert number.low is not None and number.high is not None
        assert number.low < number.value < number.high


def test_no_code_of_the_baselines_knows_a_version_by_name() -> None:
    """Versions, splits and recipes are data."""
    known = re.compile(r"""["'](mini|v1|v2)(-\w+)?(/|["'])""")
    paths = sorted((ROOT / "baselines").rglob("*.py"))
    assert len(paths) > 30
    found = [
        f"{path.name}: {line.strip()}"
        for path in paths
        for line in path.read_text(encoding="utf-8").splitlines()
        if known.search(line)
    ]
    assert found == []


def test_the_shipped_page_is_that_of_the_shipped_file_and_record() -> None:
    """Of a whole run: every experiment of the file, all seeds, and every figure that the page shows."""
    spec = load_experiments("three-papers-mini")
    folder = ROOT / "baselines"
    record = ExperimentsRecord.model_validate_json((folder / "replay.json").read_bytes())
    assert record.spec_sha256 == hash_json(spec.model_dump(mode="json"))
    assert record.most_seeds is None
    assert [one.name for one in record.experiments] == [one.name for one in spec.experiments]
    page = (folder / "MINIATURE.md").read_text(encoding="utf-8")
    assert page == format_experiments(record, spec, load_papers())
    shown = re.findall(r"\]\((plots/.+\.png)\)", page)
    assert shown
    assert all((folder / name).is_file() for name in shown)
