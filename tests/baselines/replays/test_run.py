"""A paper's experiments again: tables, claims and a page, from data alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from baseline_cases import write_model_list
from noisy_models import run_command
from replay_cases import write_replay

from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.baselines.replays.claims import (
    compute_difference,
)
from imagenet_g.baselines.replays.page_parts import format_page
from imagenet_g.baselines.replays.records import ComparisonRecord, ReplayRecord
from imagenet_g.baselines.replays.specs import list_replays, load_replay
from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.predictions.result_files import load_result

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Case:
    """A replay that was run."""

    spec: Path
    out: Path

    @property
    def record(self) -> ReplayRecord:
        """What was found."""
        return ReplayRecord.model_validate_json((self.out / "replay.json").read_bytes())

    @property
    def page(self) -> str:
        """What is read."""
        return (self.out / "replay.md").read_text(encoding="utf-8")


def run_case(spec: Path, out: Path) -> int:
    """The command."""
    return run_command(
        "baselines", "replay", str(spec), "--out", str(out), "--cache", str(out / "cache"),
        "--device", "cpu", "--threads", "1",
    )  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Two models on two splits and a filtered one, two mixtures under one shift."""
    folder = tmp_path_factory.mktemp("replay")
    spec = write_replay(folder)
    assert run_case(spec, folder / "out") == 0
    return Case(spec, folder / "out")


def test_every_cell_of_every_table_is_there(case: Case) -> None:
    """Models by splits, mixtures by shifts."""
    record = case.record
    assert [(cell.row[-1], cell.column) for cell in record.gaps] == [
        ("2", "A"), ("2", "B"), ("3", "A"), ("3", "B"),
    ]  # fmt: skip
    assert [(cell.row[-1], cell.column) for cell in record.filtered] == [("2", "B"), ("3", "B")]
    assert [(cell.row, cell.column) for cell in record.training] == [
        ("real", "Shift"), ("both of them", "Shift"),
    ]  # fmt: skip


def test_a_cell_is_the_entry_of_the_result_file(case: Case) -> None:
    """Nothing is computed twice in two ways."""
    results = [load_result(path) for path in (case.out / "gaps").glob("*/result.json")]
    entries = {(r.model.spec, e.split.ref): e for r in results for e in r.entries}
    for cell in case.record.gaps:
        assert cell.entry == entries[cell.row, cell.entry.split.ref]


def test_claims_that_hold_are_said_to(case: Case) -> None:
    """The splits were made so that both models fall, B is harder, and the filter keeps what is easy."""
    verdicts = {claim.text: claim.verdict for claim in case.record.claims}
    assert verdicts["They fall"] == "agrees"
    assert verdicts["B is harder"] == "agrees"
    # What the filter kept is easier than the clean images.
    assert verdicts["They fall on filtered images too"] == "disagrees"
    assert verdicts["The best one is exempt on A"] == "disagrees"


def test_a_claim_is_about_the_rows_and_columns_it_names(case: Case) -> None:
    """One model on one split of the four cells of the table."""
    (claim,) = (one for one in case.record.claims if one.text.startswith("The best one"))
    assert [(it.label[-1], it.column, it.expected) for it in claim.comparisons] == [("3", "A", "above 0")]


def test_answers_are_counted_by_column(case: Case) -> None:
    """A split that is easier does not hide behind one that is harder."""
    assert "- A: 2 as expected, 0 contrary, 0 open; each tested alone: 2 as expected" in case.page


def test_without_training_the_tables_of_standard_models_are_the_same(case: Case, tmp_path: Path) -> None:
    """And nothing is said about mixtures."""
    out = tmp_path / "out"
    assert run_command(
        "baselines", "replay", str(case.spec), "--out", str(out), "--cache", str(case.out / "cache"),
        "--device", "cpu", "--threads", "1", "--no-training",
    ) == 0  # fmt: skip
    found = ReplayRecord.model_validate_json((out / "replay.json").read_bytes())
    kept = [claim for claim in case.record.claims if "More" not in claim.text]
    assert found.training == ()
    assert found.claims == tuple(kept)
    assert "Not run: no model was trained for this page" in (out / "replay.md").read_text()


def test_trained_models_are_held_against_the_line_of_the_standard_ones(case: Case) -> None:
    """Five models, and what a mixture was trained on is declared."""
    for cell in case.record.training:
        (found,) = cell.entry.effective_robustness
        assert (found.baseline, found.num_models, found.link) == ("tiny-models", 5, "linear")
    results = [load_result(path) for path in (case.out / "training" / "results").glob("*/result.json")]
    declared = {result.model.generated_training_data for result in results}
    assert declared == {(), ("toy",)}


def test_running_again_trains_and_runs_nothing(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """All models and predictions are kept; the page is the same but for its time."""
    before = case.page
    assert run_case(case.spec, case.out) == 0
    assert "step 1 of" not in capsys.readouterr().err
    pattern = r"\d{4}-\d\d-\d\dT[0-9:+]+"
    assert re.sub(pattern, "", case.page) == re.sub(pattern, "", before)


def test_the_page_has_the_papers_tables_whole(case: Case) -> None:
    """Every cell as printed, and what is wrong in print below."""
    assert "\n## Table 9: accuracy gap on generated images\n" in case.page
    assert "\n## Table 1: trained on real images, on generated ones, on both\n" in case.page
    assert "| 94.49 | 79.93 (-14.93) \\[1\\] | 58.87 (-35.62) | 76.87 (-17.62) |" in case.page
    assert "79.93 less 94.49 is -14.56" in case.page
    assert "| Real + Generated Data | 14.88 | 16.68 | 0.47 | 2.28 | 8.55 \\[1\\] |" in case.page


def test_a_printed_table_that_there_is_not_is_said_before_anything_runs(case: Case, tmp_path: Path) -> None:
    """It is read last, when the page is written."""
    path = tmp_path / "wrong.toml"
    path.write_text(case.spec.read_text().replace("imagenet-g-paper/table-10", "imagenet-g-paper/table-11"))
    with pytest.raises(UnknownNameError, match="imagenet-g-paper/table-11"):
        run_case(path, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("result.json"))


def test_every_number_of_the_page_has_its_interval(case: Case) -> None:
    """In every cell of the three tables that holds a percentage, of one decimal; p-values have four."""
    rows = [line for line in case.page.splitlines() if re.match(r"\| (`python:|real|both)", line)]
    cells = [cell for row in rows for cell in row.split("|")[2:-1] if re.search(r"\d\.\d(?!\d)", cell)]
    assert len(cells) > 20
    assert all(re.search(r"\[.+, .+\]", cell) for cell in cells)


def test_a_page_can_be_made_again_from_the_file(case: Case) -> None:
    """It is a function of the record, the recipe and the published tables."""
    assert format_page(case.record, load_replay(str(case.spec)), load_papers()) == case.page


def count(right: list[int], total: list[int]) -> SetCounts:
    """Counts of the first classes."""
    arrays = [np.zeros(1000), np.zeros(1000)]
    for array, values in zip(arrays, (right, total), strict=True):
        array[: len(values)] = values
    return SetCounts(right=arrays[0], total=arrays[1])


def test_a_difference_is_taken_on_the_classes_both_have() -> None:
    """A class only one of them has says nothing."""
    value, interval = compute_difference(count([5, 5, 0], [10, 10, 10]), count([1, 1], [10, 10]))
    assert value == pytest.approx(0.4)
    assert interval is not None and interval[0] <= 0.4 <= interval[1]


def test_the_interval_of_a_difference_is_that_of_paired_classes() -> None:
    """Against the t interval of the mean difference of many classes of equal size."""
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(0)
    hard = rng.uniform(0.2, 0.8, 300)
    ours, theirs = (rng.binomial(20, np.clip(hard + shift, 0, 1)) for shift in (0.1, 0))
    value, interval = compute_difference(count(ours.tolist(), [20] * 300), count(theirs.tolist(), [20] * 300))
    expected = ttest_1samp((ours - theirs) / 20, 0).confidence_interval()
    assert value == pytest.approx(float(np.mean(ours - theirs)) / 20)
    assert interval == pytest.approx((expected.low, expected.high), abs=0.004)


def test_a_replay_of_before_still_loads() -> None:
    """Its comparisons have no p-values."""
    old = {"label": "x", "value": 0.1, "low": 0.05, "high": 0.2, "expected": "above 0", "answer": "yes"}
    found = ComparisonRecord.model_validate(old)
    assert (found.column, found.p_value, found.p_holm) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('columns = ["A"]', 'columns = ["C"]', "names 'C', which is not one of A, B"),
        ('order = ["both of them", "real"]', 'order = ["both", "real"]', "names 'both'"),
        ('order = ["both of them", "real"]', 'order = ["real"]', "needs an order of two mixtures"),
        ('kind = "filtered-gap"', 'kind = "filter"', "kind"),
    ],
)
def test_a_claim_that_cannot_be_answered_is_refused(
    case: Case, tmp_path: Path, old: str, new: str, message: str
) -> None:
    """When the file is read."""
    path = tmp_path / "wrong.toml"
    path.write_text(case.spec.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        load_replay(str(path))


def test_a_claim_about_robustness_has_the_interval_of_the_pair(case: Case) -> None:
    """And the difference of the two records."""
    (claim,) = (one for one in case.record.claims if one.text == "More is more robust")
    (found,) = claim.comparisons
    real, both = (cell.entry.effective_robustness[0] for cell in case.record.training)
    assert found.value == pytest.approx(both.value - real.value)
    assert found.low is not None and found.high is not None
    assert (found.low + found.high) / 2 == pytest.approx(found.value)


def test_a_claim_about_a_column_there_is_not_is_refused(case: Case, tmp_path: Path) -> None:
    """And the known ones are named."""
    path = tmp_path / "wrong.toml"
    path.write_text(case.spec.read_text().replace('first = "B"', 'first = "C"'))
    with pytest.raises(InputError, match=r"claim 'B is harder' names 'C', which is not one of A, B"):
        load_replay(str(path))


def test_a_misspelt_model_is_said_before_anything_runs(case: Case, tmp_path: Path) -> None:
    """Training takes longest and comes last."""
    path = tmp_path / "wrong.toml"
    path.write_text(case.spec.read_text().replace('model = "tiny-net"', 'model = "tiny-nett"'))
    with pytest.raises(UnknownNameError, match="tiny-nett"):
        run_case(path, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("result.json"))


@pytest.mark.parametrize(
    ("models", "words"), [(None, "drawm"), (["replay_cases:make_model_0"], "1 models that may be in a fit")]
)
def test_a_set_without_a_line_is_said_before_anything_runs(
    case: Case, tmp_path: Path, models: list[str] | None, words: str
) -> None:
    """A misspelt one, or one of too few models."""
    own = case.spec.parent / "tiny-models.toml"
    other = (
        "drawm"
        if models is None
        else str(write_model_list(tmp_path, "few", models, training_data="reference-train"))
    )
    path = tmp_path / "wrong.toml"
    path.write_text(case.spec.read_text().replace(f'baseline = "{own}"', f'baseline = "{other}"'))
    with pytest.raises(ImagenetGError, match=words):
        run_case(path, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("result.json"))


@pytest.mark.parametrize("name", list_replays())
def test_a_shipped_replay_loads(name: str) -> None:
    """Its recipe has the model it trains."""
    spec = load_replay(name)
    assert spec.name == name
