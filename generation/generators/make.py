"""From the table of a generator in a spec to the generator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.generators.generator import Generator
from imagenet_g.generation.specs.generator import (
    AwayFromMeanSpec,
    BackgroundFirstSpec,
    DiffusersSpec,
    GeneratorSpec,
    PythonSpec,
)


def make_generator(spec: GeneratorSpec) -> Generator:
    """The generator behind a spec, not yet loaded.

    Raises:
        InputError: A factory that cannot be found or does not return a generator.
    """
    if isinstance(spec, BackgroundFirstSpec):
        from imagenet_g.generation.generators.background_first import BackgroundFirstGenerator

        return BackgroundFirstGenerator(spec)
    if isinstance(spec, AwayFromMeanSpec):
        from imagenet_g.generation.generators.away_from_mean import AwayFromMeanGenerator

        return AwayFromMeanGenerator(spec)
    if isinstance(spec, DiffusersSpec):
        from imagenet_g.generation.generators.diffusers import DiffusersGenerator

        return DiffusersGenerator(spec)
    return _call_factory(spec)


def _call_factory(spec: PythonSpec) -> Generator:
    module_name, _, name = spec.factory.partition(":")
    # A person's own module lies in the folder they work in, which is not on an installed command's path.
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
