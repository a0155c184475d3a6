"""Lines for a terminal. Names come from outside, and a terminal obeys the control characters in them.

Free of rich, so that `imagenet-g --help` stays quick.
"""

from __future__ import annotations

import io
import sys

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_controls(text: str) -> str:
    r"""The text with every character that cannot be seen as its escape, such as `\x1b` or `\u202e`.

    These are control characters, marks that reverse the reading direction, characters without width, blanks
    that look like an ordinary one, and halves of surrogate pairs (file names that are not UTF-8).

    Example:
        >>> print(escape_controls("red\x1b[31m, \u202eelif, two\nlines"))
        red\x1b[31m, \u202eelif, two\nlines
        >>> escape_controls("m[ema] :fire: $x$ é 火") == "m[ema] :fire: $x$ é 火"
        True
    """
    if text.isprintable():
        return text
    # Escapes that JSON knows too: text that is JSON stays the same JSON.
    return "".join(letter if letter.isprintable() else _escape_letter(letter) for letter in text)


def _escape_letter(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    # JSON holds none of these as they are, so they may have the escape that everyone knows.
    if letter < " ":
        return f"\\x{ord(letter):02x}"
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def escape_lines(text: str) -> str:
    r"""Text of several lines with its line breaks, everything else as `escape_controls`.

    Example:
        >>> print(escape_lines("one\ntwo\rthree"))
        one
        two\rthree
    """
    return "\n".join(map(escape_controls, text.split("\n")))


def indent_message(text: str) -> str:
    r"""A message that cannot look like two: what stands behind a line break is indented.

    Example:
        >>> print(indent_message("Unknown model 'a\nimagenet-g: all is well'."))
        Unknown model 'a
          imagenet-g: all is well'.
        >>> indent_message("Give\n  --model") == "Give\n  --model"
        True
    """
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line.startswith("  ") else f"  {line}" for line in rest)])


def print_line(text: object, *, error: bool = False) -> None:
    """Print one line; a line break in it is escaped as well.

    Args:
        text: What to print.
        error: Print to standard error and not to standard output.
    """
    _print(escape_controls(str(text)), error=error)


def print_block(text: object, *, error: bool = False) -> None:
    """Print text of several lines; take `print_line` where the text has no line breaks of its own.

    Args:
        text: What to print.
        error: Print to standard error and not to standard output.
    """
    _print(escape_lines(str(text)), error=error)


def print_message(text: object, *, error: bool = True) -> None:
    """Print a message that may have several lines, as an error's may; those behind the first are indented.

    Args:
        text: What to print.
        error: Print to standard error and not to standard output.
    """
    print_block(indent_message(str(text)), error=error)


def use_escapes() -> None:
    """Escape what the encoding of the terminal lacks, where Python would end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print(text: str, *, error: bool) -> None:
    # Flushed: a long build writes into a log that someone watches.
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
