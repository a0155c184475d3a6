"""Specs as TOML, shipped with the package or the user's own: found by name or by path."""

from __future__ import annotations

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from imagenet_g.benchmark.errors import InputError, UnknownNameError, describe_failure
from imagenet_g.benchmark.records import FileModel

Spec = TypeVar("Spec", bound=FileModel)


def parse_toml(text: str) -> dict[str, Any]:
    r"""The tables of a TOML text.

    Raises:
        TOMLDecodeError: It is not TOML, or nothing that Python can hold.

    Example:
        >>> parse_toml("[split]\nseed = 7")
        {'split': {'seed': 7}}
        >>> parse_toml("seed = " + "9" * 5000)
        Traceback (most recent call last):
            ...
        tomllib.TOMLDecodeError: Exceeds the limit (4300 digits) for integer string conversion: ...
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or thousands of lists in each other.
        raise tomllib.TOMLDecodeError(str(error)) from error


def list_shipped_names(folder: Traversable) -> tuple[str, ...]:
    """Names of the TOML files in a folder of the package, sorted."""
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def find_shipped_spec(name_or_path: str, folder: Traversable, *, kind: str) -> Path:
    """Path of a shipped spec, or of the file itself where a .toml file is named.

    Args:
        name_or_path: As typed.
        folder: Where the shipped ones are.
        kind: What they are called in messages, such as "version".

    Raises:
        UnknownNameError: No spec of that name ships.
    """
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    known = list_shipped_names(folder)
    if name_or_path not in known:
        raise UnknownNameError(kind, name_or_path, known, hint="Or give your own .toml file.")
    # pip unpacks a wheel, so a resource of the package is a file with a path.
    return Path(str(folder / f"{name_or_path}.toml"))


def load_shipped_spec(model: type[Spec], name_or_path: str, folder: Traversable, *, kind: str) -> Spec:
    """Read and validate a shipped spec or the user's own file.

    Raises:
        UnknownNameError: No spec of that name ships.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    path = find_shipped_spec(name_or_path, folder, kind=kind)
    title = f"{kind.capitalize()} '{name_or_path}'"
    try:
        return model.model_validate(parse_toml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{title} cannot be read: {error}") from error
    except ValidationError as error:
        raise InputError(f"{title} cannot be used: {describe_failure(error)}.") from error
