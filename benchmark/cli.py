"""The one command, `imagenet-g`: finds the subcommand, prints errors, sets the exit code.

Exit codes: 0 all done; 1 some of several models failed; 2 a mistake the message names; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import NoReturn

from imagenet_g.benchmark.commands.command import Circle, Command
from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError, shorten
from imagenet_g.benchmark.plugins import find_points
from imagenet_g.benchmark.redaction import redact
from imagenet_g.benchmark.terminal.text import print_block, print_message, use_escapes

COMMAND_GROUP = "imagenet_g.commands"
LAB = "lab"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagenet-g` with the given arguments (default: the process's own)."""
    given = list(sys.argv[1:] if argv is None else argv)
    use_escapes()
    debug = "--debug" in given
    try:
        # Taken out here, so that --debug also shows errors that come before a command's own parser.
        return _run([word for word in given if word != "--debug"])
    except BrokenPipeError:
        # `imagenet-g splits | head`: whoever read the output has enough, which is no error.
        _silence_closed()
        return 0
    except Exception as error:
        if (message := format_failure(error) or describe_fault(error)) is None:
            raise
        if debug:
            print_block(redact(traceback.format_exc()), error=True)
        # Redacted: libraries quote URLs with signatures, and users type tokens into commands.
        print_message(f"imagenet-g: {redact(message)}")
        return 2
    except KeyboardInterrupt:
        print_block("\nimagenet-g: interrupted; run the same command again to resume.", error=True)
        # 128 and the number of SIGINT, as shells report it.
        return 130


def _silence_closed() -> None:
    """Send what waits for a closed pipe to nowhere; Python would end with a message and another code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def format_failure(error: Exception) -> str | None:
    """The message of an error that a user can act on; None for one that is a fault of the program.

    Example:
        >>> import errno
        >>> format_failure(PermissionError(errno.EACCES, "Permission denied", "/data/val"))
        "'/data/val' cannot be used: Permission denied."
        >>> format_failure(OSError("a fault without a file")) is None
        True
    """
    if isinstance(error, ImagenetGError):
        return str(error)
    # Wherever a path is looked at, the system may refuse: no permission, a name too long, a lost disk.
    if not isinstance(error, OSError) or error.filename is None:
        return None
    return f"'{shorten(str(error.filename))}' cannot be used: {error.strerror or type(error).__name__}."


def describe_fault(error: Exception) -> str | None:
    """One line for an error that data or the machine can cause in any command; None for any other.

    Example:
        >>> describe_fault(MemoryError())
        'Memory ran out. Use a smaller --batch-size or fewer --workers, or close other programs.'
        >>> describe_fault(KeyError("a fault of the program")) is None
        True
    """
    first = shorten(next(iter(str(error).splitlines()), ""))
    # By the name of the package: none of these is imported for the sake of an `except`.
    package = type(error).__module__.partition(".")[0]
    # torch has an error of its own for the memory of a GPU.
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "ArrowMemoryError"):
        return "Memory ran out. Use a smaller --batch-size or fewer --workers, or close other programs."
    if isinstance(error, OverflowError):
        return f"A number is too large to compute with ({first}). Check those of files and options."
    if package in ("pydantic", "pydantic_core"):
        return f"A file does not have the fields that it should ({first}). --debug shows which."
    if package in ("pyarrow", "zstandard") or "pyarrow" in _find_place(error):
        return f"A parquet file is damaged ({first}). --debug shows which; fetch it or make it anew."
    return None


def _find_place(error: BaseException) -> str:
    """The file of code that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else trace.tb_frame.f_code.co_filename


class _Parser(argparse.ArgumentParser):
    """argparse with one clear message in place of the usage screen."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. '{self.prog} --help' explains the options.")


def list_commands() -> dict[str, Command]:
    """All commands by name in the order of `--help`, from the entry points of this and other packages."""
    circles = list(Circle)
    found = (command for point in find_points(COMMAND_GROUP) for command in point.load())
    ordered = sorted(found, key=lambda row: (circles.index(row.circle), row.place, row.name))
    return {command.name: command for command in ordered}


def _run(argv: list[str]) -> int:
    commands = list_commands()
    lab = {name: command for name, command in commands.items() if command.circle is Circle.LAB}
    if argv[:1] == [LAB]:
        return _run_word(argv[1:], lab, _make_lab_parser(lab), known=lab)
    others = {name: command for name, command in commands.items() if name not in lab}
    # Who forgets the word "lab" gets it as a suggestion.
    known = [*others, LAB, *(f"{LAB} {name}" for name in lab)]
    return _run_word(argv, others, _make_parser(others), known=known)


def _run_word(
    argv: list[str], commands: Mapping[str, Command], parser: argparse.ArgumentParser, known: Iterable[str]
) -> int:
    """Run the command that the first word names; without a word, or before an option, print the list."""
    if not argv or argv[0].startswith("-"):
        parser.parse_args(argv)
        parser.print_help()
        return 0
    command = commands.get(argv[0])
    if command is None:
        raise UnknownNameError("command", argv[0], known, hint=f"'{parser.prog} --help' lists them.")
    # Only now: torch takes seconds to import, and `--help` must not wait for it.
    return command.load().run(make_command_parser(command).parse_args(argv[1:]))


def make_command_parser(command: Command) -> argparse.ArgumentParser:
    """The parser of one command's options; imports the module behind the command."""
    group = f"{LAB} " if command.circle is Circle.LAB else ""
    parser = _Parser(prog=f"imagenet-g {group}{command.name}", description=f"{command.summary}.")
    command.load().add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    width = max(len(name) for name in commands)
    lists = [
        _format_list(circle, [row for row in commands.values() if row.circle is circle], width)
        for circle in (Circle.EVERYDAY, Circle.MAKERS)
    ]
    lab_row = f"  {LAB:<{width}}  Experiments and the embedded edition ('imagenet-g {LAB}' lists them)"
    parser = _Parser(
        prog="imagenet-g",
        usage="imagenet-g COMMAND [options]",
        description="Measure the accuracy gap and effective robustness of classifiers on generated images.",
        epilog="\n\n".join(
            [*lists, f"{Circle.LAB}:\n{lab_row}", "'imagenet-g COMMAND --help' explains one."]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"imagenet-g {version('imagenet-g')}")
    return parser


def _make_lab_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    width = max(len(name) for name in commands)
    return _Parser(
        prog=f"imagenet-g {LAB}",
        usage=f"imagenet-g {LAB} COMMAND [options]",
        description="Experiments on trained generators, and the tools that make the embedded edition.",
        epilog=_format_list("commands", commands.values(), width)
        + f"\n\n'imagenet-g {LAB} COMMAND --help' explains one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _format_list(heading: str, commands: Iterable[Command], width: int) -> str:
    rows = (f"  {command.name:<{width}}  {command.summary}" for command in commands)
    return "\n".join([f"{heading}:", *rows])


if __name__ == "__main__":
    sys.exit(main())
