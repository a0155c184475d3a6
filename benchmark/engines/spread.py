"""An evaluation by a crew: the same results as by one process.

Tasks with all rows are scored where they ran. Shares of rows are joined to the predictions of all rows, put
into the cache, and scored here, as a serial run does that finds everything there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imagenet_g.benchmark.composing.joining import join_parts
from imagenet_g.benchmark.composing.part_files import StoredPart, load_part
from imagenet_g.benchmark.engines.crew import Crew, run_tasks
from imagenet_g.benchmark.engines.tasks import Task, WorkReport, plan_tasks
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.evaluation.evaluate import load_splits, run_evaluation
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.storage import validate_writable


def run_spread(
    request: EvaluationRequest, crew: Crew, listener: EvaluationListener
) -> tuple[EvaluationOutcome, ...]:
    """Evaluate every model on every split by several processes.

    Args:
        request: What to evaluate, with the device that this process scores for.
        crew: The processes.
        listener: Receives sentences for the user.

    Raises:
        ImagenetGError: As `run_evaluation`; before any process starts where that is possible.
    """
    validate_writable(request.out)
    validate_writable(request.cache.folder)
    load_splits(request, listener)
    found = _Found(request, listener)
    run_tasks(crew, plan_tasks(len(request.models), crew.size), found.receive, listener.say)
    return found.finish()


class _Found:
    """What came back so far, by the number of the model."""

    def __init__(self, request: EvaluationRequest, listener: EvaluationListener) -> None:
        self._request = request
        self._listener = listener
        self._errors: dict[int, ImagenetGError] = {}
        self._paths: dict[int, Path] = {}
        self._parts: dict[int, list[Path]] = defaultdict(list)
        self._computed: dict[int, int] = defaultdict(int)

    def receive(self, task: Task, report: WorkReport) -> None:
        """Take in what became of a task."""
        for number, model in zip(task.models, report.models, strict=True):
            self._computed[number] = max(self._computed[number], model.computed)
            self._parts[number] += model.parts
            if model.failure is not None:
                self._errors.setdefault(number, model.failure.make_error())
            elif model.path is not None:
                self._paths[number] = model.path

    def finish(self) -> tuple[EvaluationOutcome, ...]:
        """The outcomes of all models; those that were run in shares are scored now."""
        self._join_shares()
        rest = [n for n in range(len(self._request.models)) if n not in self._errors and n not in self._paths]
        models = tuple(self._request.models[number] for number in rest)
        scored: Sequence[EvaluationOutcome] = ()
        if models:
            scored = run_evaluation(replace(self._request, models=models), self._listener)
        by_number = dict(zip(rest, scored, strict=True))
        return tuple(
            replace(by_number[number], computed=max(by_number[number].computed, self._computed[number]))
            if number in by_number
            else self._make_outcome(number)
            for number in range(len(self._request.models))
        )

    def _join_shares(self) -> None:
        for number, paths in self._parts.items():
            if number in self._errors or not paths:
                continue
            try:
                self._join_model(paths)
            except DataError as error:
                # A backend that failed on one share only: this process then runs the model by itself.
                self._listener.say(str(error))
            # Only now: before, a killed process would have to compute them again.
            for path in paths:
                path.unlink(missing_ok=True)

    def _join_model(self, paths: Sequence[Path]) -> None:
        by_split: dict[str, list[StoredPart]] = defaultdict(list)
        for path in paths:
            part = load_part(path)
            by_split[part.meta.predictions.split.ref].append(part)
        for parts in by_split.values():
            self._request.cache.write_predictions(*join_parts(parts))

    def _make_outcome(self, number: int) -> EvaluationOutcome:
        error, path = self._errors.get(number), self._paths.get(number)
        return EvaluationOutcome(
            requested=self._request.models[number].requested,
            result=None if error is not None or path is None else load_result(path),
            path=None if error is not None else path,
            error=error,
            computed=self._computed[number],
        )
