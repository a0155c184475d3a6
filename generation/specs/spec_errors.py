"""Errors of a spec as one line that names the key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import get_args

from pydantic import BaseModel, ValidationError

from imagenet_g.benchmark.errors import suggest_names
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.kinds import OWN_KINDS


def format_first_error(error: ValidationError, model: type[BaseModel], *, ignore: Collection[str]) -> str:
    """The first error of a spec; for a misspelt key, with the most similar key.

    Args:
        error: From pydantic.
        model: The validated model; a misspelt key is compared with its keys.
        ignore: Names in the location of an error that are not keys of the file.
    """
    # A misspelt key is also a missing one; the misspelling is the cause, so it comes first.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"] if part not in ignore)
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        near = suggest_names(str(first["loc"][-1]), list_keys(model))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return f"unknown key '{where}'.{hint}{more}"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where}: {message}.{more}" if where else f"{message}.{more}"


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
        yield from OWN_KINDS.values()
    for field in model.model_fields.values():
        yield from _find_models(field.annotation)


def _find_models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _find_models(argument)
