"""Options of the command line for how a run uses its machine, and what is said of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.machine import CHOICES, MachineOptions

if TYPE_CHECKING:
    from imagenet_g.generation.specs.version import VersionSpec


def add_machine_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("memory and speed of diffusers pipelines (no part of the plan)")
    group.add_argument("--offload", choices=("none", "model", "sequential"), default="none",
                       help="keep parts on the CPU until they run: whole models, or layer by layer "
                       "(default: %(default)s)")  # fmt: skip
    group.add_argument("--compile", action="store_true", help="compile the denoising network")
    group.add_argument("--attention", metavar="BACKEND",
                       help="attention backend of diffusers, such as native, flash or xformers")  # fmt: skip
    group.add_argument(
        "--attention-slicing", action="store_true", help="attend in slices: less memory, slower"
    )
    group.add_argument("--vae-tiling", action="store_true", help="decode large images in tiles")
    group.add_argument("--vae-slicing", action="store_true", help="decode the images of a batch one by one")


def read_machine(arguments: Namespace) -> MachineOptions:
    """The choices of the options above."""
    return MachineOptions(
        offload=arguments.offload,
        compile=arguments.compile,
        attention=arguments.attention,
        attention_slicing=arguments.attention_slicing,
        vae_tiling=arguments.vae_tiling,
        vae_slicing=arguments.vae_slicing,
    )


def validate_machine(spec: VersionSpec, splits: tuple[str, ...], machine: MachineOptions) -> None:
    """Refuse choices that none of the splits can follow.

    Raises:
        InputError: No split is made by a diffusers pipeline.
    """
    chosen = machine.describe()
    if chosen and not any(spec.generators[spec.splits[name].generator].takes_machine for name in splits):
        options = ", ".join(f"--{name.removeprefix(CHOICES).replace('_', '-')}" for name in chosen)
        raise InputError(f"{options} is about diffusers pipelines, and {', '.join(splits)} is made by none.")


def list_machine_notes(spec: VersionSpec, splits: tuple[str, ...]) -> Iterator[str]:
    """What to know of specs that still say how a machine is used, in sentences."""
    for name in sorted({spec.splits[split].generator for split in splits}):
        for key in spec.generators[name].machine_hints:
            yield (
                f"generator '{name}' says {key} = true, which is a choice of the run and no longer part of "
                f"the plan; it is followed. Remove the line, and use --{key.replace('_', '-')}"
                f"{' model' if key == 'offload' else ''} where it is needed"
            )
