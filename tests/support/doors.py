"""The one rule of the fuzz tests: what comes in from outside gives one clear message, or what is right.

A *door* is a place where a user's value or file enters: a class map, a reference, an image. A test of a door
draws an input, enters with `RULE.enter` or `RULE.run_command`, and compares what comes out with a reference
of its own. The rule counts each entry, for `make fuzz`.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from imagenet_g.benchmark.cli import format_failure, main
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.terminal.text import escape_controls

Value = TypeVar("Value")
MAX_MESSAGE = 2000
"""Characters; a longer message buries its reason."""
# What Python prints of itself: a user can do nothing with it.
_INTERNALS = re.compile(r"Traceback|errors\.pydantic\.dev|<[\w. ]+ object at 0x|\bself\.\w+\(")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What a command did.

    Attributes:
        code: Its exit code.
        stdout: What it printed.
        stderr: Its notes and its message.
    """

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class DoorRule:
    """Decides whether what came out of a door is right.

    Attributes:
        counts: Number of messages and of values, by the name of the door.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def enter(self, door: str, call: Callable[[], Value], *, names: Sequence[object]) -> Value | None:
        """What the call returns, or None where it ends in one clear message; anything else fails the test.

        Args:
            door: Name of the door, for the counts.
            call: Reads what was drawn.
            names: Values and files; the message must name one of them.
        """
        try:
            value = call()
        except (ImagenetGError, OSError) as error:
            message = format_failure(error)
            if message is None:
                raise
            validate_message(message, names)
            self.counts[door, "messages"] += 1
            return None
        self.counts[door, "values"] += 1
        return value

    def run_command(self, door: str, *words: object, names: Sequence[object]) -> CommandOutcome:
        """Run `imagenet-g` in this process; a failure must be one clear message and exit code 1 or 2."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            code = main([str(word) for word in words])
        outcome = CommandOutcome(code, stdout.getvalue(), stderr.getvalue())
        if code != 0:
            assert code in (1, 2), f"exit code {code}"
            validate_message(find_message(outcome.stderr), names)
            assert not _CONTROL.search(outcome.stderr), "a message must not steer the terminal"
        self.counts[door, "messages" if code else "values"] += 1
        return outcome


RULE = DoorRule()


def validate_message(message: str, names: Sequence[object]) -> None:
    """Check that a message is there, is short, shows nothing of the program, and names its subject."""
    assert message.strip(), "an empty message"
    assert len(message) <= MAX_MESSAGE, f"{len(message)} characters bury the reason: {message[:200]!r}..."
    assert not _INTERNALS.search(message), f"the message shows the program: {message!r}"
    # Messages may quote as Python does, which escapes some characters.
    wanted = {
        form for name in names for form in (str(name), repr(str(name))[1:-1], escape_controls(str(name)))
    }
    # Of a value too long to print, the beginning is enough.
    assert any(form[:60] in message for form in wanted), f"{message!r} names none of {sorted(wanted)}"


def find_message(stderr: str) -> str:
    """The one message on the standard error; notes come before it."""
    parts = re.split(r"^imagenet-g: ", stderr, flags=re.MULTILINE)[1:]
    assert len(parts) == 1, f"{len(parts)} messages where one belongs: {stderr!r}"
    return parts[0]


@contextmanager
def open_place() -> Iterator[Path]:
    """A new folder for one example, deleted after it; pytest's own would be shared by all examples."""
    with tempfile.TemporaryDirectory(prefix="door-") as folder:
        yield Path(folder)


def doors(examples: int) -> settings:
    """Settings of a test of a door: so many examples in the suite, and in each round of `make fuzz`."""
    # Files are slow to make; that is no fault of a strategy.
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck))


@st.composite
def damage(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes truncated, with flipped bits, with other bytes in between, or as they are."""
    kind = draw(st.sampled_from(["whole", "cut", "flip", "insert", "fill", "repeat"]))
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    match kind:
        case "cut":
            return data[:at]
        case "flip":
            flipped = bytearray(data)
            for place in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), min_size=1, max_size=4)):
                if data:
                    flipped[place] ^= 1 << draw(st.integers(0, 7))
            return bytes(flipped)
        case "insert":
            return data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at:]
        case "fill":
            # A block of a disk that was never written.
            return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
        case "repeat":
            return data + data[at:]
        case _:
            return data
