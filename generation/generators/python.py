"""A user's generators, made by the function that a spec names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.generators.generator import Generator
from imagenet_g.generation.specs.python import PythonSpec


def make_python_generator(spec: PythonSpec) -> Generator:
    """The generator of a factory, whose module may be in the current folder.

    Raises:
        InputError: The factory cannot be found, or does not return a generator.
        ModelError: The factory raises an error.
    """
    module_name, _, name = spec.factory.partition(":")
    module = import_user_module(module_name, f"Generator '{spec.factory}'")
    try:
        factory: Callable[..., Generator] = getattr(module, name)
    except AttributeError as error:
        raise InputError(f"Generator '{spec.factory}': '{module_name}' has no '{name}'.") from error
    try:
        made = factory(**spec.options)
    except Exception as error:
        raise ModelError(f"Generator '{spec.factory}' cannot be made: {error!r}") from error
    for method in ("load", "describe", "render"):
        if not callable(getattr(made, method, None)):
            raise InputError(f"Generator '{spec.factory}' returned {type(made).__name__} without '{method}'.")
    return made


def import_user_module(name: str, subject: str) -> ModuleType:
    """A module of a user's own, which may be in the current folder.

    Args:
        name: Its dotted name.
        subject: Who needs it, as the message begins.

    Raises:
        InputError: It cannot be imported.
    """
    # The current folder is not on the path of an installed command.
    sys.path.append(str(Path.cwd()))
    try:
        return import_module(name)
    # A user's module may raise anything while it is imported, a syntax error among others.
    except Exception as error:
        raise InputError(f"{subject}: cannot import '{name}': {error}.") from error
    finally:
        sys.path.pop()
