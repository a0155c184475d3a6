"""Progress of an evaluation on the terminal: images done, images/s, time left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from imagenet_g.benchmark.terminal.tables import make_console
from imagenet_g.benchmark.terminal.text import escape_controls, escape_lines, indent_message


class SpeedColumn(ProgressColumn):
    """Images or prompts a second, as "123 images/s"."""

    def render(self, task: Task) -> Text:
        """The speed of the last stretch, empty before the first batch."""
        speed = task.finished_speed or task.speed
        return Text(
            "" if speed is None else f"{speed:.0f} {task.fields['unit']}/s", style="progress.data.speed"
        )


def _make_progress() -> Progress:
    return Progress(
        TextColumn(
            "{task.description}",
            # The default is to read the description as markup.
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=34),
        ),
        BarColumn(bar_width=10),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        SpeedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=make_console(error=True),
    )


class ProgressListener:
    """Shows what an evaluation does; use it as a context manager."""

    def __init__(self) -> None:
        self._progress = _make_progress()
        self._task: TaskID | None = None
        self._started = False

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        # Not wrapped: a name that is cut in two cannot be copied.
        self._progress.console.print(Text(escape_lines(indent_message(text))), soft_wrap=True)

    def add_lane(self) -> ProgressListener:
        """A listener with bars of its own in the same display, for one of several processes."""
        lane = ProgressListener()
        lane._progress = self._progress
        return lane

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """Begin a bar of so many of a unit; its length follows with the first `advance`."""
        self._start(f"{model} on {split}", unit=unit)

    def start_prompts(self, model: str) -> None:
        """Begin a bar for the prompts of a zero-shot model."""
        self._start(f"{model}: its prompts", unit="prompts")

    def _start(self, title: str, *, unit: str) -> None:
        self._task = self._progress.add_task(escape_controls(title), total=None, unit=unit)
        self._started = False

    def advance(self, done: int, total: int) -> None:
        """Move the bar of the split begun last."""
        if self._task is None:
            return
        if not self._started:
            # Rows resumed from an earlier run must not count towards the speed.
            self._progress.reset(self._task, total=total, completed=done)
            self._started = True
        self._progress.update(self._task, completed=done)
