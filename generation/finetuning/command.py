"""`imagenet-g finetune`: train the network of a Stable Diffusion further on images of a split."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import add_cache_option, add_data_option
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.generation.finetuning.specs import FinetuneSpec


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?",
                        help="a shipped recipe or a .toml file; without it, list them")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="checkpoint and network; an interrupted run resumes there")  # fmt: skip
    parser.add_argument("--base", metavar="REPO",
                        help="the pipeline: a folder, or org/name@commit")  # fmt: skip
    parser.add_argument("--images", metavar="REF", help="another split, such as folder:/data/train")
    parser.add_argument("--steps", type=parse_positive, metavar="N",
                        help="steps; more of them continue a finished run")  # fmt: skip
    parser.add_argument("--batch-size", type=parse_positive, metavar="N", help="images of a step")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    add_data_option(parser)
    add_cache_option(parser)


def run(arguments: Namespace) -> int:
    """Train, or list the recipes."""
    from imagenet_g.generation.finetuning.specs import list_finetune_names, load_finetune_spec

    if arguments.recipe is None:
        for name in list_finetune_names():
            print_line(f"{name:<22} {load_finetune_spec(name).title}")
        return 0
    if arguments.out is None:
        raise InputError("Give a folder for the network: --out DIR.")
    spec = change_recipe(load_finetune_spec(arguments.recipe), arguments)
    folder = _train(spec, arguments)
    print_line(f"Network: {folder}")
    print_line(
        f'Next: in a version spec, for a generator with repo = "{spec.base.repo}", the table '
        f'[generators.NAME.parts.unet] with repo = "{folder}" and revision = "local".'
    )
    return 0


def change_recipe(spec: FinetuneSpec, arguments: Namespace) -> FinetuneSpec:
    """The recipe with the changes of the command line."""
    schedule = {"steps": arguments.steps, "batch_size": arguments.batch_size}
    changed = {key: value for key, value in schedule.items() if value is not None}
    spec = spec.model_copy(update={"schedule": spec.schedule.model_copy(update=changed)})
    if arguments.images is not None:
        spec = spec.model_copy(update={"data": arguments.images})
    if arguments.base is None:
        return spec
    is_folder = Path(arguments.base).expanduser().is_dir()
    repo, _, revision = arguments.base.partition("@")
    place = (str(Path(arguments.base).expanduser()), "local") if is_folder else (repo, revision or "main")
    base = spec.base.model_copy(update=dict(zip(("repo", "revision"), place, strict=True)))
    return spec.model_copy(update={"base": base})


def _train(spec: FinetuneSpec, arguments: Namespace) -> Path:
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.finetuning.run import FinetuneRequest, run_finetuning
    from imagenet_g.generation.generators.runtime import choose_generation_device

    return run_finetuning(
        FinetuneRequest(
            spec=spec,
            out=arguments.out.expanduser(),
            device=choose_generation_device(arguments.device),
            data=parse_data_pairs(arguments.data),
            cache=choose_cache_folder(arguments.cache),
            say=lambda text: print_line(text, error=True),
        )
    )
