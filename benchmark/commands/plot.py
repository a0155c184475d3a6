"""`imagenet-g plot`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("result", nargs="+", type=Path, metavar="RESULT", help="result.json, or its folder")
    parser.add_argument("--split", metavar="REF", help="draw this split alone")
    parser.add_argument(
        "--out", type=Path, default=Path("strength.png"), metavar="FILE",
        help="PNG, PDF or SVG by its ending (default: %(default)s)",
    )  # fmt: skip


def run(arguments: Namespace) -> int:
    """Draw accuracy by strength, and how long answers stay right, for up to five models or splits."""
    from imagenet_g.benchmark.predictions.result_files import load_result
    from imagenet_g.benchmark.reports.strength_figure import make_strength_chart, make_strength_figure

    results = [load_result(path) for path in arguments.result]
    make_strength_chart(make_strength_figure(results, arguments.split)).save(arguments.out)
    print_line(f"wrote {arguments.out}")
    return 0
