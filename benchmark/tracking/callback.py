"""An evaluation that hands its results on: the one small callback of `--track` and of `track=`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.runs.running import RunRequest
from imagenet_g.benchmark.tracking.trackers import Tracker, track_results


def track_outcomes(
    evaluate: RunRequest, tracker: Tracker, out: Path, *, say: Callable[[str], None]
) -> RunRequest:
    """What evaluates, and hands each result to a tracker afterwards.

    Args:
        evaluate: Runs the models of a request.
        tracker: Takes the results.
        out: Folder of the results, where a tracker's files go.
        say: Takes a note on what the tracker failed with; the results stand.
    """

    def evaluate_and_track(request: EvaluationRequest) -> tuple[EvaluationOutcome, ...]:
        outcomes = evaluate(request)
        results = [outcome.result for outcome in outcomes if outcome.result is not None]
        for failure in track_results(tracker, results, out):
            say(f"note: {failure}")
        return outcomes

    return evaluate_and_track
