"""Models on splits for a replay: the results, and the right answers by class behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.baselines.lines.measure import Measurement
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.evaluation.evaluate import run_evaluation
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationRequest
from imagenet_g.benchmark.lineage.declarations import TrainingDeclaration
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.predictions.class_counts import load_own_counts, load_pair_counts
from imagenet_g.benchmark.splits.references import parse_split_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlace:
    """Where a replay runs.

    Attributes:
        data: Local copies of splits by name.
        settings: Device, batch size, workers.
        out: Results, trained models and their checkpoints.
        cache: What is kept between runs.
        listener: Receives progress.
    """

    data: Mapping[str, Path]
    settings: RunSettings
    out: Path
    cache: Cache
    listener: EvaluationListener


def evaluate(
    place: ReplayPlace,
    models: Sequence[ModelRequest],
    refs: Sequence[str],
    reference: str,
    out: Path,
    *,
    declaration: TrainingDeclaration | None = None,
) -> list[Measurement]:
    """Results of models on splits with the counts behind them; a model that fails stops it.

    Args:
        place: Where.
        models: Models.
        refs: Splits and views.
        reference: The clean set.
        out: Folder of the results.
        declaration: What the models were trained on.

    Raises:
        InputError: A model failed.
    """
    request = EvaluationRequest(
        models=tuple(models),
        splits=tuple(parse_split_ref(ref) for ref in refs),
        reference=parse_split_ref(reference),
        data=place.data,
        settings=place.settings,
        out=out,
        cache=place.cache,
        declaration=declaration or TrainingDeclaration(),
    )
    measured: list[Measurement] = []
    for outcome in run_evaluation(request, place.listener):
        # `evaluate` reports a failed model and continues. Here a table with a hole would decide a claim from
        # fewer models than it names.
        if outcome.result is None or outcome.path is None:
            raise InputError(
                f"'{outcome.requested}' failed: {outcome.error} What is finished is kept; run the same "
                "command again."
            )
        # Read back from the predictions: a result holds sums, and the claims' intervals draw classes.
        folder = outcome.path.parent
        counts = load_pair_counts(outcome.result, folder, data=place.data)
        # A column may be the clean set itself.
        counts |= {
            entry.split.ref: load_own_counts(entry, folder, data=place.data)
            for entry in outcome.result.entries
            if entry.split.ref == str(request.reference)
        }
        measured.append((outcome.result, counts))
    return measured


def list_unlike_filters(measured: Sequence[Measurement]) -> frozenset[str]:
    """Splits that a score filtered otherwise than the clean set: part of their gaps is the filter's."""
    return frozenset(
        entry.split.ref
        for result, _ in measured
        for entry in result.entries
        for gap in entry.gaps[:1]
        if not gap.reference.filtered_alike
    )
