"""`imagenet-g merge`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.commands.options import add_data_option
from imagenet_g.benchmark.terminal.text import print_message


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Join what the jobs of an array have computed with 'imagenet-g evaluate --rows I/N' to the results "
        "that one run gives. Splits, clean sets, baselines and options are those of the jobs."
    )
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="the --out folder of the jobs, or several where each job had its own",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for results; may be the jobs' own",
    )
    add_data_option(parser)
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="ID",
        help="report effective robustness against this baseline; repeatable (default: those of the jobs)",
    )


def run(arguments: Namespace) -> int:
    """Join, score, print the table, list the files."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.commands.evaluate import report_outcomes
    from imagenet_g.benchmark.evaluation.merge import MergeRequest, merge_shares
    from imagenet_g.benchmark.runs.lines import apply_baselines, load_robustness

    # Before the shares are read: a mistyped name must not come to light behind them.
    for baseline in arguments.baseline:
        load_robustness("check")(baseline)
    data = parse_data_pairs(arguments.data)
    request = MergeRequest(folders=arguments.folders, data=data, out=arguments.out)
    outcomes = [
        found
        for merged in merge_shares(request, say=print_message)
        for found in apply_baselines(
            [merged.outcome], arguments.baseline or merged.baselines, data, say=print_message
        )
    ]
    return report_outcomes(outcomes)
