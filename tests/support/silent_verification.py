"""A listener that keeps what a verification says to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SilentListener:
    """Prints nothing, and keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)

    @contextmanager
    def track(self, title: str, split: str) -> Iterator[Callable[[int, int], None]]:
        """No progress."""
        yield lambda done, total: None
