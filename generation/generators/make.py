"""Making a generator from its table in a spec."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.generator import Generator, TunedGenerator
from imagenet_g.generation.generators.machine import MachineOptions, choose_machine
from imagenet_g.generation.specs.generator import GeneratorSpec

PLAIN = MachineOptions()


def make_generator(spec: GeneratorSpec, machine: MachineOptions = PLAIN) -> Generator:
    """The generator behind a spec, not yet loaded.

    Args:
        spec: Its table.
        machine: How the run uses its machine; followed by generators that run pipelines.

    Raises:
        InputError: The factory of the kind cannot be imported.
        ImagenetGError: As the factory raises.
    """
    try:
        make: Callable[[GeneratorSpec], Generator] = resolve_name(spec.made_by)
    except (ImportError, AttributeError) as error:
        raise InputError(f"Generators of kind '{spec.kind}' cannot be made: {error}.") from error
    made = make(spec)
    chosen = choose_machine(spec, machine)
    if isinstance(made, TunedGenerator):
        made.use_machine(chosen)
    return made
