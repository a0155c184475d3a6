"""`imagenet-g submit`: a result and the statement of its authors, to a submission file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import escape_controls, print_block, print_line
from imagenet_g.leaderboard.submitting.questions import QUESTIONS, ask_questions, take_answers

if TYPE_CHECKING:
    from imagenet_g.benchmark.results import Result
    from imagenet_g.leaderboard.submissions.problems import ValidationReport
    from imagenet_g.leaderboard.submissions.submission import Submission


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; every question has a flag."""
    parser.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="result.json of 'evaluate', or its folder; with --hub also a submission that was written before",
    )
    for question in QUESTIONS:
        parser.add_argument(question.flag, metavar="TEXT", help=question.wording)
    parser.add_argument(
        "--version", dest="benchmark_version", metavar="NAME", help="default: the result's own"
    )
    parser.add_argument(
        "--to", type=Path, default=Path("submissions"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy of a split; repeatable"
    )
    parser.add_argument(
        "--yes", action="store_true", help="ask no questions; use the defaults for what is not given"
    )
    parser.add_argument(
        "--hub", metavar="REPO", help="also open a pull request on this Hub dataset repository"
    )


def run(arguments: Namespace) -> int:
    """Ask, write, validate, propose; a refused submission is removed again."""
    from imagenet_g.leaderboard.submissions.problems import format_report
    from imagenet_g.leaderboard.submitting.pull_requests import check_hub, open_pull_request
    from imagenet_g.leaderboard.submitting.submit import is_submission, load_again

    # Before a dozen questions: without an account the answers would be lost.
    if arguments.hub:
        check_hub(arguments.hub)
    if arguments.hub and is_submission(arguments.result):
        path, submission, report = load_again(arguments.result, root=arguments.to, data=arguments.data)
    else:
        made = ask_and_write(arguments)
        if made is None:
            print_block("\nstopped; nothing was written")
            # 128 + SIGINT, by which a shell recognises Ctrl-C.
            return 130
        path, submission, report = made
    print_block(format_report(report))
    if not report.accepted:
        return 2
    if arguments.hub:
        print_line(f"opened {open_pull_request(path, submission, report, arguments.hub)}")
    return 0


def ask_and_write(arguments: Namespace) -> tuple[Path, Submission, ValidationReport] | None:
    """A submission of a result and answers, with its report; None where the person stopped answering."""
    from imagenet_g.benchmark.predictions.result_files import find_result_folder, load_result
    from imagenet_g.leaderboard.submissions.submission import make_submission
    from imagenet_g.leaderboard.submitting.submit import (
        choose_version,
        make_statement,
        refuse_partial,
        write_submission,
    )

    result = load_result(arguments.result)
    folder = find_result_folder(arguments.result)
    version = choose_version(result, arguments.benchmark_version)
    # Before the questions: no answer could make part of a split acceptable.
    refuse_partial(result)
    try:
        answers = collect_answers(arguments, result)
    except KeyboardInterrupt:
        return None
    submission = make_submission(version, make_statement(answers), result)
    path, report = write_submission(
        submission, results_folder=folder, source=result, root=arguments.to, data=arguments.data
    )
    if report.accepted:
        print_line(f"wrote {path}")
    return path, submission, report


def collect_answers(arguments: Namespace, result: Result) -> dict[str, str]:
    """Answers by field: flags first, then questions where there is a terminal to ask on.

    Raises:
        InputError: Needed answers are missing and there is no terminal to ask on.
    """
    import sys

    from imagenet_g.leaderboard.submitting.submit import suggest_answers

    given = {question.field: getattr(arguments, question.field) for question in QUESTIONS}
    suggested = suggest_answers(result)
    if arguments.yes or not sys.stdin.isatty():
        return take_answers(QUESTIONS, given=given, suggested=suggested)
    print_line("Press Enter to use the default in brackets. Ctrl-C stops without writing anything.")
    return ask_questions(QUESTIONS, given=given, suggested=suggested, ask=_ask, say=print_line)


def _ask(prompt: str) -> str:
    # The prompt shows a default, which comes from the result.
    return input(escape_controls(prompt))
