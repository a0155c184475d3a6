"""`imagenet-g verify-submission`: a maintainer's second run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import HASHED_OPTIONS, add_hashed_options
from imagenet_g.benchmark.terminal.text import print_block, print_line
from imagenet_g.leaderboard.commands.validate import add_context_arguments, make_context

if TYPE_CHECKING:
    from imagenet_g.leaderboard.submissions.reviews import Verification


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("submission", type=Path, metavar="FILE", help="a reviewed submission")
    parser.add_argument(
        "--by", required=True, metavar="NAME", help="name of the maintainer who made the second run"
    )
    parser.add_argument(
        "--result",
        type=Path,
        metavar="RESULT",
        help="the result of a second run of your own (default: run the model on every image now)",
    )
    add_context_arguments(parser)
    add_hashed_options(parser.add_argument_group("what a submission holds by its hash alone"))
    parser.add_argument(
        "--allow",
        type=int,
        default=0,
        metavar="N",
        help="images of a split that may have another answer, once you have looked at them (default: 0)",
    )
    parser.add_argument(
        "--sibling",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="what 'imagenet-g sibling score' kept of these answers; repeatable, one a split",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("verification"), metavar="DIR", help="folder of the second run"
    )


def run(arguments: Namespace) -> int:
    """Validate, run again, compare, record."""
    from imagenet_g.leaderboard.submissions.problems import format_report
    from imagenet_g.leaderboard.submissions.reviews import Review, load_review, make_review, write_review
    from imagenet_g.leaderboard.validation.second_runs.comparing import verify_run
    from imagenet_g.leaderboard.validation.second_runs.running import HashedInputs, load_second_run
    from imagenet_g.leaderboard.validation.second_runs.siblings import read_siblings
    from imagenet_g.leaderboard.validation.validate import dispel_doubts, validate_submission

    # Doubts about its answers refuse no second run, which is what settles them.
    report = dispel_doubts(validate_submission(arguments.submission, make_context(arguments)))
    # Checked first: a second run takes hours and could not mend a refused file.
    if not report.accepted:
        print_block(format_report(report))
        return 2
    before = load_review(arguments.submission)
    # What was found on these bytes before stays found.
    siblings = {
        **(before.siblings if isinstance(before, Review) else {}),
        **read_siblings(arguments.submission, arguments.sibling),
    }
    for ref, finding in siblings.items():
        verdict = "labels were read" if finding.labels_read else "no sign of label reading"
        print_line(f"{ref}: private sibling of {finding.num_private} images: {verdict}")
    # A second run of a model that has learnt the images gives the same answers, and proves nothing.
    if any(finding.labels_read for finding in siblings.values()):
        path = write_review(arguments.submission, make_review(report, siblings=siblings))
        print_line(f"wrote {path}: not verified, listed with a flag and not ranked; no second run was made")
        return 1
    inputs = HashedInputs(**{name: getattr(arguments, name) for name in HASHED_OPTIONS})
    again = load_second_run(arguments.submission, arguments.result, arguments.out, arguments.data, inputs)
    verification = verify_run(arguments.submission, again, by=arguments.by, allowed=arguments.allow)
    _print_differences(verification)
    path = write_review(arguments.submission, make_review(report, verification, siblings))
    print_line(f"wrote {path}")
    return 0


def _print_differences(verification: Verification) -> None:
    for ref, difference in verification.differences.items():
        others = verification.other_answers.get(ref)
        whole = verification.other_answers.get(ref.partition(":")[0])
        # A view is rows of its split's file, which is compared once.
        rest = (
            "answers not compared, no predictions" if whole is None else "answers compared with its split's"
        )
        compared = rest if others is None else f"{others} other answers"
        print_line(f"{ref}: second run {100 * difference:+.3f} points, {compared}")
