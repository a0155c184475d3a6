"""What a subcommand is."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Protocol, cast


class CommandModule(Protocol):
    """A module behind a command; it must import nothing heavy at its top."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's options."""

    def run(self, arguments: Namespace) -> int:
        """Do the work and return the exit code."""


class Circle(StrEnum):
    """Who needs a command; the value is its heading in `imagenet-g --help`, in this order."""

    EVERYDAY = "everyday commands"
    MAKERS = "commands for makers of versions, baselines and boards"
    LAB = "laboratory"


@dataclass(frozen=True, slots=True)
class Command:
    """One row of a folder's command table.

    Attributes:
        name: What the user types after `imagenet-g`, or after `imagenet-g lab`.
        summary: One line for `--help`.
        module: Module with `add_arguments` and `run`, imported only when the command is called.
        circle: The list of `--help` that holds the command.
        place: Position in that list, smallest first. The rows of a list come from several folders; a gap
            between two places leaves room for a command of another package.
    """

    name: str
    summary: str
    module: str
    circle: Circle
    place: int

    def load(self) -> CommandModule:
        """Import the module behind the command."""
        return cast(CommandModule, import_module(self.module))


def run_action(actions: Mapping[str, tuple[str, str]], arguments: Namespace) -> int:
    """Run the action that was chosen of a command with several, and return its exit code.

    Args:
        actions: Module and function of each action by name.
        arguments: The parsed options; `action` is the chosen name.
    """
    module, name = actions[arguments.action]
    # Imported when chosen: `--help` must not wait for torch and transformers.
    return cast(Callable[[Namespace], int], getattr(import_module(module), name))(arguments)


def parse_positive(text: str) -> int:
    """A whole number of at least 1, for argparse.

    Example:
        >>> parse_positive("12")
        12
        >>> parse_positive("0")
        Traceback (most recent call last):
            ...
        argparse.ArgumentTypeError: '0' is not a whole number of at least 1
    """
    # `int` alone also takes " 7", "+7" and "1_000".
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def parse_seed(text: str) -> int:
    """A seed.

    Raises:
        ArgumentTypeError: It is no whole number from 0 to 2147483647.

    Example:
        >>> parse_seed("0")
        0
    """
    # NumPy takes no negative seed, and would say so with a traceback.
    if not text.isdecimal() or int(text) >= 2**31:
        raise ArgumentTypeError(f"'{text}' is not a whole number from 0 to {2**31 - 1}")
    return int(text)
