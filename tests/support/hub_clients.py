"""Commands against the stand-in Hub, in a process of their own: the Hub's client reads its settings once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from client_process import run_commands, run_one, run_program
from hub_server import OWNER_TOKEN
from warm_processes import get_warm_context

ANSWER_SECONDS = 180


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Client:
    """A person at a machine: a home folder, a token or none, and the address of a Hub."""

    url: str
    home: Path
    token: str | None = OWNER_TOKEN
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the clients read."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        return kept | {
            "HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(self.home / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": str(Path(__file__).parent), "XDG_CACHE_HOME": str(self.home / "cache"),
            **({"HF_TOKEN": self.token} if self.token else {}),
            **self.changes,
        }  # fmt: skip

    def run_python(self, code: str, *arguments: str) -> str:
        """Output of a program; it must succeed."""
        ((code_of_exit, out, err),) = self._answer(run_program, 1, code, list(arguments))
        assert code_of_exit == 0, err
        return out

    def run_alone(self, code: str) -> str:
        """As `run_python`, in an interpreter that has imported nothing, also none of this package."""
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_all(self, *commands: Sequence[object]) -> list[Done]:
        """Run several commands of `imagenet-g` one after another in one process."""
        words = [[str(word) for word in command] for command in commands]
        return [Done(*answer) for answer in self._answer(run_commands, len(words), words)]

    def run(self, *command: object) -> Done:
        """Run one command of `imagenet-g`."""
        return self.run_all(command)[0]

    def start(self, *command: object) -> ForkServerProcess:
        """Start a command of `imagenet-g` and leave it running; what it says goes nowhere."""
        words = (self.environment, [str(word) for word in command])
        process = get_warm_context().Process(target=run_one, args=words, daemon=True)
        process.start()
        return process

    def _answer(self, target: Callable[..., None], number: int, *words: object) -> list[tuple[int, str, str]]:
        """What a function sends back from a warm process, which ends after so many answers."""
        context = get_warm_context()
        answers, theirs = context.Pipe(duplex=False)
        # A daemon ends with the tests, however they end.
        process = context.Process(target=target, args=(self.environment, *words, theirs), daemon=True)
        process.start()
        # The other end is the process's alone, so that its death ends the waiting.
        theirs.close()
        try:
            found = [_receive(answers) for _ in range(number)]
            process.join(ANSWER_SECONDS)
            assert process.exitcode == 0
            return found
        finally:
            process.kill()
            answers.close()


def _receive(answers: Connection) -> tuple[int, str, str]:
    """Exit code, output and errors of a command; it must come to its end."""
    assert answers.poll(ANSWER_SECONDS), f"no answer in {ANSWER_SECONDS} s"
    answer: tuple[int, str, str] | str = answers.recv()
    assert not isinstance(answer, str), answer
    return answer
