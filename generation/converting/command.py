"""`imagenet-g convert`: the checkpoint of a class-conditional latent diffusion model, for diffusers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT",
                        help="cin256-v2 of CompVis/latent-diffusion (model.ckpt), or another "
                        "class-conditional model of that codebase")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--image-px", type=parse_positive, default=256, metavar="N",
                        help="side of an image (default: %(default)s)")  # fmt: skip
    parser.add_argument("--heads", type=parse_positive, default=1, metavar="N",
                        help="num_heads of its configuration (default: %(default)s)")  # fmt: skip


def run(arguments: Namespace) -> int:
    """Convert, and say what was found and what comes next."""
    from imagenet_g.generation.converting.ldm import convert_checkpoint

    layout = convert_checkpoint(
        arguments.checkpoint, arguments.out, image_px=arguments.image_px, heads=arguments.heads
    )
    print_line(
        f"network: channels {', '.join(map(str, layout.channels))}; {layout.num_classes} classes of "
        f"{layout.context_width}; {layout.codes[0]} codes of {layout.codes[1]}"
    )
    print_line(f"Pipeline: {arguments.out}")
    print_line(
        "Next: put its path as 'repo' into a copy of the version 'draft-ldm', with revision = \"local\"."
    )
    return 0
