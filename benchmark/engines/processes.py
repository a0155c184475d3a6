"""Processes of this machine, one a device. They end with the process that started them, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from imagenet_g.benchmark.engines.tasks import Death, Task, WorkReport
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationRequest
from imagenet_g.benchmark.feeding.processes import hide_script

PROGRESS_SECONDS = 0.2
"""Between two messages on progress."""
_JOIN_SECONDS = 5.0


class ProcessCrew:
    """One process a device; each is started with its first task.

    Args:
        request: What is evaluated; its device does not count.
        devices: Devices as torch names them; "cpu" may stand there several times.
        listeners: One a device, for its progress.
    """

    def __init__(
        self, request: EvaluationRequest, devices: Sequence[str], listeners: Sequence[EvaluationListener]
    ) -> None:
        self.size = len(devices)
        self._request = request
        self._devices = devices
        self._listeners = listeners
        self._threads = torch.get_num_threads()
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[int, tuple[BaseProcess, Connection]] = {}

    def start(self, number: int, task: Task) -> None:
        """Give a task to a process."""
        if number in self._workers and not self._workers[number][0].is_alive():
            # It died while it waited for work.
            self._remove(number)
        if number not in self._workers:
            self._workers[number] = self._start_process(number)
        self._workers[number][1].send(task)

    def wait(self) -> tuple[int, WorkReport | Death]:
        """The next process that is done, showing the progress of all meanwhile."""
        while True:
            numbers = {connection: number for number, (_, connection) in self._workers.items()}
            for connection in wait(list(numbers)):
                number = numbers[connection]  # type: ignore[index]
                try:
                    message = self._workers[number][1].recv()
                except (EOFError, OSError):
                    return number, self._remove(number)
                if isinstance(message, WorkReport):
                    return number, message
                name, arguments = message
                getattr(self._listeners[number], name)(*arguments)

    def close(self) -> None:
        """End all processes."""
        for process, connection in self._workers.values():
            connection.close()
            process.terminate()
        for process, _ in self._workers.values():
            process.join(_JOIN_SECONDS)
            # One that hangs in a driver does not see the signal.
            process.kill()
        self._workers.clear()

    def _start_process(self, number: int) -> tuple[BaseProcess, Connection]:
        here, there = self._context.Pipe()
        request = fit_request(self._request, self._devices, number)
        # Not a daemon in the sense of multiprocessing: those may not start processes that decode.
        process = self._context.Process(target=serve, args=(there, request, self._threads), daemon=False)
        with hide_script():
            process.start()
        # Otherwise the end of the process would not end the connection.
        there.close()
        return process, here

    def _remove(self, number: int) -> Death:
        process, connection = self._workers.pop(number)
        connection.close()
        process.join(_JOIN_SECONDS)
        code = process.exitcode
        reason = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Death(self._devices[number], reason)


def fit_request(request: EvaluationRequest, devices: Sequence[str], number: int) -> EvaluationRequest:
    """The request for one of several processes: its device, and its part of the cores for decoding."""
    workers = request.settings.workers or choose_workers(devices[number], processes=len(devices))
    return replace(request, settings=replace(request.settings, device=devices[number], workers=workers))


class PipeListener:
    """Sends progress to the process that shows it.

    Args:
        connection: To that process.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sent = 0.0

    def say(self, text: str) -> None:
        """A message for the user."""
        self._connection.send(("say", (text,)))

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """A split is about to be run."""
        self._sent = 0.0
        self._connection.send(("start_split", (model, split, unit)))

    def start_prompts(self, model: str) -> None:
        """Prompts are about to be encoded."""
        self._sent = 0.0
        self._connection.send(("start_prompts", (model,)))

    def advance(self, done: int, total: int) -> None:
        """So many are done; sent a few times a second."""
        now = time.monotonic()
        if now - self._sent >= PROGRESS_SECONDS or done == total:
            self._sent = now
            self._connection.send(("advance", (done, total)))


def serve(connection: Connection, request: EvaluationRequest, threads: int) -> None:
    """Do the tasks that come through a connection, until it ends; runs in a process of its own.

    Args:
        connection: Gives tasks, takes reports and progress.
        request: What is evaluated.
        threads: For computing on the CPU: as many as the process has that scores, since the last bits of an
            answer may depend on them.
    """
    _die_with_parent()
    from imagenet_g.benchmark.engines.work import do_task

    torch.set_num_threads(threads)
    listener = PipeListener(connection)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(do_task(request, task, listener))


def _die_with_parent() -> None:
    # Ctrl-C goes to every process of a terminal; only the one that started the others answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        # No clean-up: files are whole or absent, and code of a model may hang in it.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
