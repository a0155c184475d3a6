"""What is done, failed and left, and how long the rest takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.naming.facts import ModelFacts, make_exact
from imagenet_g.benchmark.sweeps.choosing import ChosenModel
from imagenet_g.benchmark.sweeps.journal import (
    JOURNAL_NAME,
    DoneRecord,
    FailedRecord,
    Journal,
    load_journal,
)
from imagenet_g.benchmark.sweeps.states import estimate_seconds, find_state

ASKED, OTHER = "a" * 64, "b" * 64


def make_model(name: str, *, size: float | None = 1e6, pixels: int | None = 100) -> ChosenModel:
    """A chosen model of a size."""
    facts = ModelFacts(
        library="timm", name=name, num_parameters=make_exact(size), input_size=make_exact(pixels)
    )
    return ChosenModel(name, name, facts)


def make_done(seconds: float | None = 0.5, asked: str = ASKED) -> DoneRecord:
    """A record of 100 images."""
    return DoneRecord(asked=asked, folder="x", predictions={}, num_images=100, seconds_per_image=seconds)


def make_failed(asked: str = ASKED) -> FailedRecord:
    """A record of a failure."""
    return FailedRecord(asked=asked, error="no weights", failed_utc="2026-01-01T00:00:00+00:00")


def test_a_larger_model_is_expected_to_take_longer() -> None:
    """In the ratio of parameters times pixels: 4 times the parameters, twice the side."""
    measured = [(make_model("a"), make_done())]
    left = [make_model("b", size=4e6, pixels=200)]
    assert estimate_seconds(left, measured) == pytest.approx(100 * 0.5 * 16)


def test_no_model_is_expected_below_the_fastest_measured_one() -> None:
    """Images must be read and decoded for the smallest model, too."""
    measured = [(make_model("a"), make_done())]
    assert estimate_seconds([make_model("b", size=1e3)], measured) == pytest.approx(100 * 0.5)


def test_a_model_of_unknown_size_counts_as_the_median() -> None:
    """Better than to leave it out of the sum."""
    measured = [(make_model(str(seconds)), make_done(seconds)) for seconds in (1.0, 2.0, 9.0)]
    assert estimate_seconds([make_model("b", size=None)], measured) == pytest.approx(200)


@pytest.mark.parametrize("records", [[], [make_done(None)]])
def test_before_anything_is_measured_the_time_is_unknown(records: list[DoneRecord]) -> None:
    """Also where all that is done came from the cache of a run without a time."""
    measured = [(make_model("a"), record) for record in records]
    assert estimate_seconds([make_model("b")], measured) is None
    assert estimate_seconds([], measured) == 0


def test_failures_stay_until_they_are_tried_again() -> None:
    """And a failure of another question is none of this one."""
    models = [make_model("a"), make_model("b")]
    journal = Journal(failed={"a": make_failed(), "b": make_failed(OTHER)})
    state = find_state(models, journal, ASKED, Path())
    assert ([model.spec for model, _ in state.failed], [m.spec for m in state.left]) == (["a"], ["b"])
    assert len(find_state(models, journal, ASKED, Path(), retry=True).left) == 2


def test_a_model_that_a_dead_process_left_runs_last() -> None:
    """It may have ended the process, and must not do so before the others had their turn."""
    models = [make_model("a"), make_model("b")]
    assert [m.spec for m in find_state(models, Journal(running=("a",)), ASKED, Path()).left] == ["b", "a"]


def test_a_result_that_is_gone_is_not_done(tmp_path: Path) -> None:
    """Whatever the journal says."""
    record = DoneRecord(
        asked=ASKED, folder="x", predictions={"s": OTHER}, num_images=1, seconds_per_image=None
    )
    state = find_state([make_model("a")], Journal(done={"a": record}), ASKED, tmp_path)
    assert len(state.left) == 1


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    """With the next step."""
    (tmp_path / JOURNAL_NAME).write_text("{")
    with pytest.raises(DataError, match="Remove it and run the same command again"):
        load_journal(tmp_path)
