"""The one command, `imagenet-g`: finds the subcommand, prints errors, sets the exit code.

Exit codes: 0 all done; 1 some of several models failed; 2 a mistake the message names; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import entry_points, version
from typing import NoReturn

from imagenet_g.benchmark.commands.command import Command
from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.redaction import redact

COMMAND_GROUP = "imagenet_g.commands"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagenet-g` with the given arguments (default: the process's own)."""
    given = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in given
    try:
        return _run([word for word in given if word != "--debug"])
    except ImagenetGError as error:
        if debug:
            print(redact(traceback.format_exc()), file=sys.stderr)
        print(f"imagenet-g: {redact(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nimagenet-g: interrupted; run the same command again to go on.", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """argparse with one clear message in place of the usage screen."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. '{self.prog} --help' explains the options.")


def list_commands() -> dict[str, Command]:
    """All subcommands by name, from the entry points of this and other installed packages."""
    tables = sorted(entry_points(group=COMMAND_GROUP), key=lambda point: point.name != "benchmark")
    return {command.name: command for point in tables for command in point.load()}


def _run(argv: list[str]) -> int:
    commands = list_commands()
    parser = _make_parser(commands)
    if not argv or argv[0] in ("-h", "--help", "-V", "--version"):
        parser.parse_args(argv)
        parser.print_help()
        return 0
    command = commands.get(argv[0])
    if command is None:
        raise UnknownNameError("command", argv[0], commands, hint="'imagenet-g --help' lists them.")
    module = command.load()
    subparser = _Parser(prog=f"imagenet-g {command.name}", description=f"{command.summary}.")
    module.add_arguments(subparser)
    subparser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return module.run(subparser.parse_args(argv[1:]))


def _make_parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    width = max(len(name) for name in commands)
    listing = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in commands.items())
    parser = _Parser(
        prog="imagenet-g",
        usage="imagenet-g COMMAND [options]",
        description="Measure how far image classifiers fall on generated images.",
        epilog=f"commands:\n{listing}\n\n'imagenet-g COMMAND --help' explains one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"imagenet-g {version('imagenet-g')}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
