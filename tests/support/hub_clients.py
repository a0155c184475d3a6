"""Commands against the stand-in Hub, in a process of their own: the Hub's client reads its settings once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub_server import OWNER_TOKEN

_RUN_ALL = """
import contextlib, io, json, sys
from imagenet_g.benchmark.cli import main
for argv in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


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
        done = self._finish([sys.executable, "-c", code, *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_all(self, *commands: Sequence[object]) -> list[Done]:
        """Run several commands of `imagenet-g` one after another in one process."""
        argvs = json.dumps([[str(word) for word in command] for command in commands])
        output = self.run_python(_RUN_ALL, argvs)
        return [Done(*json.loads(line)) for line in output.splitlines()]

    def run(self, *command: object) -> Done:
        """Run one command of `imagenet-g`."""
        return self.run_all(command)[0]

    def start(self, *command: object) -> subprocess.Popen[str]:
        """Start a command of `imagenet-g` and leave it running."""
        argv = [sys.executable, "-m", "imagenet_g.benchmark.cli", *map(str, command)]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def _finish(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, env=self.environment, capture_output=True, text=True, check=False, timeout=180
        )
