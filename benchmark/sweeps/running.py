"""The models of a sweep, run in turn; each one's fate is written down as soon as it is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.sweeps.choosing import ChosenModel
from imagenet_g.benchmark.sweeps.journal import (
    DoneRecord,
    FailedRecord,
    add_done,
    add_failed,
    change_journal,
    set_running,
)
from imagenet_g.benchmark.sweeps.states import SweepState

CHUNK = 8
"""Models that are given to an evaluation together: they share the reading of images."""

Evaluate = Callable[[EvaluationRequest], Sequence[EvaluationOutcome]]
"""From a request to the outcomes of its models, in their order."""


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """What a sweep runs.

    Attributes:
        request: All but the models.
        baselines: The lines that effective robustness is stated against.
        templates: Zero-shot prompts of every model.
        class_names: File with zero-shot names of the classes; None for the usual ones.
        chunk: Models given to an evaluation together.
        num_processes: How many work at a time, for the estimate.
    """

    request: EvaluationRequest
    baselines: tuple[str, ...] = ()
    templates: str = "openai-80"
    class_names: Path | None = None
    chunk: int = CHUNK
    num_processes: int = 1

    @property
    def asked(self) -> str:
        """Hash of all that decides a result beside the model."""
        request = self.request
        return hash_json(
            {
                "splits": {str(ref): str(request.find_reference(ref)) for ref in request.splits},
                "baselines": list(self.baselines),
                "unfiltered": request.unfiltered_reference,
                "skip_unreadable": request.skip_unreadable,
                "data": {name: str(path) for name, path in request.data.items()},
                "limit": request.limit,
                "dtype": request.settings.dtype,
                "templates": self.templates,
                "class_names": str(self.class_names),
                "declaration": str(request.declaration),
            }
        )


def run_sweep(sweep: SweepRequest, state: SweepState, evaluate: Evaluate) -> Iterator[EvaluationOutcome]:
    """Run what is left, and write down what becomes of each model.

    Args:
        sweep: What is run.
        state: Which models are left.
        evaluate: What evaluates models.

    Raises:
        ImagenetGError: What concerns no single model: a split that is missing, a full disk.
    """
    for chunk in _form_chunks(state, sweep.chunk):
        names = tuple(model.spec for model in chunk)
        change_journal(sweep.request.out, partial(set_running, specs=names))
        try:
            requests = tuple(_make_request(model, sweep) for model in chunk)
            outcomes = evaluate(replace(sweep.request, models=requests))
            for model, outcome in zip(chunk, outcomes, strict=True):
                write_outcome(sweep, model, outcome)
                yield outcome
        # GeneratorExit and KeyboardInterrupt, too: whoever stops a sweep did not end it by a model.
        finally:
            change_journal(sweep.request.out, partial(set_running, specs=()))


def write_outcome(sweep: SweepRequest, model: ChosenModel, outcome: EvaluationOutcome) -> None:
    """Write down what became of a model.

    Raises:
        StorageError: The journal cannot be written.
    """
    if outcome.result is None or outcome.path is None:
        lines = str(outcome.error).splitlines() or ["no reason was given"]
        failed = FailedRecord(asked=sweep.asked, error=lines[0], failed_utc=format_now())
        change_journal(sweep.request.out, lambda journal: add_failed(journal, model.spec, failed))
        return
    done = _make_done(sweep, outcome.result, outcome.path)
    change_journal(sweep.request.out, lambda journal: add_done(journal, model.spec, done))


def _form_chunks(state: SweepState, size: int) -> Iterator[Sequence[ChosenModel]]:
    """Models to run together; each of those that were interrupted before runs alone, at the end."""
    first = [model for model in state.left if model.spec not in state.interrupted]
    for start in range(0, len(first), size):
        yield first[start : start + size]
    for model in state.left:
        if model.spec in state.interrupted:
            yield [model]


def _make_request(model: ChosenModel, sweep: SweepRequest) -> ModelRequest:
    return ModelRequest(
        requested=model.requested,
        spec=parse_model_spec(model.requested),
        templates=sweep.templates,
        class_names=sweep.class_names,
    )


def _make_done(sweep: SweepRequest, result: Result, path: Path) -> DoneRecord:
    refs = {str(ref) for ref in (*sweep.request.splits, *sweep.request.list_references())}
    entries = [entry for entry in result.entries if entry.split.ref in refs]
    # Views share the predictions of their split, which were computed once.
    computed = {entry.predictions.sha256: entry for entry in entries}.values()
    num_images = sum(entry.n for entry in computed)
    times = [entry.n * seconds for entry in computed if (seconds := _measure_image(entry)) is not None]
    return DoneRecord(
        asked=sweep.asked,
        folder=path.parent.relative_to(sweep.request.out).as_posix(),
        predictions={entry.split.ref: entry.predictions.sha256 for entry in entries},
        num_images=num_images,
        seconds_per_image=sum(times) / num_images if times and len(times) == len(computed) else None,
    )


def _measure_image(entry: Entry) -> float | None:
    """Seconds that an image took, where the run computed any."""
    run = entry.predictions.run
    if run.images_per_second <= 0:
        return None
    # A pass of several models took its time for all of them.
    return 1 / run.images_per_second / (1 + (getattr(run, "shared_with", None) or 0))
