"""Lines for a terminal: what is obeyed there is escaped, what is read there is as it was typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.terminal.text import (
    escape_controls,
    escape_lines,
    indent_message,
    print_line,
    print_message,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)


@given(text=ANY_TEXT)
def test_escaped_text_has_no_character_that_cannot_be_seen(text: str) -> None:
    """Control characters, marks of direction, characters without width, halves of pairs."""
    assert escape_controls(text).isprintable()


@given(text=st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")), max_size=40))
def test_text_that_can_be_seen_is_as_it_was_typed(text: str) -> None:
    """Brackets, colons, dollars and every alphabet."""
    assert escape_controls(text) == text


@given(value=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3))
def test_json_stays_the_same_json(value: dict[str, str]) -> None:
    """Commands print JSON through the same function."""
    assert json.loads(escape_lines(json.dumps(value, ensure_ascii=False, indent=1))) == value


@pytest.mark.parametrize(
    "letter", ["\x1b", "\r", "\n", "\x9b", "\u202e", "\u200b", "\u2028", "\xa0", "\udcff"]
)
def test_one_line_is_printed_whatever_is_in_it(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a name would forge a second line."""
    print_line(f"wrote a{letter}b")
    printed = capsys.readouterr().out
    assert printed.endswith("b\n")
    assert printed[:-1].isprintable()


def test_a_message_cannot_forge_another(capsys: pytest.CaptureFixture[str]) -> None:
    """Only its first line starts at the left."""
    print_message("imagenet-g: Unknown model 'a\nimagenet-g: all is well'.")
    assert capsys.readouterr().err.splitlines()[1] == "  imagenet-g: all is well'."


@given(text=ANY_TEXT)
def test_indenting_twice_changes_nothing(text: str) -> None:
    """Errors quote errors."""
    assert indent_message(indent_message(text)) == indent_message(text)


def test_a_terminal_that_lacks_a_letter_gets_its_escape() -> None:
    """In place of a traceback: the tables have lines and a minus sign that ASCII lacks."""
    code = "from imagenet_g.benchmark.cli import main; main(['published'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_enough_is_no_error() -> None:
    """`imagenet-g splits | head -1`."""
    code = "import sys; from imagenet_g.benchmark.cli import main; sys.exit(main(['splits']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 0


def test_an_unknown_command_is_named_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """The first word of all is a name too."""
    assert main(["[red]show[/]\x1b[31m"]) == 2
    assert r"'[red]show[/]\x1b[31m'" in capsys.readouterr().err
