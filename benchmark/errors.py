"""Everything imagenet-g raises on purpose.

ImagenetGError                 one clear message, no traceback, exit code 2
├── InputError                 a value the user gave: unknown, malformed, out of range
│   ├── UnknownNameError       a name that is not in a list; carries the nearest known ones
│   └── UntrustedFileError     a file that fails validation or would run code when loaded
├── DataError                  data on disk is missing, damaged or not what it claims to be
├── ModelError                 a model cannot be loaded, or its outputs cannot be scored
├── FetchError                 a download is needed and failed
└── StorageError               the disk is full or read-only, or permission is missing
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_PROBLEMS = 8
"""How many broken fields of a file a message lists."""
MAX_QUOTED = 200
"""Characters of a value that a message quotes; no name of a list is as long."""


class ImagenetGError(Exception):
    """Root of all errors a user can act on."""


class InputError(ImagenetGError):
    """A value the user gave cannot be used."""


class UnknownNameError(InputError):
    """A name that no list contains.

    Args:
        kind: What was named, such as "split" or "model".
        name: The name as given.
        known: The names that would have been accepted.
        hint: What to do next, a full sentence; may be empty.
        where: What the names belong to, such as "of imagenet-c"; stands behind the name.

    Example:
        >>> print(UnknownNameError("link", "logti", ["linear", "logit"], hint="See the help."))
        Unknown link 'logti'. Did you mean 'logit'? Known: linear, logit. See the help.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, hint: str = "", where: str = ""
    ) -> None:
        self.kind = kind
        self.name = name
        known = tuple(known)
        self.suggestions = suggest_names(name, known)
        super().__init__(_format_unknown_name(kind, shorten(name), known, self.suggestions, hint, where))


class TrainingSetError(InputError):
    """A set to train on was named where a model is measured."""


class SealedSetError(InputError):
    """A private sibling was given where a test set is wanted."""


class UntrustedFileError(InputError):
    """A file from elsewhere was refused before anything in it was used."""


class DataError(ImagenetGError):
    """Data on disk is missing, damaged or not what it claims to be."""


class ModelError(ImagenetGError):
    """A model cannot be loaded, or its outputs cannot be scored."""


class FetchError(ImagenetGError):
    """A download was needed and failed."""


class StorageError(ImagenetGError):
    """Results cannot be written to their place."""


def shorten(text: str, *, limit: int = MAX_QUOTED) -> str:
    """The text as a message quotes it: the beginning of one that is longer than `limit` characters.

    Example:
        >>> shorten("n01440764"), shorten("n" * 5000, limit=4)
        ('n01440764', 'nnnn... (5000 characters)')
    """
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def format_problems(error: ValidationError) -> str:
    """One line for each broken field, where and what is wrong; at most `MAX_PROBLEMS` of them.

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> try:
        ...     TypeAdapter(dict[str, int]).validate_python({"num_images": "many"})
        ... except ValidationError as error:
        ...     print(format_problems(error))
          num_images: Input should be a valid integer, unable to parse string as an integer
    """
    problems = error.errors()
    lines = [
        f"  {shorten('.'.join(map(str, problem['loc'])) or 'file')}: {shorten(problem['msg'])}"
        for problem in problems[:MAX_PROBLEMS]
    ]
    more = len(problems) - len(lines)
    return "\n".join([*lines, *([f"  and {more} more"] if more else [])])


def describe_failure(error: Exception) -> str:
    """What went wrong in a few words: of a broken contract its first broken field, else the error's text.

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> try:
        ...     TypeAdapter(dict[str, int]).validate_python({"num_images": "many"})
        ... except ValidationError as error:
        ...     print(describe_failure(error))
        num_images: Input should be a valid integer, unable to parse string as an integer
        >>> describe_failure(OSError("disk full"))
        'disk full'
    """
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    where = f"{shorten('.'.join(map(str, first['loc'])))}: " if first["loc"] else ""
    # pydantic's own first words say nothing to a reader.
    return where + shorten(first["msg"].removeprefix("Value error, "))


def suggest_names(name: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Known names that look like `name`, nearest first, at most `limit`; case does not count.

    Example:
        >>> suggest_names("ImageNet-V3", ["imagenet-v2", "objectnet"])
        ('imagenet-v2',)
        >>> suggest_names("resnet50", ["imagenet-v2", "objectnet"])
        ()
    """
    # The comparison takes the square of the length; a whole file in one word would take minutes.
    if len(name) > MAX_QUOTED:
        return ()
    # Compared in lower case, given back as they are spelled: names of models mix cases.
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=limit, cutoff=0.6)
    return tuple(by_lower[match] for match in matches)


def format_near_names(name: str, known: Iterable[str]) -> str:
    """A question with similar names, after a blank; empty where no name is similar.

    Example:
        >>> format_near_names("logti", ["linear", "logit"])
        " Did you mean 'logit'?"
        >>> format_near_names("cubic", ["linear", "logit"])
        ''
    """
    near = suggest_names(name, known)
    return f" {_format_suggestions(near)}" if near else ""


def _format_suggestions(names: tuple[str, ...]) -> str:
    return "Did you mean " + " or ".join(f"'{name}'" for name in names) + "?"


def _format_unknown_name(
    kind: str, name: str, known: tuple[str, ...], suggestions: tuple[str, ...], hint: str, where: str
) -> str:
    parts = [f"Unknown {kind} '{name}'{where and f' {where}'}."]
    if suggestions:
        parts.append(_format_suggestions(suggestions))
    # timm alone offers more than a thousand names; a list of them would bury the sentence before it.
    if known and len(known) <= 20:
        parts.append("Known: " + ", ".join(known) + ".")
    if hint:
        parts.append(hint)
    return " ".join(parts)
