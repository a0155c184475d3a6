"""The words of a condition, each with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError

MAX_LENGTH = 1000
"""Characters of a condition."""
ALLOWED = (
    "A condition compares num_parameters, input_size or top1 with a number (100M, 288, 80%) by < <= > >= == "
    "!=, or library, name, architecture or tag with 'quoted text' by == != like; and, or, not and brackets "
    "join comparisons"
)
_TOKEN = re.compile(
    r"""(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?[A-Za-z_%]*)|(?P<word>[A-Za-z_]\w*)"""
    r"""|(?P<text>'[^']*'|"[^"]*")|(?P<sign><=|>=|==|!=|<|>|\(|\))"""
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a condition.

    Attributes:
        kind: "number", "word", "text", "sign", or "end" behind the last one.
        text: As it stands there.
        position: Of its first character, counted from 1.
    """

    kind: str
    text: str
    position: int


def split_tokens(condition: str) -> list[Token]:
    """The words of a condition; the last one is its end.

    Raises:
        InputError: It is too long, or a character begins no word.

    Example:
        >>> [(token.kind, token.text) for token in split_tokens("tag like '*in1k'")]
        [('word', 'tag'), ('word', 'like'), ('text', "'*in1k'"), ('end', '')]
    """
    if len(condition) > MAX_LENGTH:
        raise InputError(f"A condition has at most {MAX_LENGTH} characters; this one has {len(condition)}.")
    return [*_scan(condition), Token("end", "", len(condition) + 1)]


def _scan(condition: str) -> Iterator[Token]:
    place = 0
    while place < len(condition):
        if condition[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(condition, place)
        if match is None:
            raise make_error(condition, place + 1, f"'{condition[place]}' is not expected")
        yield Token(str(match.lastgroup), match[0], place + 1)
        place = match.end()


def make_error(condition: str, position: int, problem: str) -> InputError:
    """The message on a condition that cannot be read.

    Args:
        condition: The whole of it.
        position: Where, counted from 1.
        problem: What is wrong there, half a sentence.
    """
    stop = "" if problem.endswith("?") else "."
    return InputError(f'In the condition "{condition}", at character {position}: {problem}{stop} {ALLOWED}.')
