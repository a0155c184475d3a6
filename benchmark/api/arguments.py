"""What a call is given, as the options of a command: the same words, or one clear message."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from imagenet_g.benchmark.errors import InputError, shorten

AnyPath = str | Path
TEXT_FILES = ("class_map", "templates", "class_names")
"""Options that are a file of lines, or a list of texts."""


def list_words(words: object, name: str) -> list[str]:
    """One name, or several.

    Args:
        words: A name or names.
        name: What they are called in a message.

    Raises:
        InputError: It is something else.

    Example:
        >>> list_words("mini/sd-l", "splits"), list_words(("a", "b"), "splits")
        (['mini/sd-l'], ['a', 'b'])
        >>> list_words(3, "splits")
        Traceback (most recent call last):
        ...
        imagenet_g.benchmark.errors.InputError: splits takes a name or a list of names, not 3.
    """
    found = [words] if isinstance(words, str) or not isinstance(words, Iterable) else list(words)
    # A path is a name where files are named.
    texts = [str(word) for word in found if isinstance(word, str | Path)]
    if len(texts) < len(found):
        raise InputError(f"{name} takes a name or a list of names, not {shorten(repr(words))}.")
    return texts


def make_word(word: object, name: str) -> str:
    """One name.

    Raises:
        InputError: It is something else.

    Example:
        >>> make_word("testbed", "baseline")
        'testbed'
        >>> make_word(3, "baseline")
        Traceback (most recent call last):
        ...
        imagenet_g.benchmark.errors.InputError: baseline takes a name, not 3.
    """
    if not isinstance(word, str | Path):
        raise InputError(f"{name} takes a name, not {shorten(repr(word))}.")
    return str(word)


@contextmanager
def lists_as_files(options: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Options with each list in `TEXT_FILES` as a file of lines, as the command takes it, within the block.

    Args:
        options: By name.

    Raises:
        InputError: A list holds something else than texts of one line.

    Example:
        >>> with lists_as_files({"class_map": ["n01440764", "-"], "limit": 3}) as given:
        ...     given["class_map"].read_text().split(), given["limit"]
        (['n01440764', '-'], 3)
    """
    with TemporaryDirectory(prefix="imagenet-g-") as folder:
        files = {
            name: _write_lines(value, name, Path(folder) / f"{name}.txt")
            for name, value in options.items()
            if name in TEXT_FILES and isinstance(value, list | tuple)
        }
        yield {**options, **files}


def _write_lines(texts: Sequence[object], name: str, path: Path) -> Path:
    # A text of two lines would become two classes, and shift all behind it.
    if not all(isinstance(text, str) and len(text.splitlines()) <= 1 for text in texts):
        raise InputError(f"{name} takes a file, or a list of texts of one line each.")
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def list_pairs(data: object) -> list[str]:
    """Local copies as `--data` takes them.

    Raises:
        InputError: It is no mapping from names to folders.

    Example:
        >>> list_pairs({"imagenet-val": "/data/val"}), list_pairs(None)
        (['imagenet-val=/data/val'], [])
    """
    if data is None:
        return []
    if not isinstance(data, Mapping):
        raise InputError(
            "data takes a mapping from names to folders, such as {'imagenet-val': '/data/val'}, not "
            f"{shorten(repr(data))}."
        )
    return [f"{name}={path}" for name, path in data.items()]


def make_path(path: object, name: str) -> Path:
    """A path from what a call was given.

    Raises:
        InputError: It is no path.

    Example:
        >>> make_path("results", "out").name
        'results'
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{name} takes a path, not {shorten(repr(path))}.")
    return Path(path).expanduser()


def make_optional_path(path: object, name: str) -> Path | None:
    """As `make_path`, with None for none.

    Example:
        >>> make_optional_path(None, "out") is None
        True
    """
    return None if path is None else make_path(path, name)


def list_paths(paths: object, name: str) -> list[Path]:
    """One path, or several.

    Raises:
        InputError: It is something else.

    Example:
        >>> [path.name for path in list_paths(["a.toml", Path("b.toml")], "sets")]
        ['a.toml', 'b.toml']
    """
    found = (
        [paths] if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable) else list(paths)
    )
    return [make_path(path, name) for path in found]
