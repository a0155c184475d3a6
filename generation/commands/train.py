"""`imagenet-g train`: train a generator and a CLIP on a split of captioned images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagenet_g.benchmark.training.pictures import Pictures
    from imagenet_g.generation.training.specs import TrainingSpec


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?",
                        help="a shipped training recipe or a .toml file; without it, list them")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="checkpoints and models; an interrupted run resumes there")  # fmt: skip
    parser.add_argument("--stage", action="append", metavar="NAME",
                        help="clip, autoencoder or diffusion; repeatable (default: all)")  # fmt: skip
    parser.add_argument("--steps", type=parse_positive, metavar="N",
                        help="steps of the one --stage; more steps continue a finished one")  # fmt: skip
    parser.add_argument("--start-from", type=Path, metavar="DIR",
                        help="finished models to start from if --out has no checkpoint")  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--threads", type=parse_positive, metavar="N",
                        help="CPU threads (default: the library's)")  # fmt: skip
    parser.add_argument("--data", action="append", metavar="NAME=PATH", default=[],
                        help="a local copy, such as mini-train=DIR; repeatable")  # fmt: skip
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def run(arguments: Namespace) -> int:
    """Train, or list the recipes."""
    from imagenet_g.generation.training.specs import list_training_names, load_training_spec

    if arguments.recipe is None:
        print_block("\n".join(list_training_names()))
        return 0
    spec = load_training_spec(arguments.recipe)
    if arguments.out is None:
        raise InputError("Give a folder for the models: --out DIR.")
    _train(arguments, _choose_stages(arguments.stage, spec), spec)
    return 0


def _choose_stages(names: list[str] | None, spec: TrainingSpec) -> list[str]:
    for name in names or ():
        if name not in spec.stages:
            raise UnknownNameError("stage", name, spec.stages, hint=f"The recipe '{spec.name}' has these.")
    return [name for name in spec.stages if not names or name in names]


def _train(arguments: Namespace, stages: list[str], spec: TrainingSpec) -> None:
    import torch

    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.storage import validate_writable
    from imagenet_g.generation.generators.runtime import choose_generation_device
    from imagenet_g.generation.training.context import TrainingContext
    from imagenet_g.generation.training.specs import change_steps
    from imagenet_g.generation.training.stages import STAGES

    if arguments.steps is not None:
        spec = change_steps(spec, stages, arguments.steps)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = choose_generation_device(arguments.device)
    # Before half a gigabyte of pictures is read.
    validate_writable(arguments.out)
    cache = choose_cache_folder(arguments.cache)
    copies = parse_data_pairs(arguments.data)
    pictures = None
    for stage in stages:
        ref = spec.find_data(stage)
        # Half a gigabyte: read once for all consecutive stages that use it, then released.
        if pictures is None or pictures.record["ref"] != ref:
            pictures = _load_pictures(ref, copies, cache)
        context = TrainingContext(
            spec, pictures, arguments.out, device, _say, start_from=arguments.start_from
        )
        STAGES[stage](context)
    _say(f"Models: {arguments.out}")


def _load_pictures(ref: str, copies: Mapping[str, Path], cache: Path | None) -> Pictures:
    from imagenet_g.benchmark.training.pictures import load_pictures
    from imagenet_g.generation.specs.version import list_version_names

    try:
        return load_pictures(ref, copies, cache=cache, say=_say)
    except UnknownNameError as error:
        version = ref.partition("/")[0]
        if version in copies or version not in list_version_names():
            raise
        raise InputError(
            f"The recipe learns from '{ref}', which is not available. Build it: imagenet-g build {version} "
            f"--out DIR, and give --data {version}=DIR."
        ) from error


def _say(text: str) -> None:
    print_line(text, error=True)
