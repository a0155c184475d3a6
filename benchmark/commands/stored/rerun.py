"""`imagenet-g rerun`: a stored result, run again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.commands.options import (
    HASHED_OPTIONS,
    add_data_option,
    add_hashed_options,
    add_inference_options,
    add_sets_option,
)
from imagenet_g.benchmark.terminal.text import print_block, print_line, print_message


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Run again what a result holds: the same model on the same splits, against the same clean sets and "
        "baselines, every image anew. Prints what differs: facts of the run, numbers, and answers image by "
        "image. Exit code 0 for the same numbers and answers, 1 for others."
    )
    parser.add_argument("result", type=Path, metavar="RESULT", help="result.json, or its folder")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="keep the new result in this folder (default: not kept)"
    )
    group = parser.add_argument_group("what a result holds by its hash alone")
    add_hashed_options(group)
    group.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="FILE",
        help="a measured baseline that it was held against; repeatable",
    )
    add_data_option(group)
    add_sets_option(group)
    add_inference_options(parser.add_argument_group("inference"))


def run(arguments: Namespace) -> int:
    """Run again, print what differs.

    Returns:
        0 for the same numbers and answers, 1 for others.
    """
    from imagenet_g.benchmark.runs.again import RerunInputs
    from imagenet_g.benchmark.runs.rerunning import run_again
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    given = RerunInputs(
        **{name: getattr(arguments, name) for name in HASHED_OPTIONS},
        baseline=tuple(arguments.baseline),
        data=tuple(arguments.data),
        sets=tuple(arguments.sets),
        device=arguments.device,
        batch_size=arguments.batch_size,
        workers=arguments.workers,
    )
    with TemporaryDirectory(prefix="imagenet-g-") as scratch:
        out = arguments.out or Path(scratch)
        outcome = run_again(arguments.result, given, out=out, listen=ProgressListener, say=print_message)
        print_block("\n".join(outcome.report.list_lines()))
        if arguments.out is not None:
            print_line(f"wrote {outcome.path}")
    return 0 if outcome.report.same else 1
