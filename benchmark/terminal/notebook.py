"""Progress of an evaluation in a notebook: one bar a split, in the output of the cell."""

from __future__ import annotations

import sys
import warnings
from html import escape
from time import monotonic
from types import TracebackType
from typing import Any, Self

_SECONDS = 0.25
"""Between two updates of a bar: each one is a message to the browser."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook.

    Example:
        >>> in_notebook()
        False
    """
    # Asked only where it is loaded: a notebook has loaded it, and others should not wait for it.
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None


def prepare_notebook() -> None:
    """Keep tqdm's advice to install ipywidgets out of a notebook: the bars here need none."""
    if in_notebook():
        warnings.filterwarnings("ignore", message="IProgress not found")


def format_bar(title: str, done: int, total: int | None, unit: str) -> str:
    """A bar as HTML.

    Example:
        >>> format_bar("m on <s>", 3, 12, "images")
        '<div><progress value="3" max="12"></progress> m on &lt;s&gt;: 3 of 12 images</div>'
    """
    if total is None:
        return f"<div><progress></progress> {escape(title)}</div>"
    bar = f'<progress value="{done}" max="{total}"></progress>'
    return f"<div>{bar} {escape(title)}: {done} of {total} {unit}</div>"


class NotebookListener:
    """Shows what an evaluation does in the output of a cell; use it as a context manager."""

    def __init__(self) -> None:
        self._title = ""
        self._unit = "images"
        self._bar: Any = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar = None

    def add_lane(self) -> NotebookListener:
        """A listener with bars of its own, for one of several processes."""
        return NotebookListener()

    def say(self, text: str) -> None:
        """A line of its own."""
        _display(f"<div>{escape(text)}</div>")

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """Begin a bar of so many of a unit; its length follows with the first `advance`."""
        self._start(f"{model} on {split}", unit)

    def start_prompts(self, model: str) -> None:
        """Begin a bar for the prompts of a zero-shot model."""
        self._start(f"{model}: its prompts", "prompts")

    def _start(self, title: str, unit: str) -> None:
        self._title, self._unit, self._shown = title, unit, 0.0
        self._bar = _display(format_bar(title, 0, None, unit))

    def advance(self, done: int, total: int) -> None:
        """Move the bar that was begun last."""
        if self._bar is None or (done < total and monotonic() - self._shown < _SECONDS):
            return
        self._shown = monotonic()
        self._bar.update(_make_html(format_bar(self._title, done, total, self._unit)))


class SilentListener:
    """Shows nothing; use it as a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def add_lane(self) -> SilentListener:
        """Itself."""
        return self

    def say(self, text: str) -> None:
        """Nothing."""

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """Nothing."""

    def start_prompts(self, model: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int) -> None:
        """Nothing."""


def _display(html: str) -> Any:  # noqa: ANN401
    from IPython.display import display

    return display(_make_html(html), display_id=True)  # type: ignore[no-untyped-call]


def _make_html(html: str) -> Any:  # noqa: ANN401
    from IPython.display import HTML

    return HTML(html)  # type: ignore[no-untyped-call]
