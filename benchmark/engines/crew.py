"""Processes that take tasks, and how tasks are dealt out to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from imagenet_g.benchmark.engines.tasks import Death, Failure, ModelReport, Task, WorkReport, split_models

MAX_DEATHS = 3
"""Deaths of its process after which a task has failed."""


class Crew(Protocol):
    """Processes that take one task each at a time.

    Attributes:
        size: How many they are.
    """

    size: int

    def start(self, number: int, task: Task) -> None:
        """Give a task to a process that has none; a dead one is replaced first."""

    def wait(self) -> tuple[int, WorkReport | Death]:
        """The next process that is done with its task, and what became of it."""

    def close(self) -> None:
        """End all processes."""


Receive = Callable[[Task, WorkReport], None]


def run_tasks(crew: Crew, tasks: Sequence[Task], receive: Receive, say: Callable[[str], None]) -> None:
    """Do all tasks; one whose process dies is done again, and one that does so again and again has failed.

    Args:
        crew: The processes.
        tasks: The tasks, first to last.
        receive: Called in this process with each task and what became of it.
        say: Takes a sentence for the user.

    Raises:
        ImagenetGError: What concerns no single model.
    """
    waiting = deque(tasks)
    at_work: dict[int, Task] = {}
    while waiting or at_work:
        for number in range(crew.size):
            if waiting and number not in at_work:
                at_work[number] = waiting.popleft()
                crew.start(number, at_work[number])
        number, report = crew.wait()
        task = at_work.pop(number)
        if isinstance(report, Death):
            _bury(task, report, waiting, receive, say)
        elif report.failure is not None:
            raise report.failure.make_error()
        else:
            receive(task, report)


def _bury(
    task: Task, death: Death, waiting: deque[Task], receive: Receive, say: Callable[[str], None]
) -> None:
    what = f"The process on '{death.place}' died ({death.reason}), perhaps out of memory"
    if task.attempt + 1 < MAX_DEATHS:
        say(f"{what}; its rows are run again, from its last finished part on.")
        waiting.extend(split_models(task))
        return
    failure = Failure(
        "ModelError",
        f"{what}, {MAX_DEATHS} times with this model. Finished parts of its rows are kept: run the "
        "same command again to continue, with a smaller --batch-size or fewer --devices where memory is "
        "short.",
    )
    receive(task, WorkReport(models=tuple(ModelReport(None, (), failure, 0) for _ in task.models)))
