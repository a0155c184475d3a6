"""Bounds on a critique from elsewhere, before anything of it is shown or added up."""

from __future__ import annotations

import json

from imagenet_g.benchmark.errors import UntrustedFileError, shorten

MAX_TEXT = 20_000
"""Characters of a text, which may be a whole transform as its library prints it."""
MAX_NAME = 500
"""Characters of a key, such as a class or a section."""
MAX_NUMBER = 1e15
"""Counts and distances above it are of no set of images, and sums of them would lose their digits."""
MAX_ENTRIES = 1_000_000
"""Entries of a list or a table: more than any split has images of."""


def require_bounds(data: bytes, *, name: str) -> None:
    """Refuse JSON with names, texts, numbers or lists that no critique has.

    Types alone do not bound them: a count of 10^30 is a whole number, and a name of a million letters a text.

    Args:
        data: The file's bytes.
        name: What to call it in messages.

    Raises:
        UntrustedFileError: It is no JSON, or beyond a bound.

    Example:
        >>> require_bounds(b'{"num_images": 1000000000000000000000000000000}', name="c")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.UntrustedFileError: 'c' is not a critique: num_images: 1000000... is ...
    """
    try:
        waiting: list[tuple[str, object]] = [("", json.loads(data))]
    # Numbers of thousands of digits, lists in each other, and bytes that are no text.
    except (ValueError, RecursionError) as error:
        raise UntrustedFileError(f"'{name}' is not a critique: {shorten(str(error))}") from error
    # A list of what is left, because a function that calls itself could be made to go too deep.
    while waiting:
        place, value = waiting.pop()
        if (problem := _find_problem(value)) is not None:
            raise UntrustedFileError(f"'{name}' is not a critique: {place or 'it'}: {problem}.")
        if isinstance(value, dict):
            waiting += [(key, one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [(place, one) for one in value]


def _find_problem(value: object) -> str | None:
    # NaN compares with nothing, and the record's types refuse it.
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        return f"{str(value)[:7]}... is a number beyond {MAX_NUMBER:g}"
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"a text of {len(value)} characters; {MAX_TEXT} are allowed"
    if isinstance(value, list | dict) and len(value) > MAX_ENTRIES:
        return f"{len(value)} entries; {MAX_ENTRIES} are allowed"
    if isinstance(value, dict) and any(len(key) > MAX_NAME for key in value):
        return f"a name of more than {MAX_NAME} characters"
    return None
