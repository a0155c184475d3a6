"""Options of a command from a file: what was typed comes first, then what the file says, then defaults."""

from __future__ import annotations

import argparse
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from imagenet_g.benchmark.errors import InputError, shorten

ABOUT_THE_SWEEP = ("sweep", "list", "status", "retry_failed", "debug", "help", "model", "rows")
"""Options that do not stand in a sweep file: those about the file, and the models, which it lists itself."""
OF_ONE_MODEL = ("checkpoint", "checkpoint_key", "class_map")
_WORDS = (str, int, float, date)


class Unnamed(str):
    """A default, which is no word that the user typed, even where it is the same."""

    __slots__ = ()


def mark_defaults(parser: ArgumentParser) -> None:
    """Make every default that is a word an `Unnamed`; call it when all options are declared."""
    for action in parser._actions:
        # argparse knows SUPPRESS by its identity: marked, it would be a word like any other.
        if type(action.default) is str and action.default != argparse.SUPPRESS:
            action.default = Unnamed(action.default)


def unmark(arguments: Namespace) -> Namespace:
    """The same options with plain words."""
    return Namespace(
        **{
            name: str(value) if isinstance(value, Unnamed) else value
            for name, value in vars(arguments).items()
        }
    )


def list_file_options(parser: ArgumentParser) -> dict[str, Action]:
    """The options that may stand in a sweep file, by their names with underscores."""
    left_out = (*ABOUT_THE_SWEEP, *OF_ONE_MODEL)
    return {action.dest: action for action in parser._actions if action.dest not in left_out}


def merge_options(
    arguments: Namespace, options: Mapping[str, object], actions: Mapping[str, Action], *, path: Path
) -> Namespace:
    """The options of the command line, and those of the file where none was typed.

    Args:
        arguments: The parsed command line, with marked defaults.
        options: From the file, as TOML has them.
        actions: The options by name.
        path: The file, for messages.

    Raises:
        InputError: The file gives an option a value that it does not take.
    """
    merged = vars(arguments).copy()
    for name, value in options.items():
        # Read even where it is replaced: a mistake in the file must not wait for another command line.
        read = read_option(actions[name], value, where=f"'{name}' in '{path}'")
        if not _is_typed(merged.get(name), actions[name]):
            merged[name] = read
    return Namespace(**merged)


def read_option(action: Action, value: object, *, where: str) -> object:
    """The value of an option from TOML, as argparse would have it.

    Args:
        action: The option.
        value: From the file.
        where: Key and file, for the message.

    Raises:
        InputError: The option does not take it.
    """
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise InputError(f"{where} is {_show(value)}: give true or false.")
        return action.const if value else action.default
    if isinstance(action, argparse._AppendAction):
        # NAME=PATH as TOML has it: data = { imagenet-val = "/data/val" }.
        if isinstance(value, dict):
            value = [f"{name}={place}" for name, place in value.items()]
        values = value if isinstance(value, list) else [value]
        return [_read_word(action, word, where=where) for word in values]
    return _read_word(action, value, where=where)


def _read_word(action: Action, value: object, *, where: str) -> object:
    if isinstance(value, bool) or not isinstance(value, _WORDS):
        raise InputError(f"{where} is {_show(value)}: give one word or number.")
    read: object = str(value)
    if callable(action.type):
        try:
            read = action.type(str(value))
        except (ArgumentTypeError, TypeError, ValueError) as error:
            raise InputError(f"{where} is {_show(value)}: {error}.") from error
    if action.choices is not None and read not in action.choices:
        raise InputError(f"{where} is {_show(value)}: give one of {', '.join(map(str, action.choices))}.")
    return read


def _is_typed(value: object, action: Action) -> bool:
    # Defaults that are no words are compared as objects: a typed value is a new one.
    return not (isinstance(value, Unnamed) or value is action.default or value in (None, False, []))


def _show(value: object) -> str:
    return shorten(repr(value))
