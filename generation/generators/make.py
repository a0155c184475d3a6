"""Making a generator from its table in a spec."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.generator import Generator
from imagenet_g.generation.specs.generator import GeneratorSpec


def make_generator(spec: GeneratorSpec) -> Generator:
    """The generator behind a spec, not yet loaded.

    Raises:
        InputError: The factory of the kind cannot be imported.
        ImagenetGError: As the factory raises.
    """
    try:
        make: Callable[[GeneratorSpec], Generator] = resolve_name(spec.made_by)
    except (ImportError, AttributeError) as error:
        raise InputError(f"Generators of kind '{spec.kind}' cannot be made: {error}.") from error
    return make(spec)
