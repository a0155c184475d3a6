"""`imagenet-g baselines run` and `apply`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagenet_g.baselines.lines.measure import Measurement
    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome, EvaluationRequest
    from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet
    from imagenet_g.benchmark.splits.real_set_files import RealSet


def run_models(arguments: Namespace) -> int:
    """Evaluate a set's models, gather them into one file for each split, and print the fitted lines."""
    from imagenet_g.baselines.commands.add import add_lines
    from imagenet_g.baselines.lines.baselines import load_baseline
    from imagenet_g.baselines.lines.measure import build_measured_baseline
    from imagenet_g.benchmark.evaluation.evaluate import run_evaluation
    from imagenet_g.benchmark.identity import make_slug
    from imagenet_g.benchmark.robustness.measured_sets import write_measured_baseline
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    baseline = load_baseline(arguments.set)
    request = make_request(baseline, arguments)
    with ProgressListener() as listener:
        outcomes = run_evaluation(request, listener)
    found = gather_outcomes(baseline, outcomes, data=request.data)
    lines = [build_measured_baseline(baseline, found, split) for split in arguments.split]
    for split, measured in zip(arguments.split, lines, strict=True):
        path = arguments.out / f"{baseline.header.id}-{make_slug(split)}.json"
        write_measured_baseline(path, measured)
        print_line(f"wrote {path} (sha256 {measured.sha256})")
        print_lines(measured)
    if arguments.publish is not None:
        add_lines(arguments.publish, lines)
    return 0


def make_request(baseline: BaselineSet, arguments: Namespace) -> EvaluationRequest:
    """The evaluation of every model of the set that may be in a fit."""
    from imagenet_g.baselines.lines.measure import list_requests
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.evaluation.cache import Cache, choose_cache_folder
    from imagenet_g.benchmark.evaluation.requests import EvaluationRequest
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref

    sets = load_sets(arguments.sets)
    return EvaluationRequest(
        models=list_requests(baseline),
        splits=tuple(parse_split_ref(split, sets) for split in arguments.split),
        reference=parse_split_ref(arguments.reference, sets),
        data=parse_data(arguments, sets),
        settings=RunSettings(
            device=arguments.device, batch_size=arguments.batch_size, workers=arguments.workers
        ),
        out=arguments.out,
        cache=Cache(choose_cache_folder(arguments.cache)),
    )


def parse_data(arguments: Namespace, sets: Mapping[str, RealSet] | None = None) -> Mapping[str, Path]:
    """Local copies by name; `sets` are the known real sets, None for the shipped ones."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs

    return parse_data_pairs(arguments.data, sets)


def gather_outcomes(
    baseline: BaselineSet, outcomes: tuple[EvaluationOutcome, ...], *, data: Mapping[str, Path]
) -> dict[str, Measurement]:
    """The measurement of each model of the set; an incomplete baseline is refused.

    Raises:
        InputError: A model failed.
    """
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.predictions.class_counts import load_pair_counts

    measured: dict[str, Measurement] = {}
    for record, outcome in zip(baseline.fitted, outcomes, strict=True):
        if outcome.result is None or outcome.path is None:
            raise InputError(
                f"'{record.model}' failed: {outcome.error} The baseline is not written; finished models are "
                "kept, so run the same command again."
            )
        counts = load_pair_counts(outcome.result, outcome.path.parent, data=data)
        measured[record.model] = (outcome.result, counts)
    return measured


def print_lines(measured: MeasuredBaseline) -> None:
    """Print the fits on all links, or why no line can be fitted."""
    from imagenet_g.baselines.commands.show import list_notes, make_fit_table
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.robustness.fits import fit_line
    from imagenet_g.benchmark.robustness.links import LINKS
    from imagenet_g.benchmark.robustness.measured_sets import build_measured_points
    from imagenet_g.benchmark.terminal.tables import print_shown

    try:
        fits = [fit_line(build_measured_points(measured), link) for link in LINKS]
    # No failure of the command: the baseline's file is written already, only a line cannot be fitted.
    except InputError as error:
        print_message(f"no line: {error}", error=False)
        return
    print_shown(make_fit_table(fits))
    for note in list_notes(fits):
        print_line(note)


def run_apply(arguments: Namespace) -> int:
    """Add effective robustness to a result, print it, write it."""
    from imagenet_g.baselines.lines.apply import DEFAULT_LINKS, apply_baseline
    from imagenet_g.benchmark.predictions.result_files import find_result_folder
    from imagenet_g.benchmark.reports.robustness_lines import list_robustness

    out = arguments.out or find_result_folder(arguments.result)
    enriched = apply_baseline(
        arguments.result,
        baseline=arguments.baseline,
        links=arguments.link or DEFAULT_LINKS,
        data=parse_data(arguments),
        out=out,
    )
    print_block("\n".join(list_robustness(enriched)))
    print_line(f"wrote {out / 'result.json'}")
    return 0
