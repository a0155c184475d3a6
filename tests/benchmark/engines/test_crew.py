"""How tasks are dealt out, and what becomes of those whose process dies."""

from __future__ import annotations

import pytest

from imagenet_g.benchmark.engines.crew import MAX_DEATHS, run_tasks
from imagenet_g.benchmark.engines.tasks import Death, ModelReport, Task, WorkReport, plan_tasks

DONE = ModelReport(path=None, parts=(), failure=None, computed=1)


@pytest.mark.parametrize("num_processes", [1, 2, 3, 8])
@pytest.mark.parametrize("num_models", [1, 2, 7, 16, 100])
def test_every_row_of_every_model_is_dealt_out_once(num_models: int, num_processes: int) -> None:
    """Whole, or in as many shares as there are processes."""
    shares: dict[int, list[float]] = {number: [] for number in range(num_models)}
    for task in plan_tasks(num_models, num_processes):
        for number in task.models:
            shares[number].append(1.0 if task.share is None else 1 / task.share.of)
    assert all(sum(parts) == pytest.approx(1) for parts in shares.values())


@pytest.mark.parametrize("num_processes", [2, 3, 8])
@pytest.mark.parametrize("num_models", [1, 5, 16, 100])
def test_no_process_has_more_to_do_than_another(num_models: int, num_processes: int) -> None:
    """As many tasks go around as there are processes, each time of one size."""
    tasks = plan_tasks(num_models, num_processes)
    sizes = [len(task.models) * (1.0 if task.share is None else 1 / task.share.of) for task in tasks]
    rounds = [sizes[first : first + num_processes] for first in range(0, len(sizes), num_processes)]
    assert all(len(one) == num_processes and max(one) == min(one) for one in rounds)


class DyingCrew:
    """Two processes that die with some models, as often as `deaths` says."""

    size = 2

    def __init__(self, deaths: dict[int, int]) -> None:
        self.deaths = deaths
        self.at_work: dict[int, Task] = {}

    def start(self, number: int, task: Task) -> None:
        """Keep the task."""
        self.at_work[number] = task

    def wait(self) -> tuple[int, WorkReport | Death]:
        """A task, done or lost with its process."""
        number, task = self.at_work.popitem()
        for model in task.models:
            if self.deaths.get(model, 0):
                self.deaths[model] -= 1
                return number, Death("cpu", "signal 9")
        return number, WorkReport(models=(DONE,) * len(task.models))

    def close(self) -> None:
        """Nothing."""


def run_dying(deaths: dict[int, int]) -> tuple[dict[int, ModelReport], list[str]]:
    """What became of four models, and what was said."""
    found: dict[int, ModelReport] = {}
    said: list[str] = []

    def receive(task: Task, report: WorkReport) -> None:
        found.update(zip(task.models, report.models, strict=True))

    run_tasks(DyingCrew(deaths), [Task((0, 1)), Task((2, 3))], receive, said.append)
    return found, said


def test_the_task_of_a_dead_process_is_done_again() -> None:
    """One sentence, and every model has its report."""
    found, said = run_dying({1: 1})
    assert sorted(found) == [0, 1, 2, 3]
    assert not any(report.failure for report in found.values())
    assert said == [
        "The process on 'cpu' died (signal 9), perhaps out of memory; its rows are run again, from its last "
        "finished part on."
    ]


def test_a_model_that_kills_its_process_each_time_fails_alone() -> None:
    """The other model of its task is run apart from it."""
    found, said = run_dying({1: 99})
    assert [number for number, report in found.items() if report.failure] == [1]
    assert len(said) == MAX_DEATHS - 1
