"""`imagenet-g score`: numbers from stored predictions, without the model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS",
        help="predictions parquet files of one model",
    )
    parser.add_argument(
        "--reference",
        default="published",
        metavar="FILE",
        help="the same model's predictions on the clean set, or 'published' (default)",
    )
    parser.add_argument(
        "--view", metavar="NAME", help="score only the rows of this view, such as imagenet-100"
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="NAME=PATH",
        default=[],
        help="a local copy of the split, needed for views by a column",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave unscored images out instead of counting them as wrong",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write result.json into this folder")


def run(arguments: Namespace) -> int:
    """Recompute, print, and write with `--out`."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.commands.report import make_report
    from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
    from imagenet_g.benchmark.predictions.result_files import write_result
    from imagenet_g.benchmark.terminal.tables import print_shown

    result = rescore(
        RescoreRequest(
            files=tuple(arguments.predictions),
            reference=None if arguments.reference == "published" else Path(arguments.reference),
            view=arguments.view,
            data=parse_data_pairs(arguments.data),
            skip_unreadable=arguments.skip_unreadable,
            out=arguments.out or Path(),
        )
    )
    print_shown(make_report([result]))
    if arguments.out is not None:
        print_line(f"wrote {write_result(arguments.out, result)}")
    return 0
