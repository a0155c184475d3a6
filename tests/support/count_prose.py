"""Count comments and doctest examples: `python tests/support/count_prose.py`, part of `make check`.

A comment counts by line, on a line of its own or behind code. Instructions to tools (`# type: ignore`,
`# noqa`) do not count: they explain nothing to a reader. Whether a comment says *why* is for a reviewer to
judge.
"""

from __future__ import annotations

import ast
import doctest
import io
import re
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmark", "generation", "baselines", "leaderboard")
MIN_COMMENTS_PER_1000_LINES = 25
MIN_EXAMPLES = 150
_INSTRUCTION = re.compile(r"#\s*(type:|fmt:|noqa|pragma|ruff:|!)")


@dataclass(frozen=True, slots=True)
class Prose:
    """What a source, or all sources of a folder, say beside the code.

    Attributes:
        lines: Lines of source that are not blank, docstrings included.
        comments: Lines that hold a comment.
        examples: Doctest examples (`>>>` statements).
    """

    lines: int
    comments: int
    examples: int

    def __add__(self, other: Prose) -> Prose:
        return Prose(self.lines + other.lines, self.comments + other.comments, self.examples + other.examples)

    @property
    def comments_per_1000_lines(self) -> float:
        """Comments for every 1000 lines that are not blank."""
        return 1000 * self.comments / max(self.lines, 1)


def count_prose(source: str) -> Prose:
    """Lines, comments and doctest examples of one module.

    Example:
        >>> count_prose("x = 1  # metres, as the sensor reports")
        Prose(lines=1, comments=1, examples=0)
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    return Prose(
        lines=sum(bool(line.strip()) for line in source.splitlines()),
        comments=sum(not _INSTRUCTION.match(token.string) for token in comments),
        examples=sum(len(doctest.DocTestParser().get_examples(text)) for text in _list_docstrings(source)),
    )


def count_folder(folder: Path) -> Prose:
    """All modules of a folder and of the folders in it."""
    return sum(
        (count_prose(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")), Prose(0, 0, 0)
    )


def main() -> int:
    """Print the counts of each folder; 1 where there is too little."""
    counts = {folder: count_folder(ROOT / folder) for folder in FOLDERS}
    counts["all"] = sum(counts.values(), Prose(0, 0, 0))
    for folder, prose in counts.items():
        print(
            f"{folder:<12} {prose.lines:>6} lines  {prose.comments_per_1000_lines:5.1f} comments per 1000  "
            f"{prose.examples:>4} examples"
        )
    found = counts["all"]
    enough = found.comments_per_1000_lines >= MIN_COMMENTS_PER_1000_LINES and found.examples >= MIN_EXAMPLES
    if not enough:
        print(
            f"wanted: {MIN_COMMENTS_PER_1000_LINES} comments per 1000 lines, {MIN_EXAMPLES} examples in all"
        )
    return 0 if enough else 1


def _list_docstrings(source: str) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    return [text for text in found if text]


if __name__ == "__main__":
    sys.exit(main())
