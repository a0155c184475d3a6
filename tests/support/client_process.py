"""What a person's process does: it runs their commands, in their environment or in a group of its own.

In a module of its own, which imports nothing: the Hub's client reads the environment when it is imported.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path


def run_commands(
    environment: Mapping[str, str], commands: Sequence[Sequence[str]], answers: Connection
) -> None:
    """Run commands of `imagenet-g` one after another; exit code, output and errors of each go back.

    A traceback goes back as text: the fault is the program's, and the test shows it.
    """
    _settle(environment)
    try:
        from imagenet_g.benchmark.cli import main

        for command in commands:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(command)
            answers.send((code, out.getvalue(), err.getvalue()))
    except BaseException:
        answers.send(traceback.format_exc())


def run_program(
    environment: Mapping[str, str], code: str, arguments: Sequence[str], answers: Connection
) -> None:
    """Run Python code as `python -c` does, with its arguments; exit code, output and errors go back."""
    _settle(environment)
    # Everything the program imports behind the warm process's modules sees this person's settings.
    sys.argv = ["-c", *arguments]
    out, err = io.StringIO(), io.StringIO()
    exit_code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
        except BaseException:
            exit_code = 1
            traceback.print_exc()
    answers.send((exit_code, out.getvalue(), err.getvalue()))


def run_one(environment: Mapping[str, str], command: Sequence[str]) -> None:
    """Run a command of `imagenet-g`; end with its exit code."""
    _settle(environment)
    from imagenet_g.benchmark.cli import main

    sys.exit(main(list(command)))


def run_in_group(command: Sequence[str], errors: Path) -> None:
    """Run a command of `imagenet-g` in a process group of its own, as a shell does; end with its exit code.

    What it prints goes nowhere, its errors into a file.
    """
    os.setsid()
    _silence()
    with errors.open("wb") as file:
        os.dup2(file.fileno(), 2)
    from imagenet_g.benchmark.cli import main

    sys.exit(main(list(command)))


def _settle(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    _silence()


def _silence() -> None:
    # What libraries write past Python's streams; a terminal behind them would also set the width of tables.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
