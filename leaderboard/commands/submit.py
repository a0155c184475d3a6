"""`imagenet-g submit`: a result and the statement of its authors, to a submission file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import escape_controls, print_block, print_line
from imagenet_g.leaderboard.submitting.questions import QUESTIONS, ask_questions, take_answers

if TYPE_CHECKING:
    from imagenet_g.benchmark.results import Result
    from imagenet_g.leaderboard.submissions.problems import ValidationReport
    from imagenet_g.leaderboard.submissions.submission import Submission
    from imagenet_g.leaderboard.submitting.board_files import BoardCopy
    from imagenet_g.leaderboard.validation.peers import KnownSubmission


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options; every question has a flag."""
    parser.add_argument(
        "result",
        type=Path,
        nargs="?",
        metavar="RESULT",
        help="result.json of 'evaluate', or its folder; or a submission that was written before",
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
        "--hub",
        metavar="REPO",
        help="Hub dataset repository of another board than the official one; so does IMAGENET_G_BOARD. The "
        "official one is the name that the project intends, in leaderboard/data/board.toml",
    )
    parser.add_argument(
        "--local", action="store_true", help="write and check the submission here, and send nothing"
    )
    parser.add_argument(
        "--status",
        action="store_true",
        help="send nothing; say how far submissions are on their way to the board, or the one given",
    )


def run(arguments: Namespace) -> int:
    """Ask, write, validate, propose; a refused submission is removed again."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.submissions.problems import format_report
    from imagenet_g.leaderboard.submitting.submit import is_submission, load_again

    if arguments.status:
        return show_status(arguments)
    if arguments.result is None:
        raise InputError("Name a result of 'imagenet-g evaluate', or ask with --status.")
    if arguments.local and arguments.hub:
        raise InputError("--local sends nothing, and --hub says where to. Give one of them.")
    if is_submission(arguments.result):
        board = find_board(arguments)
        path, submission, report = load_again(
            arguments.result,
            root=arguments.to,
            data=arguments.data,
            board=None if board is None else board.submissions,
        )
    else:
        made = ask_and_write(arguments)
        if made is None:
            print_block("\nstopped; nothing was written")
            # 128 + SIGINT, by which a shell recognises Ctrl-C.
            return 130
        path, submission, report, board = made
    print_block(format_report(report))
    if not report.accepted:
        return 2
    return 0 if board is None else send(arguments, path, submission, report, board)


def find_board(arguments: Namespace) -> BoardCopy | None:
    """The board that the submission goes to, as it is now; None where nothing is sent."""
    from imagenet_g.leaderboard.submitting.official import choose_board
    from imagenet_g.leaderboard.submitting.pull_requests import prepare_board
    from imagenet_g.leaderboard.validation.validate import list_submission_files

    if arguments.local:
        return None
    repo = choose_board(arguments.hub)
    board = prepare_board(repo)
    count = len(list_submission_files(board.submissions)) if board.submissions.is_dir() else 0
    print_line(f"compared with {count} submissions of {repo} on the Hub")
    return board


def send(
    arguments: Namespace, path: Path, submission: Submission, report: ValidationReport, board: BoardCopy
) -> int:
    """Open the pull request, unless the person does not want to; exit code 0."""
    from imagenet_g.leaderboard.submitting.official import choose_board
    from imagenet_g.leaderboard.submitting.pull_requests import (
        name_submission,
        open_pull_request,
        refuse_unchanged,
    )
    from imagenet_g.leaderboard.submitting.states import find_own, list_states

    repo = choose_board(arguments.hub)
    refuse_unchanged(submission, board)
    name = name_submission(path, submission)
    for state in find_own(list_states(repo, board), name):
        print_line(f"earlier pull request {state.number} of {name}: {state.words}")
    if not (arguments.yes or agrees_to_send(repo)):
        print_line(f"not sent; 'imagenet-g submit {path}' sends it")
        return 0
    print_line(f"opened {open_pull_request(path, submission, report, repo)}")
    print_line(f"'imagenet-g submit --status {path}' says how far it is")
    return 0


def agrees_to_send(repo: str) -> bool:
    """Whether the person at the terminal wants to send it; true where nobody can be asked."""
    import sys

    if not sys.stdin.isatty():
        return True
    try:
        answer = _ask(f"Send it to {repo} on the Hub, where everybody can read it? (yes, no) [yes]: ")
    except (EOFError, KeyboardInterrupt):
        return False
    return answer.strip().lower() in ("", "y", "yes")


def show_status(arguments: Namespace) -> int:
    """Print how far submissions are, the newest first."""
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown
    from imagenet_g.leaderboard.submitting.board_files import fetch_board
    from imagenet_g.leaderboard.submitting.official import choose_board
    from imagenet_g.leaderboard.submitting.pull_requests import name_submission
    from imagenet_g.leaderboard.submitting.states import find_own, list_states
    from imagenet_g.leaderboard.validation.second_runs.running import load_submission

    own = None
    if arguments.result is not None:
        own = name_submission(arguments.result, load_submission(arguments.result))
    repo = choose_board(arguments.hub)
    states = list_states(repo, fetch_board(repo))
    chosen = states if own is None else find_own(states, own)
    if not chosen:
        print_line(f"no pull request of {own or 'a submission'} on {repo}")
        return 0
    table = NameTable(("request", "submission", "by", "state"), title=f"submissions to {repo}")
    for state in chosen:
        table.add_row(str(state.number), state.name, state.author, state.words)
    print_shown(table)
    return 0


def ask_and_write(
    arguments: Namespace,
) -> tuple[Path, Submission, ValidationReport, BoardCopy | None] | None:
    """A submission of a result and answers, its report, and the board that it was compared with.

    None where the person stopped answering.
    """
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
    # Without an account or a network the answers would be lost.
    board = find_board(arguments)
    try:
        answers = collect_answers(arguments, result, list_known(arguments.to, board))
    except KeyboardInterrupt:
        return None
    submission = make_submission(version, make_statement(answers), result)
    path, report = write_submission(
        submission, results_folder=folder, source=result, root=arguments.to, data=arguments.data,
        board=None if board is None else board.submissions,
    )  # fmt: skip
    if report.accepted:
        print_line(f"wrote {path}")
    return path, submission, report, board


def list_known(root: Path, board: BoardCopy | None) -> list[KnownSubmission]:
    """What is on the board and in the folder of submissions."""
    from imagenet_g.leaderboard.validation.validate import load_known_submissions

    folders = [root, *([] if board is None else [board.submissions])]
    return [known for folder in folders for known in load_known_submissions(folder)]


def collect_answers(arguments: Namespace, result: Result, known: Sequence[KnownSubmission]) -> dict[str, str]:
    """Answers by field: flags first, then questions where there is a terminal to ask on.

    Args:
        arguments: Of the command.
        result: What is submitted.
        known: What is on the board.

    Raises:
        InputError: Needed answers are missing and there is no terminal to ask on.
    """
    import sys

    from imagenet_g.leaderboard.submitting.submit import suggest_answers

    given = {question.field: getattr(arguments, question.field) for question in QUESTIONS}
    suggested = suggest_answers(result, known)
    if arguments.yes or not sys.stdin.isatty():
        return take_answers(QUESTIONS, given=given, suggested=suggested)
    print_line("Press Enter to use the default in brackets. Ctrl-C stops without writing anything.")
    return ask_questions(QUESTIONS, given=given, suggested=suggested, ask=_ask, say=print_line)


def _ask(prompt: str) -> str:
    # The prompt shows a default, which comes from the result.
    return input(escape_controls(prompt))
