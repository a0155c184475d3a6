"""The one console and the one kind of table: rich without its markup, emoji and highlighting.

Rich takes `m[ema]` for a style and `:fire:` for an emoji wherever it is given a string. So strings become
`Text` here, and no other module imports rich.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence

from rich.box import HEAVY_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imagenet_g.benchmark.terminal.text import escape_controls

PIPE_WIDTH = 160
_UNLIMITED = 10_000

Shown = RenderableType
"""Anything that `print_shown` can print."""


class NameTable(Table):
    """A table whose headings, title and cells are shown as they are given.

    Args:
        headings: One a column; cells fold where the terminal is narrow, so names are never cut.
        title: Stands above, to the left; empty for none.
        right: Headings of the columns that are aligned to the right.
        framed: Whether lines are drawn; the columns stand side by side otherwise.
    """

    def __init__(
        self, headings: Sequence[str], *, title: str = "", right: Collection[str] = (), framed: bool = True
    ) -> None:
        super().__init__(
            header_style="bold",
            box=HEAVY_HEAD if framed else None,
            pad_edge=framed,
        )
        self._heading = make_text(title, "table.title") if title else None
        for name in headings:
            justify = "right" if name in right else "left"
            self.add_column(make_text(name), justify=justify, overflow="fold")  # type: ignore[arg-type]

    def add_row(self, *cells: RenderableType | None, style: object = None, end_section: bool = False) -> None:
        """Add a row; a cell that is a string is shown as it is."""
        shown = (make_text(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, style=style, end_section=end_section)  # type: ignore[arg-type]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Not the title of rich, which is folded where the table below it is narrow.
        if self._heading is not None:
            yield self._heading
        yield from super().__rich_console__(console, options)


class FirstFit:
    """The first of several forms that the terminal is wide enough for, else the last.

    Args:
        forms: The widest first.
    """

    def __init__(self, *forms: Shown) -> None:
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for form in self._forms[:-1]:
            if (
                Measurement.get(console, options.update(max_width=_UNLIMITED), form).maximum
                <= options.max_width
            ):
                yield form
                return
        yield self._forms[-1]


class _PipedConsole(Console):
    """A console that leaves it to the command what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(*, error: bool = False) -> Console:
    """A console on standard output, or on standard error, which reads no markup and no emoji."""
    # A pipe has no width; rich would assume 80 columns and fold the names of models.
    width = None if error or sys.stdout.isatty() else PIPE_WIDTH
    return _PipedConsole(stderr=error, width=width, markup=False, emoji=False, highlight=False)


def make_text(text: str, style: str = "") -> Text:
    """One line, shown as it is."""
    return Text(escape_controls(text), style=style)


def make_notes(lines: Iterable[str]) -> list[Shown]:
    """Lines below a table, dim and indented by one."""
    return make_lines(lines, "dim")


def make_lines(lines: Iterable[str], style: str = "") -> list[Shown]:
    """Lines that stay indented by one where they are wrapped."""
    return [Padding(make_text(line, style), (0, 0, 0, 1)) for line in lines]


def stack(*parts: Shown) -> Shown:
    """Parts below one another."""
    return Group(*parts)


def print_shown(shown: Shown) -> None:
    """Print to standard output, 160 columns wide where that is no terminal."""
    make_console().print(shown)
