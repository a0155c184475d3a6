"""What a process does with a task: the evaluation of some models, as it would run alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from imagenet_g.benchmark.engines.tasks import Failure, ModelReport, Task, WorkReport
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.evaluation.evaluate import load_splits, run_evaluation
from imagenet_g.benchmark.evaluation.model_run import ModelRun
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.splits.splits import Split

SHARES = "shares"
"""Folder in the cache for shares of rows until all are there."""


def do_task(request: EvaluationRequest, task: Task, listener: EvaluationListener) -> WorkReport:
    """Run a task.

    Args:
        request: The whole evaluation, with the device of this process.
        task: Which models, and which rows.
        listener: Receives the progress.
    """
    try:
        outcomes: Sequence[EvaluationOutcome]
        if task.share is None:
            models = tuple(request.models[number] for number in task.models)
            outcomes = run_evaluation(replace(request, models=models), listener)
        else:
            outcomes = _run_share(request, task, listener)
    except Exception as error:
        # Of whatever kind: it must reach the process that waits for it.
        return WorkReport(failure=Failure.of(error))
    return WorkReport(models=tuple(map(_report, outcomes)))


def _run_share(
    request: EvaluationRequest, task: Task, listener: EvaluationListener
) -> Sequence[EvaluationOutcome]:
    splits = load_splits(request, listener)
    asked = [request.models[number] for number in task.models]
    missing = [model for model in asked if not _is_cached(model, request, splits, listener)]
    share = replace(request, models=tuple(missing), share=task.share, out=request.cache.folder / SHARES)
    found = dict(zip(missing, run_evaluation(share, listener) if missing else (), strict=True))
    return [found.get(model, _make_blank(model)) for model in asked]


def _is_cached(
    model: ModelRequest, request: EvaluationRequest, splits: Mapping[str, Split], listener: EvaluationListener
) -> bool:
    """Whether an earlier run left all rows of all splits."""
    run = ModelRun(model, request.settings, request.cache, listener)
    try:
        run.choose_backend(splits.values(), limit=request.limit)
        return all(run.is_cached(split, limit=request.limit) for split in splits.values())
    except ImagenetGError:
        # The evaluation meets it again, and reports it.
        return False


def _make_blank(model: ModelRequest) -> EvaluationOutcome:
    return EvaluationOutcome(requested=model.requested, result=None, path=None, error=None, computed=0)


def _report(outcome: EvaluationOutcome) -> ModelReport:
    return ModelReport(
        path=outcome.path,
        parts=outcome.parts,
        failure=None if outcome.error is None else Failure.of(outcome.error),
        computed=outcome.computed,
    )
