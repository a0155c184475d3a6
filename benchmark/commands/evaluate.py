"""`imagenet-g evaluate`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.commands.evaluate_options import add_arguments
from imagenet_g.benchmark.terminal.text import print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from imagenet_g.benchmark.evaluation.evaluate import EvaluationOutcome, EvaluationRequest
    from imagenet_g.benchmark.models.classifiers import ModelRequest
    from imagenet_g.benchmark.splits.real_set_files import RealSet
    from imagenet_g.benchmark.splits.references import SplitRef

__all__ = ["add_arguments", "run"]


def run(arguments: Namespace) -> int:
    """Evaluate, print the table, list the files."""
    from imagenet_g.benchmark.evaluation.evaluate import run_evaluation
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    request = make_request(arguments)
    for baseline in arguments.baseline:
        # Before anything runs: a mistyped baseline must not be reported after hours of evaluation.
        load_robustness("check")(baseline)
    with ProgressListener() as listener:
        outcomes = run_evaluation(request, listener)
    for baseline in arguments.baseline:
        outcomes = apply_baseline(outcomes, baseline, request.data)
    return report_outcomes(outcomes)


def load_robustness(name: str) -> Callable[..., Any]:
    """What states effective robustness: "check" a baseline, or "apply" it to a result.

    Baselines stand above this folder, so they are found through an entry point, as commands are.
    """
    from importlib.metadata import entry_points

    loaded: Callable[..., Any] = entry_points(group="imagenet_g.robustness")[name].load()
    return loaded


def apply_baseline(
    outcomes: Sequence[EvaluationOutcome], baseline: str, data: Mapping[str, Path]
) -> tuple[EvaluationOutcome, ...]:
    """Outcomes with effective robustness in their results; where there is no line, a note is printed."""
    from dataclasses import replace

    from imagenet_g.benchmark.errors import InputError

    apply = load_robustness("apply")
    enriched = []
    for outcome in outcomes:
        try:
            result = apply(outcome.path, baseline=baseline, data=data) if outcome.path else None
            enriched.append(replace(outcome, result=result))
        except InputError as error:
            print_message(f"note: {outcome.requested}: {error}")
            enriched.append(outcome)
    return tuple(enriched)


def make_request(arguments: Namespace) -> EvaluationRequest:
    """The request of the command line; everything that can be checked without a model is checked here.

    Raises:
        InputError: A malformed or contradictory option.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import Cache, choose_cache_folder
    from imagenet_g.benchmark.evaluation.evaluate import EvaluationRequest
    from imagenet_g.benchmark.evaluation.model_run import RunSettings
    from imagenet_g.benchmark.predictions.freshness import parse_declaration
    from imagenet_g.benchmark.splits.real_set_files import load_sets

    sets = load_sets(arguments.sets)
    data = parse_data_pairs(arguments.data, sets)
    return EvaluationRequest(
        models=_make_model_requests(arguments),
        splits=_choose_splits(arguments.split, data, sets),
        reference=_choose_reference(arguments.reference, data, sets),
        unfiltered_reference=arguments.unfiltered_reference,
        data=data,
        settings=RunSettings(
            device=arguments.device,
            dtype=arguments.dtype,
            batch_size=arguments.batch_size,
            workers=arguments.workers,
        ),
        limit=arguments.limit,
        skip_unreadable=arguments.skip_unreadable,
        out=arguments.out,
        cache=Cache(choose_cache_folder(arguments.cache)),
        stream=arguments.stream,
        declaration=parse_declaration(
            arguments.training_data, arguments.trained_until, arguments.trained_on_generated
        ),
    )


def report_outcomes(outcomes: Sequence[EvaluationOutcome]) -> int:
    """Print the table and every failure.

    Returns:
        0 when all models ran, 1 when some failed, 2 when all did.
    """
    from imagenet_g.benchmark.commands.report import make_report
    from imagenet_g.benchmark.terminal.tables import print_shown

    results = [outcome.result for outcome in outcomes if outcome.result is not None]
    if results:
        print_shown(make_report(results))
    for outcome in outcomes:
        if outcome.path is not None:
            source = "" if outcome.computed else " (all predictions came from the cache)"
            print_line(f"wrote {outcome.path}{source}")
    failures = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failures:
        print_message(f"imagenet-g: {outcome.requested} failed: {outcome.error}")
    if not failures:
        return 0
    return 1 if results else 2


def _make_model_requests(arguments: Namespace) -> tuple[ModelRequest, ...]:
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.models.classifiers import ModelRequest
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    # A model that is named twice runs once; both would write to one folder.
    models = list(dict.fromkeys(arguments.model))
    if len(models) > 1 and (arguments.checkpoint or arguments.class_map):
        raise InputError("--checkpoint and --class-map belong to one model; give one --model with them.")
    if arguments.checkpoint_key is not None and arguments.checkpoint is None:
        raise InputError("--checkpoint-key goes with --checkpoint: it chooses among that file's weights.")
    return tuple(
        ModelRequest(
            requested=text,
            spec=parse_model_spec(text),
            checkpoint=arguments.checkpoint,
            checkpoint_key=arguments.checkpoint_key,
            class_map=arguments.class_map,
            templates=arguments.templates,
        )
        for text in models
    )


def _choose_splits(
    texts: list[str] | None, data: Mapping[str, Path], sets: Mapping[str, RealSet]
) -> tuple[SplitRef, ...]:
    from imagenet_g.benchmark.catalogue.catalogue import newest_version
    from imagenet_g.benchmark.splits.references import parse_split_ref

    if texts:
        return tuple(parse_split_ref(text, sets) for text in dict.fromkeys(texts))
    return newest_version(data)


def _choose_reference(
    text: str | None, data: Mapping[str, Path], sets: Mapping[str, RealSet]
) -> SplitRef | None:
    from imagenet_g.benchmark.evaluation.evaluate import PUBLISHED
    from imagenet_g.benchmark.splits.references import parse_split_ref

    if text is None:
        return parse_split_ref("imagenet-val") if "imagenet-val" in data else None
    return None if text == PUBLISHED else parse_split_ref(text, sets)
