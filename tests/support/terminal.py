"""A command in a terminal of its own, which a test types into; it is killed when its time is over."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

CTRL_C = b"\x03"
PATIENCE_S = 1.0


class Terminal:
    """What is on the screen, and a keyboard."""

    def __init__(self, master: int, child: subprocess.Popen[bytes], seconds: float) -> None:
        self._master = master
        self._child = child
        self._deadline = time.monotonic() + seconds
        self.screen = ""
        self._read_to = 0

    def wait_for(self, text: str) -> None:
        """Read until a text appears behind what was waited for before; fails when the time is over."""
        while text not in self.screen[self._read_to :]:
            assert self._read(), f"{text!r} did not come; the screen says:\n{self.screen}"
        self._read_to = self.screen.index(text, self._read_to) + len(text)

    def type_line(self, text: str) -> None:
        """Type a line and Enter."""
        os.write(self._master, f"{text}\n".encode())

    def press(self, key: bytes) -> None:
        """Press a key that the terminal itself understands."""
        os.write(self._master, key)

    def press_until_end(self, key: bytes) -> int:
        """Press a key, again while nothing comes of it; exit code of the command.

        Python misses a Ctrl-C that comes between its prompt and its reading, until the next key.
        """
        while self._child.poll() is None and time.monotonic() < self._deadline:
            self.press(key)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(PATIENCE_S)
        return self.wait_for_end()

    def wait_for_end(self) -> int:
        """Exit code of the command."""
        while self._read():
            pass
        return self._child.wait(max(0.1, self._deadline - time.monotonic()))

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, self._deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux answers so when the other end is closed.
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


_IN_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from imagenet_g.benchmark.cli import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def open_terminal(words: Sequence[str], *, folder: Path, seconds: float) -> Iterator[Terminal]:
    """Run `imagenet-g` in a pseudo-terminal that Ctrl-C reaches."""
    master, slave = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _IN_TERMINAL, *words],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master, child, seconds)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        os.close(master)
