"""An evaluation run by the processes that its options name, its results held against their lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from imagenet_g.benchmark.engines.opening import evaluate_by, make_engine_options
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.evaluation.run_plans import RunPlan
from imagenet_g.benchmark.runs.lines import apply_baselines
from imagenet_g.benchmark.runs.options import EvaluationOptions


class LaneListener(EvaluationListener, Protocol):
    """Receives the progress of one process, or of several side by side."""

    def add_lane(self) -> EvaluationListener:
        """A listener for one of several processes."""


OpenListener = Callable[[], AbstractContextManager[LaneListener]]
RunRequest = Callable[[EvaluationRequest], tuple[EvaluationOutcome, ...]]


def make_evaluate(
    options: EvaluationOptions, plan: RunPlan, *, listen: OpenListener, say: Callable[[str], None]
) -> RunRequest:
    """What evaluates the models of a request, on the devices or the cluster that the options name.

    Args:
        options: What the user asks for.
        plan: What was taken by default.
        listen: Opens what shows the progress.
        say: Takes a note on a result without a line.

    Raises:
        InputError: Options contradict each other, or a device is not available.
    """
    engine = make_engine_options(options)

    def evaluate(request: EvaluationRequest) -> tuple[EvaluationOutcome, ...]:
        with listen() as listener:
            outcomes = evaluate_by(engine, request, listener, listener.add_lane)
        return apply_baselines(outcomes, plan.list_baselines(), request.data, say=say)

    return evaluate
