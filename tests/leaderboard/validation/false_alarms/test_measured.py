"""The bounds of the checks against what honest models were measured to reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from submission_cases import ROOT

from imagenet_g.baselines.recipes.specs import list_runs, load_recipe
from imagenet_g.leaderboard.validation.false_alarms.measured import (
    HEADER,
    MeasuredReach,
    Reach,
    load_measured,
    record_reaches,
)
from imagenet_g.leaderboard.validation.false_alarms.table import (
    BOUNDED,
    PAIRS,
    BoundedCheck,
    format_bounds,
    format_table,
)
from imagenet_g.leaderboard.validation.likeness import highest
from imagenet_g.leaderboard.validation.plausibility import rates

UNBOUNDED = {"same first answer", "equal rows", "error consistency"}
LITE = sorted((ROOT / "mini").glob("*lite*/*.parquet"))


@pytest.mark.parametrize("bounded", BOUNDED, ids=lambda one: one.check)
def test_no_bound_is_within_what_honest_models_reach(bounded: BoundedCheck) -> None:
    """In any set of models that was measured; at least one set was measured in each check."""
    found = [row for row in load_measured() if row.reach.check == bounded.check]
    assert found
    for row in found:
        assert bounded.is_honest(row.reach.decided), row


def test_a_bound_within_them_is_seen() -> None:
    """A check of either side; the comparison itself can fail."""
    same_five, *_, leap = BOUNDED
    assert (same_five.above, leap.above) == (True, False)
    assert not same_five.is_honest(same_five.bound)
    assert not leap.is_honest(leap.bound - 0.01)


def test_every_measured_check_has_its_bound() -> None:
    """So that none is measured and then compared with nothing."""
    assert {row.reach.check for row in load_measured()} == {one.check for one in BOUNDED} | UNBOUNDED


def test_the_kin_are_as_many_as_is_stated() -> None:
    """25 models, and 300 pairs on each of four splits."""
    (kin,) = [row for row in load_measured() if row.models == "kin-mini" and row.reach.check == PAIRS]
    assert (kin.num_models, kin.reach.comparisons) == (25, 1200)


def test_the_recipe_trains_as_many_as_were_measured() -> None:
    """Of each architecture every seed, all on the same images."""
    recipe = load_recipe("kin-mini")
    assert len(list_runs(recipe)) == 25
    assert len(recipe.mixes) == 1


def test_the_tables_of_the_document_are_those_that_the_code_prints() -> None:
    """Line by line, with the bounds and the measurements of today."""
    document = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    printed = [*format_table(load_measured()), *format_bounds(load_measured())]
    assert len(printed) > len(BOUNDED) + 4
    for line in printed:
        assert line in document


def test_a_set_with_a_model_beyond_a_bound_has_no_upper_bound() -> None:
    """Nor has one of which some models were not on every split."""
    rows = [
        MeasuredReach(name, 4, Reach("same five answers in order", 0.5, decided, pairs, "a"))
        for name, decided, pairs in (("good", 0.1, 12), ("alike", 0.4, 12), ("parts", 0.1, 7))
    ]
    cases = [MeasuredReach(name, 4, Reach("rows of several together", 0, 0, 8, "a"))
             for name in ("good", "alike", "parts")]  # fmt: skip
    *_, last = lines = list(format_bounds([*rows, *cases]))
    assert len(lines) == 3
    # 1 - 0.05 ** (1 / n) of 12 pairs, 2 of them without a common model, and 4 models.
    assert last == "| good (4) | 12 | 22.09 % | 77.64 % | 52.71 % |"


def test_a_measurement_made_again_replaces_the_old_one(tmp_path: Path) -> None:
    """Of the same models and check alone."""
    path = tmp_path / "honest.csv"
    first = [Reach("one", 0.25, 0.2, 3, "a, b"), Reach("two", 1, 1, 3, "b")]
    record_reaches(path, "ours", 3, first)
    record_reaches(path, "theirs", 4, first[:1])
    record_reaches(path, "ours", 5, [Reach("one", 0.5, 0.4, 10, "c")])
    rows = [(row.models, row.num_models, row.reach.check, row.reach.extreme) for row in load_measured(path)]
    assert rows == [("ours", 3, "two", 1.0), ("theirs", 4, "one", 0.25), ("ours", 5, "one", 0.5)]
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(HEADER)


def test_both_scripts_write_what_they_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three networks: likeness in pairs, and the tests that need no other model."""
    path = tmp_path / "honest.csv"
    words = [*map(str, LITE), "--record", "lite", "--into", str(path)]
    assert highest.main(words) == 0
    assert rates.main([*words, "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    rows = load_measured(path)
    assert {row.num_models for row in rows} == {3}
    kept = {row.reach.check: row.reach for row in rows}
    assert f"{100 * kept['same wrong answer, of both wrong'].extreme:.1f} %" in printed
    assert f"{kept['images close to a tie'].extreme:.2f}" in printed
    # The lower end of an interval lies below its share, and the greatest that few allow above it.
    assert kept["same wrong answer, of both wrong"].decided < kept["same wrong answer, of both wrong"].extreme
    assert kept["images close to a tie"].decided > kept["images close to a tie"].extreme
