"""The kinds of generators: built-in ones, and those that installed packages add through an entry point.

A package adds a kind by a line in its own pyproject.toml, with the name that specs give as `kind`:

    [project.entry-points."imagenet_g.generator_kinds"]
    my-kind = "my_package.specs:MySpec"
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint
from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from imagenet_g.benchmark.errors import InputError, UnknownNameError, suggest_names
from imagenet_g.benchmark.plugins import list_points, load_point, make_broken, name_package
from imagenet_g.generation.specs.comparators import AwayFromMeanSpec, BackgroundFirstSpec
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.python import PythonSpec

ENTRY_POINTS = "imagenet_g.generator_kinds"
OWN_KINDS: dict[str, type[GeneratorSpec]] = {
    "diffusers": DiffusersSpec,
    "background-first": BackgroundFirstSpec,
    "away-from-mean": AwayFromMeanSpec,
    "python": PythonSpec,
}


def find_generator_kind(name: str) -> type[GeneratorSpec]:
    """The class of a kind.

    Raises:
        UnknownNameError: It is neither built in nor in an installed package.
        InputError: Two packages add it, a package adds a built-in one, or its entry point is not a kind.

    Example:
        >>> find_generator_kind("diffusers").__name__
        'DiffusersSpec'
    """
    found = list_points(ENTRY_POINTS).get(name, ())
    if name in OWN_KINDS:
        if found:
            # Neither wins: a package that shadows "diffusers" could pass other images off as diffusers'.
            raise InputError(
                f"The kind of generator '{name}' is built in, and {_format_owners(found)} adds it too. "
                "Uninstall that package, or name its kind otherwise."
            )
        return OWN_KINDS[name]
    if not found:
        raise _make_unknown_kind(name)
    if len(found) > 1:
        owners = _format_owners(found)
        raise InputError(f"Two packages add the kind of generator '{name}': {owners}. Uninstall one of them.")
    return _load_kind(found[0])


def load_generator_kinds() -> tuple[type[GeneratorSpec], ...]:
    """The classes of all kinds that can be loaded; a broken package is reported where its kind is used."""
    found = []
    for name in list_generator_kinds():
        with suppress(InputError):
            found.append(find_generator_kind(name))
    return tuple(found)


def _make_unknown_kind(name: str) -> UnknownNameError:
    known = list_generator_kinds()
    # After "Did you mean" the second advice would lead away from the misspelling.
    hint = "" if suggest_names(name, known) else "A kind of another package needs that package installed."
    return UnknownNameError("kind of generator", name, known, hint=hint)


def _format_owners(points: Sequence[EntryPoint]) -> str:
    return " and ".join(sorted(f"{name_package(point)} ({point.value})" for point in points))


def list_generator_kinds() -> tuple[str, ...]:
    """Names of all kinds: built-in ones, then those of other packages, sorted."""
    return tuple(dict.fromkeys((*OWN_KINDS, *list_points(ENTRY_POINTS))))


def parse_generator_spec(table: object) -> GeneratorSpec:
    """A generator's table as the class of its kind.

    Raises:
        ValueError: Its kind is missing or unknown; pydantic reports it with the table's name.
        ValidationError: It breaks the contract of its kind.
    """
    if isinstance(table, GeneratorSpec):
        return table
    kind = table.get("kind") if isinstance(table, dict) else None
    if not isinstance(kind, str):
        raise ValueError(f"a generator needs a kind, one of {', '.join(list_generator_kinds())}")
    try:
        found = find_generator_kind(kind)
    except InputError as error:
        raise ValueError(str(error)) from error
    return found.model_validate(table)


GeneratorTable = Annotated[SerializeAsAny[GeneratorSpec], BeforeValidator(parse_generator_spec)]
"""A field that takes any kind and is written with all keys of its own."""


def _load_kind(point: EntryPoint) -> type[GeneratorSpec]:
    found = load_point(point, "kind of generator")
    if isinstance(found, type) and issubclass(found, GeneratorSpec) and "inputs" in found.model_fields:
        return found
    reason = (
        f"'{point.value}' is not a kind of generator: it must be a subclass of "
        "imagenet_g.generation.specs.generator.GeneratorSpec with a field 'inputs'"
    )
    raise make_broken(point, "kind of generator", reason)
