"""Time by step of a build, and an executor that does its work at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Spent:
    """Seconds of a step.

    Attributes:
        wall: As a clock on the wall shows them.
        cpu: Of all threads of the process, which is steadier beside other work.
    """

    wall: float = 0.0
    cpu: float = 0.0


class StepClock:
    """Adds up the time of each step; for one thread."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = defaultdict(Spent)

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Add what happens inside to a step."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.spent[step].wall += time.perf_counter() - wall
            self.spent[step].cpu += time.process_time() - cpu

    def wrap(self, step: str, function: Callable[P, R]) -> Callable[P, R]:
        """A function whose calls are added to a step.

        Example:
            >>> clock = StepClock()
            >>> clock.wrap("size", len)("abc"), list(clock.spent)
            (3, ['size'])
        """

        def run(*words: P.args, **options: P.kwargs) -> R:
            with self.time(step):
                return function(*words, **options)

        return run


class TurnExecutor(Executor):
    """Does each piece of work in the calling thread, at the moment it is handed in.

    What is written for threads then runs one step after the other, on the same data with the same functions.

    Args:
        clock: Adds up the time of the work.
        step: The step that the work belongs to.

    Attributes:
        step: The same; may be set anew.

    Example:
        >>> with TurnExecutor(StepClock(), "size") as pool:
        ...     pool.submit(len, "abc").result()
        3
    """

    def __init__(self, clock: StepClock, step: str) -> None:
        self._clock, self.step = clock, step

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """The result of the work, or its error."""
        future: Future[R] = Future()
        try:
            future.set_result(self._clock.wrap(self.step, fn)(*args, **kwargs))
        # As the executors of Python do: the error is raised where the result is asked for.
        except Exception as error:
            future.set_exception(error)
        return future
