"""What one process does at a time: some models on all splits, all rows of them or a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark import errors
from imagenet_g.benchmark.composing.row_shares import RowShare
from imagenet_g.benchmark.errors import ImagenetGError, ModelError

MAX_GROUP = 8
"""Models of a task: they share the reading of images, and are lost together where their process dies."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one process.

    Attributes:
        models: Numbers of the models in the request.
        share: Which share of each split's rows; None for all, scored by the process itself.
        attempt: How often its process died before.
    """

    models: tuple[int, ...]
    share: RowShare | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on its way from another process: those of libraries may not survive it.

    Attributes:
        kind: Name of its class in `errors`.
        message: What it says.
    """

    kind: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What to send of an error."""
        if isinstance(error, ImagenetGError):
            return cls(type(error).__name__, str(error))
        return cls("ModelError", f"A process failed with {type(error).__name__}: {error}")

    def make_error(self) -> ImagenetGError:
        """The error again; of a class that takes more than a message, the one above it.

        Example:
            >>> Failure.of(errors.FetchError("no network")).make_error()
            FetchError('no network')
            >>> Failure.of(errors.UnknownNameError("link", "logti", ["logit"])).make_error()
            InputError("Unknown link 'logti'. Did you mean 'logit'? Known: logit.")
        """
        if self.kind == "UnknownNameError":
            return errors.InputError(self.message)
        kind = getattr(errors, self.kind, ModelError)
        return kind(self.message) if issubclass(kind, ImagenetGError) else ModelError(self.message)


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What became of one model of a task.

    Attributes:
        path: Its result file; None where it failed, and for a share.
        parts: Files of its share of the rows.
        failure: Why it failed.
        computed: How many splits had to be run.
    """

    path: Path | None
    parts: tuple[Path, ...]
    failure: Failure | None
    computed: int


@dataclass(frozen=True, slots=True)
class WorkReport:
    """What became of a task.

    Attributes:
        models: Of each of its models.
        failure: Why nothing of it could be done: a split that is missing there, a full disk.
    """

    models: tuple[ModelReport, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended in the middle of its task.

    Attributes:
        place: Where it ran, such as "cuda:1".
        reason: How it ended, such as "signal 9".
    """

    place: str
    reason: str


def plan_tasks(num_models: int, num_processes: int) -> list[Task]:
    """Tasks that keep all processes at work to the end.

    Many models are dealt out whole, in groups: each process then loads its own. Those that do not go around
    evenly, and few models, are split by rows, one share a process.

    Args:
        num_models: How many models there are.
        num_processes: How many processes.

    Example:
        >>> [(task.models, task.share) for task in plan_tasks(3, 2)]
        [((0,), None), ((1,), None), ((2,), RowShare(number=1, of=2)), ((2,), RowShare(number=2, of=2))]
    """
    size = max(1, min(MAX_GROUP // num_processes, num_models // num_processes))
    whole = num_models - num_models % (size * num_processes)
    tasks = [Task(tuple(range(first, first + size))) for first in range(0, whole, size)]
    rest = tuple(range(whole, num_models))
    return tasks + (split_rows(rest, num_processes) if rest else [])


def split_rows(models: Sequence[int], num_shares: int) -> list[Task]:
    """Tasks with a share of the rows each."""
    return [Task(tuple(models), RowShare(number, num_shares)) for number in range(1, num_shares + 1)]


def split_models(task: Task) -> list[Task]:
    """What is run after the process of a task died: each model apart, so that one costs the others nothing.

    Example:
        >>> [(task.models, task.attempt) for task in split_models(Task((3, 4)))]
        [((3,), 1), ((4,), 1)]
    """
    return [Task((model,), task.share, task.attempt + 1) for model in task.models]
