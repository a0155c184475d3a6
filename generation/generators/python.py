"""A user's generators, made by the function that a spec names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

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
    # A user's own module is in the current folder, which is not on the path of an installed command.
    sys.path.append(str(Path.cwd()))
    try:
        factory: Callable[..., Generator] = getattr(import_module(module_name), name)
    except ImportError as error:
        raise InputError(f"Generator '{spec.factory}': cannot import '{module_name}': {error}.") from error
    except AttributeError as error:
        raise InputError(f"Generator '{spec.factory}': '{module_name}' has no '{name}'.") from error
    finally:
        sys.path.pop()
    try:
        made = factory(**spec.options)
    except Exception as error:
        raise ModelError(f"Generator '{spec.factory}' cannot be made: {error!r}") from error
    for method in ("load", "describe", "render"):
        if not callable(getattr(made, method, None)):
            raise InputError(f"Generator '{spec.factory}' returned {type(made).__name__} without '{method}'.")
    return made
