"""Errors of a spec as one line that names the key."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError

from imagenet_g.benchmark.errors import InputError, shorten, suggest_names
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.kinds import find_generator_kind, load_generator_kinds

_WANTED = {"int_type": "a whole number", "float_type": "a number"}


def format_first_error(
    error: ValidationError, model: type[BaseModel], *, ignore: Collection[str], tables: object = None
) -> str:
    """The first error of a spec; for a misspelt key, with the most similar key.

    Args:
        error: From pydantic.
        model: The validated model; a misspelt key is compared with its keys.
        ignore: Names in the location of an error that are not keys of the file.
        tables: The file's contents; a misspelt key of a generator is compared with the keys of its kind.
    """
    # A misspelt key is also a missing one; the misspelling is the cause, so it comes first.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    where = shorten(".".join(str(part) for part in first["loc"] if part not in ignore))
    if first["type"] == "extra_forbidden":
        near = suggest_names(str(first["loc"][-1]), list_keys(_find_kind(first["loc"], tables) or model))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"unknown key '{where}'.{hint}{_format_rest(error)}"
    rest = error.error_count() - 1
    more = f" ({rest} more error{'' if rest == 1 else 's'})" if rest else ""
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if wanted := _WANTED.get(first["type"]):
        message = (
            f"must be {wanted}, without quotes, and is {shorten(json.dumps(first['input'], default=str))}"
        )
    return f"{where}: {message}.{more}" if where else f"{message}.{more}"


def _format_rest(error: ValidationError) -> str:
    """The other unknown keys and the other errors behind the first unknown key, counted apart.

    A key that is reported as missing is often the misspelt one, so it is not counted as unknown.
    """
    kinds = [item["type"] == "extra_forbidden" for item in error.errors()]
    keys, others = sum(kinds) - 1, len(kinds) - sum(kinds)
    parts = [f"{keys} more unknown key{'' if keys == 1 else 's'}"] if keys else []
    parts += [f"{others} more error{'' if others == 1 else 's'}"] if others else []
    return f" ({', '.join(parts)})" if parts else ""


def _find_kind(location: Sequence[int | str], tables: object) -> type[GeneratorSpec] | None:
    """The kind of the generator in whose table an error is; None elsewhere and for an unknown kind."""
    if not (isinstance(tables, Mapping) and len(location) > 2 and location[0] == "generators"):
        return None
    generators = tables.get("generators")
    table = generators.get(location[1]) if isinstance(generators, Mapping) else None
    kind = table.get("kind") if isinstance(table, Mapping) else None
    try:
        return find_generator_kind(kind) if isinstance(kind, str) else None
    except InputError:
        return None


def list_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Every key that a spec's file may contain, at any depth, sorted.

    Example:
        >>> from imagenet_g.generation.specs.version import EncodingSpec
        >>> list_keys(EncodingSpec)
        ('format', 'quality')
    """
    models = [model]
    # The list grows during the loop, until no table contains another.
    for found in models:
        models += [one for one in _list_tables(found) if one not in models]
    return tuple(sorted({key for found in models for key in found.model_fields}))


def _list_tables(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    if model is GeneratorSpec:
        yield from load_generator_kinds()
    for field in model.model_fields.values():
        yield from _find_models(field.annotation)


def _find_models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _find_models(argument)
