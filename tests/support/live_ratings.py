"""The raters' page as they meet it: the real server in a process of its own, which can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from live_board import STOP_SECONDS, find_free_port, wait_for_server


class RatingServer:
    """`imagenet-g audit serve` on one port, started and killed as often as a test wants.

    Args:
        folder: Of the audit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.kept = folder / "gradio"
        self.port = find_free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait for the first answer.

        Raises:
            TimeoutError: There was none in time.
        """
        words = [sys.executable, "-m", "imagenet_g.benchmark.cli", "audit", "serve", str(self.folder)]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*words, "--port", str(self.port)], stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(self.kept)},
            )  # fmt: skip
        wait_for_server(self.address, self._process, self.log)

    def kill(self) -> None:
        """Kill with SIGKILL: nothing can be written on the way."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=STOP_SECONDS)
