"""`imagenet-g submit`: a result and what must be said about it, to a submission file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagenet_g.benchmark.results import Result

QUESTIONS = (
    ("organisation", "Your organisation or name", True),
    ("name", "The model's name on the board", True),
    ("authors", "Authors, separated by semicolons", True),
    ("contact", "Contact: a mail address or an https address", True),
    ("url", "Paper, code or model card, an https address (empty: none)", False),
    ("family", "Architecture family, such as resnet (empty: unknown)", False),
    ("supervision", "supervised, self-supervised, zero-shot or unknown", True),
    ("training_data", "Training data: imagenet-1k, more-data or unknown", True),
    ("training_data_details", "The training sets by name (empty: unknown)", False),
    (
        "generated_training_data",
        "Generators whose images it was trained on: none, unknown, or names; with ;",
        True,
    ),
    ("license", "Licence of the weights (empty: unknown)", False),
    ("notes", "Anything else (empty: nothing)", False),
)
"""Field, question, whether an answer is needed."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; every question has a flag."""
    parser.add_argument(
        "result", type=Path, metavar="RESULT", help="result.json of 'evaluate', or its folder"
    )
    for field, question, needed in QUESTIONS:
        parser.add_argument(
            f"--{field.replace('_', '-')}", metavar="TEXT", help=question + ("" if needed else "; optional")
        )
    parser.add_argument(
        "--version", dest="benchmark_version", metavar="NAME", help="default: the result's own"
    )
    parser.add_argument(
        "--to", type=Path, default=Path("submissions"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="a local copy of a split; repeatable"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing; what is not given is unknown")
    parser.add_argument(
        "--hub", metavar="REPO", help="also open a pull request on this Hub dataset repository"
    )


def run(arguments: Namespace) -> int:
    """Ask, write, validate; a refused submission is taken away again."""
    from imagenet_g.benchmark.result_files import load_result
    from imagenet_g.leaderboard.problems import format_report
    from imagenet_g.leaderboard.submissions import make_submission
    from imagenet_g.leaderboard.submitting import (
        choose_version,
        make_statement,
        publish_submission,
        write_submission,
    )

    result = load_result(arguments.result)
    folder = arguments.result if arguments.result.is_dir() else arguments.result.parent
    version = choose_version(result, arguments.benchmark_version)
    answers = ask_missing(arguments, result)
    submission = make_submission(version, make_statement(answers), result)
    path, report = write_submission(
        submission, results_folder=folder, source=result, root=arguments.to, data=arguments.data
    )
    print(format_report(report))
    if not report.accepted:
        return 2
    print(f"wrote {path}")
    if arguments.hub:
        print(f"opened {publish_submission(path, submission, arguments.hub)}")
    return 0


def ask_missing(arguments: Namespace, result: Result) -> dict[str, str]:
    """Answers by field: flags first, then questions where there is a terminal to ask on.

    Raises:
        InputError: A needed answer is missing and nobody can be asked.
    """
    import sys

    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.submitting import suggest_answers

    suggested = suggest_answers(result)
    can_ask = sys.stdin.isatty() and not arguments.yes
    answers: dict[str, str] = {}
    for field, question, needed in QUESTIONS:
        given = getattr(arguments, field)
        if given is None and can_ask:
            default = suggested.get(field, "")
            given = input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
        if given is None:
            given = suggested.get(field)
        if needed and not given:
            raise InputError(f"A submission must say: {question}. Give --{field.replace('_', '-')} TEXT.")
        answers[field] = given or ""
    return answers
