"""Ray Core: one actor a GPU, or a share of the CPUs, on whatever machines the cluster has.

Not Ray Data, which chooses batches itself. A dead actor is replaced and its rows are run again, from the last
part that it finished: cache and results must lie on a disk that all machines share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from imagenet_g.benchmark.engines.ray_cluster import start_ray
from imagenet_g.benchmark.engines.tasks import Death, Failure, Task, WorkReport
from imagenet_g.benchmark.evaluation.requests import EvaluationRequest
from imagenet_g.benchmark.models.classifiers import ModelRequest


class RayCrew:
    """Actors of a Ray cluster; each is started with its first task.

    Args:
        request: What is evaluated.
        address: A running cluster; None starts one on this machine.
        actors: How many; None for one a GPU, or one.
        cpus: CPUs that each reserves.
        say: Takes a sentence for the user.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(
        self,
        request: EvaluationRequest,
        *,
        address: str | None = None,
        actors: int | None = None,
        cpus: float = 1.0,
        say: Callable[[str], None],
    ) -> None:
        self._ray = start_ray(address)
        num_gpus = int(self._ray.cluster_resources().get("GPU", 0)) if request.settings.device != "cpu" else 0
        self.size = actors or max(1, num_gpus)
        # Relative to the folder that the command runs in, which no actor runs in.
        self._request = _make_absolute(request)
        self._say = say
        self._actor_class = self._ray.remote(
            num_cpus=cpus,
            # More actors than GPUs share them; Ray only counts, it does not limit memory.
            num_gpus=min(1, num_gpus / self.size) if num_gpus else 0,
        )(EvaluationActor)
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}

    def start(self, number: int, task: Task) -> None:
        """Give a task to an actor."""
        if number not in self._actors:
            self._actors[number] = self._actor_class.remote(self._request, torch.get_num_threads())
        self._pending[self._actors[number].do.remote(task)] = number

    def wait(self) -> tuple[int, WorkReport | Death]:
        """The next actor that is done."""
        (done,), _ = self._ray.wait(list(self._pending), num_returns=1)
        number = self._pending.pop(done)
        try:
            report, said = self._ray.get(done)
        except self._ray.exceptions.RayActorError as error:
            del self._actors[number]
            return number, Death(f"actor {number + 1}", str(error).strip().splitlines()[0])
        except self._ray.exceptions.RayError as error:
            return number, WorkReport(failure=Failure.of(error))
        for text in said:
            self._say(text)
        return number, report

    def close(self) -> None:
        """Free what the actors hold; on a shared cluster they would keep it until this process ends."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()


class EvaluationActor:
    """Does tasks inside an actor.

    Args:
        request: What is evaluated.
        threads: For computing on the CPU. Ray gives an actor one for each CPU that it reserves; the last bits
            of an answer may depend on their number.
    """

    def __init__(self, request: EvaluationRequest, threads: int) -> None:
        self._request = request
        torch.set_num_threads(threads)

    def do(self, task: Task) -> tuple[WorkReport, list[str]]:
        """What became of a task, and what the user should read."""
        from imagenet_g.benchmark.engines.work import do_task

        listener = NoteListener()
        return do_task(self._request, task, listener), listener.said


class NoteListener:
    """Keeps what is said; progress stays in the actor."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """A message for the user."""
        self.said.append(text)

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """Nothing."""

    def start_prompts(self, model: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int) -> None:
        """Nothing."""


def _make_absolute(request: EvaluationRequest) -> EvaluationRequest:
    return replace(
        request,
        out=request.out.absolute(),
        cache=replace(request.cache, folder=request.cache.folder.absolute()),
        split_cache=None if request.split_cache is None else request.split_cache.absolute(),
        data={name: path.absolute() for name, path in request.data.items()},
        models=tuple(map(_place_files, request.models)),
    )


def _place_files(model: ModelRequest) -> ModelRequest:
    files = {name: getattr(model, name) for name in ("checkpoint", "class_map", "class_names")}
    placed = {name: path.absolute() for name, path in files.items() if path is not None}
    # One of the shipped sets of templates, or the path of a file.
    own = Path(model.templates)
    return replace(model, **placed, templates=str(own.absolute()) if own.is_file() else model.templates)
