"""`make fuzz`: the tests of the doors again and again with new seeds, until their time is over.

Without `IMAGENET_G_FUZZ_SECONDS` the tests run once, with the same examples every time, as all others do.
"""

from __future__ import annotations

import inspect
import os
import random
import time
from collections import Counter

import hypothesis
import pytest
from doors import RULE

SECONDS = float(os.environ.get("IMAGENET_G_FUZZ_SECONDS", "0"))
SEED = os.environ.get("IMAGENET_G_FUZZ_SEED")
"""The seed of one round, to run it again."""
ROUNDS: Counter[str] = Counter()

if SECONDS or SEED:
    # A stored example of an earlier round would be run again in each of the next.
    hypothesis.settings.register_profile("fuzz", deadline=None, derandomize=False, database=None)
    hypothesis.settings.load_profile("fuzz")


def is_door(item: pytest.Item) -> bool:
    """Whether hypothesis draws what the test is given."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test of a door in rounds, each with a seed of its own that a failure prints."""
    if not (SECONDS or SEED) or not is_door(pyfuncitem):
        return None
    doors = [item for item in pyfuncitem.session.items if is_door(item)]
    until = time.monotonic() + SECONDS / len(doors)
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    while True:
        seed = int(SEED) if SEED else random.randrange(2**32)
        ROUNDS[pyfuncitem.name] += 1
        try:
            hypothesis.seed(seed)(pyfuncitem.obj)(**arguments)
        except BaseException as error:
            error.add_note(f"Again: IMAGENET_G_FUZZ_SEED={seed} .venv/bin/pytest '{pyfuncitem.nodeid}'")
            raise
        if SEED or time.monotonic() >= until:
            return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How often each door was entered, and what came out."""
    if not (SECONDS or SEED):
        return
    terminalreporter.section("doors")
    doors = sorted({door for door, _ in RULE.counts})
    for door in doors:
        messages, values = RULE.counts[door, "messages"], RULE.counts[door, "values"]
        terminalreporter.line(f"{door}: {messages + values} examples, {messages} messages, {values} right")
    terminalreporter.line(f"rounds: {', '.join(f'{name} {count}' for name, count in ROUNDS.items())}")
