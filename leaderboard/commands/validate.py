"""`imagenet-g validate`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.leaderboard.submissions.problems import ValidationReport
    from imagenet_g.leaderboard.validation.validate import ValidationContext


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="submission files, or a folder of them"
    )
    add_context_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON report a line")
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the review of each accepted file beside it; with --pull, commit the verdict to the board",
    )
    parser.add_argument(
        "--pull", type=int, metavar="NUMBER", help="validate the submission of a pull request on the board"
    )
    parser.add_argument(
        "--hub", metavar="REPO", help="with --pull: Hub dataset repository of another board than the official"
    )


def run(arguments: Namespace) -> int:
    """Validate, print, record.

    Returns:
        0 when all were accepted, 2 when one was refused.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.submissions.problems import RECOMPUTED_LIMITS, format_report
    from imagenet_g.leaderboard.validation.bounded import validate_bounded
    from imagenet_g.leaderboard.validation.validate import list_submission_files, load_known_baselines

    if arguments.pull is not None:
        return validate_pull(arguments)
    if not arguments.paths:
        raise InputError("Name submission files or a folder of them, or a pull request with --pull.")
    files = [file for path in arguments.paths for file in list_submission_files(path)]
    if not files:
        raise InputError("No submission found; their names are <org>__<model>.json.")
    # The caller's own baselines: a mistake in one of them is no finding about a submission.
    load_known_baselines(arguments.against, arguments.baseline)
    data = parse_data_pairs(arguments.data)
    reports = validate_bounded(files, arguments.against, data=data, baselines=arguments.baseline)
    refused = recomputed = 0
    for file, report in zip(files, reports, strict=True):
        print_block(report.model_dump_json() if arguments.json else format_report(report, limits=False))
        refused += not report.accepted
        recomputed += report.trust == "recomputed"
        if arguments.record and report.accepted:
            record_review(file, report)
    if recomputed and not arguments.json:
        # Once: it is the same for every file.
        print_block(f"\nTrust level 'recomputed': {RECOMPUTED_LIMITS}")
    return 2 if refused else 0


def validate_pull(arguments: Namespace) -> int:
    """Validate what a pull request proposes, against the board's main branch; nothing of it runs.

    Returns:
        0 when it was accepted, 2 when it was refused.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.submissions.problems import format_report
    from imagenet_g.leaderboard.submitting.official import choose_board
    from imagenet_g.leaderboard.submitting.proposed import validate_proposed
    from imagenet_g.leaderboard.submitting.verdicts import record_verdict

    if arguments.paths or arguments.pull < 1:
        raise InputError("--pull takes the number of one pull request, and no paths.")
    repo = choose_board(arguments.hub)
    verdict = validate_proposed(
        repo, arguments.pull, data=parse_data_pairs(arguments.data), baselines=arguments.baseline
    )
    report = verdict.report
    print_block(report.model_dump_json() if arguments.json else format_report(report))
    if arguments.record:
        print_line(f"recorded {record_verdict(repo, verdict)}")
    return 0 if report.accepted else 2


def add_context_arguments(parser: ArgumentParser) -> None:
    """Declare what `make_context` reads."""
    parser.add_argument(
        "--against",
        type=Path,
        default=Path("submissions"),
        metavar="DIR",
        help="submissions to compare with (default: %(default)s, where it exists)",
    )
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy of a split; repeatable"
    )
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a measured baseline to compute effective robustness with; repeatable",
    )


def make_context(arguments: Namespace) -> ValidationContext:
    """What submissions are checked with, by the command line."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.leaderboard.validation.split_store import SplitStore
    from imagenet_g.leaderboard.validation.validate import (
        ValidationContext,
        load_known_baselines,
        load_known_submissions,
    )

    return ValidationContext(
        SplitStore(parse_data_pairs(arguments.data)),
        load_known_submissions(arguments.against),
        load_known_baselines(arguments.against, arguments.baseline),
    )


def record_review(file: Path, report: ValidationReport) -> None:
    """Write the review, unless a maintainer's findings on the same bytes are there."""
    from imagenet_g.leaderboard.submissions.reviews import Review, load_review, make_review, write_review

    before = load_review(file)
    # A maintainer's second run proves more than arithmetic, and would be lost.
    if isinstance(before, Review) and (before.verification is not None or before.siblings):
        print_line(f"kept the verification of {file.name}")
        return
    print_line(f"wrote {write_review(file, make_review(report))}")
