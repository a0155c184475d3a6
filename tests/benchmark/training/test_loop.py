"""The training loop: seeded, resumable, and honest about its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.training.loop import (
    CHECKPOINT,
    LOG,
    Trained,
    run_training,
    use_weights,
)
from imagenet_g.benchmark.training.schedules import ScheduleSpec, find_rate
from imagenet_g.benchmark.training.states import Start


class Line:
    """Learns y = 2x + 1 from noisy points."""

    def __init__(self, *, fails_at: int | None = None, breaks_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.module = torch.nn.Linear(1, 1)
        self.steps = 0
        self._fails_at, self._breaks_at = fails_at, breaks_at

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Squared error."""
        self.steps += 1
        if self.steps == self._fails_at:
            raise KeyboardInterrupt
        x = torch.randn(batch_size, 1, generator=numbers)
        loss = (self.module(x) - 2 * x - 1).square().mean()
        return {"loss": loss * float("nan") if self.steps == self._breaks_at else loss}


def make_schedule(**changes: object) -> ScheduleSpec:
    """Sixty short steps."""
    given = {
        "steps": 60, "batch_size": 8, "learning_rate": 0.1, "warmup_steps": 5, "decay_share": 0.5,
        "weight_decay": 0.0, "average": 0.9, "log_every": 10, "save_every": 10, **changes,
    }  # fmt: skip
    return ScheduleSpec.model_validate(given)


def train(task: Line, folder: Path, schedule: ScheduleSpec | None = None, **more: object) -> Trained:
    """Run silently."""
    given: dict[str, object] = {"seed": 1, "inputs": {"data": "0"}, "say": lambda _: None, **more}
    return run_training(task, schedule or make_schedule(), folder, **given)  # type: ignore[arg-type]


def test_it_learns(tmp_path: Path) -> None:
    """Slope and intercept."""
    weights = train(Line(), tmp_path).weights
    assert weights["weight"].item() == pytest.approx(2, abs=0.1)
    assert weights["bias"].item() == pytest.approx(1, abs=0.1)


def test_an_interrupted_run_ends_at_the_same_weights(tmp_path: Path) -> None:
    """It goes on from the last checkpoint, and each step sees what it would have seen."""
    whole = train(Line(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(Line(fails_at=37), tmp_path / "cut")
    resumed = train(Line(), tmp_path / "cut")
    assert resumed.steps == whole.steps == 60
    assert all(torch.equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)


def test_another_seed_sees_other_examples(tmp_path: Path) -> None:
    """Or seeds would say nothing."""
    first = train(Line(), tmp_path / "a").weights["weight"]
    other = train(Line(), tmp_path / "b", seed=2)
    assert not torch.equal(first, other.weights["weight"])


def test_more_steps_go_on_from_a_finished_run(tmp_path: Path) -> None:
    """Only the new ones are taken."""
    train(Line(), tmp_path)
    task = Line()
    assert train(task, tmp_path, make_schedule(steps=75)).steps == 75
    assert task.steps == 15


def test_a_finished_run_takes_no_step(tmp_path: Path) -> None:
    """Asking again is free."""
    first = train(Line(), tmp_path)
    task = Line()
    again = train(task, tmp_path)
    assert task.steps == 0
    assert torch.equal(again.weights["weight"], first.weights["weight"])


def test_it_starts_from_given_weights_and_counts_their_steps(tmp_path: Path) -> None:
    """The record must say how long the weights were trained in all."""
    first = train(Line(), tmp_path / "a")
    task = Line()
    second = train(
        task, tmp_path / "b", make_schedule(steps=70), start=Start(first.weights, first.steps, 100.0)
    )
    assert (task.steps, second.steps) == (10, 70)
    assert second.seconds >= 100


def test_weights_of_another_recipe_are_refused(tmp_path: Path) -> None:
    """With what does not fit."""
    with pytest.raises(DataError, match="another recipe"):
        train(Line(), tmp_path, start=Start({"other": torch.zeros(1)}, 1, 1.0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": {"data": "1"}}, "data: '0' became '1'"),
        ({"seed": 2}, "seed: 1 became 2"),
        ({"schedule": make_schedule(learning_rate=0.2)}, "schedule.learning_rate: 0.1 became 0.2"),
        ({"schedule": make_schedule(batch_size=4)}, "schedule.batch_size: 8 became 4"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_run_that_was_begun_with_other_inputs_is_not_continued(
    tmp_path: Path, changes: dict[str, object], words: str, finished: bool
) -> None:
    """Its weights would come from both, and its record would name one."""
    if finished:
        train(Line(), tmp_path)
    else:
        with pytest.raises(KeyboardInterrupt):
            train(Line(fails_at=37), tmp_path)
    with pytest.raises(DataError, match=re.escape(words)):
        train(Line(), tmp_path, **changes)  # type: ignore[arg-type]


def test_how_often_it_reports_and_saves_may_change(tmp_path: Path) -> None:
    """No weight depends on it."""
    train(Line(), tmp_path)
    assert train(Line(), tmp_path, make_schedule(log_every=7, save_every=20)).steps == 60


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    """And the message says what to do."""
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(DataError, match="Delete it to start again"):
        train(Line(), tmp_path)


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    """Nothing of it is saved."""
    with pytest.raises(ModelError, match="step 24 is nan"):
        train(Line(breaks_at=25), tmp_path)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 20


def test_the_log_has_a_line_for_every_reported_step(tmp_path: Path) -> None:
    """In order, with the loss."""
    train(Line(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_the_log_of_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    """Each step once, although the first attempt wrote some of them."""
    schedule = make_schedule(save_every=50)
    with pytest.raises(KeyboardInterrupt):
        train(Line(fails_at=25), tmp_path, schedule)
    assert len((tmp_path / LOG).read_text().splitlines()) == 2
    train(Line(), tmp_path, schedule)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]


def test_the_rate_rises_stays_and_falls() -> None:
    """Warm-up over 5 steps, fall over the last half of 60."""
    rates = [find_rate(step, make_schedule()) for step in (0, 4, 20, 30, 45, 59)]
    assert rates == pytest.approx([0.2, 1, 1, 1, 0.5, 1 / 30])


def test_a_new_optimizer_warms_up_where_it_starts() -> None:
    """A run that goes on from weights takes its first step as gently as one from nothing."""
    schedule = make_schedule(decay_share=0.1)
    assert find_rate(40, schedule, since=40) == find_rate(0, schedule)


def test_an_interrupted_run_remembers_where_its_optimizer_started(tmp_path: Path) -> None:
    """Killed in the warm-up and gone on with, it ends at the same weights."""
    start = Start(train(Line(), tmp_path / "first", make_schedule(steps=20)).weights, 20, 1.0)
    schedule = make_schedule(warmup_steps=30, save_every=1)
    whole = train(Line(), tmp_path / "whole", schedule, start=start)
    with pytest.raises(KeyboardInterrupt):
        train(Line(fails_at=8), tmp_path / "killed", schedule, start=start)
    again = train(Line(), tmp_path / "killed", schedule, start=start)
    assert torch.equal(again.weights["weight"], whole.weights["weight"])


def test_samples_are_drawn_with_the_mean_weights(tmp_path: Path) -> None:
    """Those that will be kept."""
    seen: dict[int, torch.Tensor] = {}
    schedule = make_schedule(sample_every=30)
    trained = train(
        Line(), tmp_path, schedule, sample=lambda weights, step: seen.update({step: weights["bias"].clone()})
    )
    assert sorted(seen) == [30, 60]
    assert torch.equal(seen[60], trained.weights["bias"])


def test_borrowed_weights_are_given_back() -> None:
    """Whatever happens in between."""
    module = torch.nn.Linear(1, 1)
    own = module.weight.clone()
    borrowed = {"weight": torch.ones(1, 1), "bias": torch.zeros(1)}
    with pytest.raises(RuntimeError, match="x"), use_weights(module, borrowed):
        assert module.weight.item() == 1
        raise RuntimeError("x")
    assert torch.equal(module.weight, own)
