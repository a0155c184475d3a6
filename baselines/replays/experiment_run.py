"""Experiments, run: trainings that are missing, evaluations that are missing, numbers, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagenet_g.baselines.replays.cells.checking import validate_cells
from imagenet_g.baselines.replays.counting import list_column_splits
from imagenet_g.baselines.replays.evaluating import ReplayPlace
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec
from imagenet_g.baselines.replays.outcomes import MeasuredExperiment, judge_experiment, list_numbers
from imagenet_g.baselines.replays.records import ExperimentRecord, ExperimentsRecord
from imagenet_g.baselines.replays.rows import (
    MeasuredRow,
    list_distinct_runs,
    list_missing,
    measure_line,
    measure_rows,
    train_rows,
)
from imagenet_g.baselines.replays.seeds import estimate_accuracy
from imagenet_g.baselines.training.run import prepare_run
from imagenet_g.baselines.training.starting import start_model
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.robustness.fits import fit_line
from imagenet_g.benchmark.robustness.points import BaselinePoints, validate_points
from imagenet_g.benchmark.splits.references import parse_split_ref


def run_experiments(place: ReplayPlace, spec: ExperimentsSpec, *, seeds: int | None) -> ExperimentsRecord:
    """Run everything that is not done yet, and gather the results.

    Args:
        place: Where.
        spec: The experiments to be run.
        seeds: Most seeds of a recipe; None for all.

    Raises:
        ImagenetGError: As training and evaluation; nothing is left out of a table.
    """
    validate_data(place, spec)
    # All trainings before all evaluations: they take longest, and a stop loses least.
    train_rows(place, list_distinct_runs(spec.experiments, seeds=seeds))
    return ExperimentsRecord(
        name=spec.name,
        title=spec.title,
        notice=spec.notice,
        spec_sha256=hash_json(spec.model_dump(mode="json")),
        environment=make_environment(),
        most_seeds=seeds,
        experiments=tuple(_run_experiment(place, spec, one, seeds=seeds) for one in spec.experiments),
    )


def validate_data(place: ReplayPlace, spec: ExperimentsSpec) -> None:
    """Open every split and build every model once, so that nothing is found missing after hours of training.

    Raises:
        ImagenetGError: A split or an architecture cannot be used, or a mix cannot be made of its sources.
    """
    if missing := list_missing(spec, place.data):
        made = "; ".join(f"{name}: {command}" for name, command in missing.items())
        options = " ".join(f"--data {name}=DIR" for name in missing)
        raise InputError(
            f"'{spec.name}' needs what is not here and has to be made first ({made}). Then add {options}, or "
            "choose experiments that need less with --only NAME."
        )
    refs = {spec.reference: None}
    for experiment in spec.experiments:
        refs |= dict.fromkeys(list_column_splits(experiment.columns))
        refs |= {} if experiment.reference is None else {experiment.reference: None}
        validate_cells(place, experiment)
    for ref in refs:
        load_split(parse_split_ref(ref), data=place.data, cache=place.cache.folder)
    started = set()
    # One seed: which images a mix draws depends on it, how many there are does not.
    for run in list_distinct_runs(spec.experiments, seeds=1):
        prepared = prepare_run(run, data=place.data, cache=place.cache.folder)
        if (run.recipe.name, run.model.name) not in started:
            start_model(run.model, prepared.wnids, seed=run.seed)
        started.add((run.recipe.name, run.model.name))


def _run_experiment(
    place: ReplayPlace, spec: ExperimentsSpec, experiment: ExperimentSpec, *, seeds: int | None
) -> ExperimentRecord:
    place.listener.say(f"experiment {experiment.name}: {experiment.title}")
    reference = experiment.reference or spec.reference
    lines: Mapping[str, BaselinePoints] = {}
    if "robustness" in experiment.measures:
        lines = measure_line(place, spec.baseline, experiment.find_columns("robustness"), reference)
        for points in lines.values():
            validate_points(points)
    rows = measure_rows(place, experiment, reference, seeds=seeds)
    measured = MeasuredExperiment(spec=experiment, rows=rows, lines=lines, link=spec.link)
    return ExperimentRecord(
        name=experiment.name,
        numbers=list_numbers(measured),
        claims=judge_experiment(measured),
        training={row.name: row.line for row in rows if row.line is not None},
        lines={
            column: describe_line(points, spec.link, _measure_clean(rows, column))
            for column, points in lines.items()
        },
        filtered_unlike=_name_unlike(experiment, rows),
    )


def describe_line(points: BaselinePoints, link: str, clean: Mapping[str, float]) -> str:
    """A line in words: from how many models, how well it fits them, and which rows lie beyond them.

    Args:
        points: The line's.
        link: Its link.
        clean: Clean accuracy of each row.
    """
    fit = fit_line(points, link)
    low, high = float(points.reference.min()), float(points.reference.max())
    beyond = [row for row, value in clean.items() if fit.is_extrapolated(value)]
    return "; ".join(
        (
            f"line through {len(points.models)} models of {len(set(points.families))} families, {link} "
            f"link, r2 {fit.r2:.2f}, clean accuracy {100 * low:.1f} to {100 * high:.1f}",
            *(["it is weak: read the gap first"] if fit.weak else []),
            *([f"extrapolated for {', '.join(beyond)}"] if beyond else []),
        )
    )


def _name_unlike(experiment: ExperimentSpec, rows: Sequence[MeasuredRow]) -> tuple[str, ...]:
    refs = frozenset[str]().union(*(row.unlike for row in rows))
    return tuple(
        one.column
        for one in experiment.columns
        if any(str(parse_split_ref(ref)) in refs for ref in one.splits)
    )


def _measure_clean(rows: Sequence[MeasuredRow], column: str) -> dict[str, float]:
    return {row.name: estimate_accuracy(row.counts[column].clean, row.models).value for row in rows}
