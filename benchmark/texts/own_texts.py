"""Templates and class names of the user's own: text files with one a line, in UTF-8; imports no torch."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import InputError, UnknownNameError, shorten

TEMPLATE_SETS = ("openai-80", "single")
SLOT = "{}"
MAX_TEMPLATES = 1000
MAX_BYTES = 1 << 20
"""A thousand lines of a thousand characters; a larger file is something else."""
_BREAKS = ("Cc", "Zl", "Zp")
"""Unicode's categories of control characters and of line and paragraph separators."""


def check_template_choice(name: str) -> bool:
    """Whether a choice of templates is a file of the user's own, which is then read and checked.

    Args:
        name: One of `TEMPLATE_SETS`, or the path of a file.

    Raises:
        UnknownNameError: There is neither such a set nor such a file.
        InputError: The file is malformed.

    Example:
        >>> check_template_choice("single")
        False
    """
    if name in TEMPLATE_SETS:
        return False
    if not os.path.exists(name):  # noqa: PTH110 - a name too long for a path is no file, and no error
        hint = "A file of your own has one template with {} a line."
        raise UnknownNameError("template set or file", name, TEMPLATE_SETS, hint=hint)
    load_own_templates(Path(name))
    return True


def load_own_templates(path: Path) -> tuple[str, ...]:
    """Templates from a file: 1 to 1000 lines, each with one `{}` where the class name goes.

    Raises:
        InputError: The file cannot be read, or a line is no template; the first such line is named.
    """
    what = "Template file"
    lines = _load_lines(path, what)
    if len(lines) > MAX_TEMPLATES:
        raise InputError(f"{what} '{path}' has {len(lines)} lines; at most {MAX_TEMPLATES} are taken.")
    _check_lines(lines, path, what, find_template_fault)
    return lines


def load_own_class_names(path: Path) -> tuple[str, ...]:
    """Names of the 1000 classes from a file, in index order; two classes may have one name.

    Raises:
        InputError: The file cannot be read, has another number of lines, or a line is no name.
    """
    what = "Class name file"
    lines = _load_lines(path, what)
    if len(lines) != NUM_CLASSES:
        raise InputError(
            f"{what} '{path}' has {len(lines)} lines; {NUM_CLASSES} are needed, one for each class in sorted "
            "wnid order. 'imagenet_g.benchmark.classes.load_classes()' lists wnids and names in that order."
        )
    _check_lines(lines, path, what, find_text_fault)
    return lines


def find_template_fault(line: str) -> str | None:
    """Why a line is no template; None where it is one.

    Example:
        >>> find_template_fault("a photo of a {}.") is None
        True
        >>> find_template_fault("a {} and a {}"), find_template_fault("a photo of {c}")
        ("has '{}' 2 times, and once is needed", "has '{}' 0 times, and once is needed")
        >>> find_template_fault("{} in {braces}")
        'has a brace beside its {}'
    """
    count = line.count(SLOT)
    if count != 1:
        return f"has '{SLOT}' {count} times, and once is needed"
    # str.format, which others fill templates with, would read them as fields or as escapes.
    rest = line.replace(SLOT, "")
    return "has a brace beside its {}" if "{" in rest or "}" in rest else find_text_fault(line)


def find_text_fault(line: str) -> str | None:
    r"""Why a line is no text for a prompt; None where it is one.

    Example:
        >>> find_text_fault("grey whale") is None
        True
        >>> find_text_fault("  "), find_text_fault("\x1b[2J")
        ('is empty', 'has the control character U+001B')
    """
    if not line.strip():
        return "is empty"
    broken = next((sign for sign in line if unicodedata.category(sign) in _BREAKS), None)
    return None if broken is None else f"has the control character U+{ord(broken):04X}"


def _load_lines(path: Path, what: str) -> tuple[str, ...]:
    try:
        # A pipe would be waited for, and a device never ends.
        if not path.is_file():
            raise InputError(f"{what} '{path}' is no file." if path.exists() else f"There is no '{path}'.")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{what} '{path}' cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{what} '{path}' is larger than {MAX_BYTES >> 20} MiB; one text a line is needed.")
    try:
        # utf-8-sig, because editors on Windows put a mark before the first line.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} '{path}' is not UTF-8 text: {error}.") from error
    # Not `splitlines`, which would take a form feed inside of a line for its end.
    lines = text.removesuffix("\n").split("\n")
    return tuple(line.removesuffix("\r") for line in lines)


def _check_lines(
    lines: tuple[str, ...], path: Path, what: str, find_fault: Callable[[str], str | None]
) -> None:
    for number, line in enumerate(lines, start=1):
        fault = find_fault(line)
        if fault is not None:
            raise InputError(f"Line {number} of {what.lower()} '{path}' {fault}: '{shorten(line)}'.")
