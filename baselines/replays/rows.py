"""The rows of an experiment: trained where they are not yet, evaluated, their right answers gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.lines.measure import Measurement, list_requests
from imagenet_g.baselines.recipes.specs import RecipeRun
from imagenet_g.baselines.replays.columns import ColumnSpec, average_splits
from imagenet_g.baselines.replays.evaluating import ReplayPlace, evaluate, list_unlike_filters
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec, list_row_runs
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.baselines.training.export import list_generators
from imagenet_g.baselines.training.figures import read_log
from imagenet_g.baselines.training.planning import is_here
from imagenet_g.baselines.training.run import RecipeContext, train_run
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.lineage.declarations import TrainingDeclaration
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.models.packaged import CLASS_MAP_NAME
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, PointCounts
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray
from imagenet_g.benchmark.training.loop import LOG
from imagenet_g.benchmark.training.processes import OneProcess
from imagenet_g.benchmark.training.records import load_record


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """Right answers of the runs of a row on a column, and on the clean images of the same classes."""

    shifted: RunCounts
    clean: RunCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A row, measured.

    Attributes:
        name: Of the row.
        models: `(R,)` number of the model of each run.
        counts: By column.
        losses: `(R,)` loss of each run by step.
        line: Steps and epochs of the training, in words; None for a ready model.
        unlike: Splits that are filtered otherwise than the clean set.
    """

    name: str
    models: IntArray
    counts: Mapping[str, ColumnCounts]
    losses: Mapping[int, FloatArray]
    line: str | None = None
    unlike: frozenset[str] = frozenset()


def find_run_folder(out: Path, run: RecipeRun) -> Path:
    """Where a run is trained: experiments that share it find it there."""
    return out / "training" / run.recipe.name / run.name


def train_rows(place: ReplayPlace, runs: Sequence[RecipeRun]) -> None:
    """Train the runs that are not finished; a killed one goes on from its checkpoint.

    Raises:
        ImagenetGError: As `train_run`.
    """
    for number, run in enumerate(runs, 1):
        place.listener.say(f"training {number} of {len(runs)}: {run.recipe.name}, {run.name}")
        context = RecipeContext(
            out=place.out / "training" / run.recipe.name,
            data=place.data,
            cache=place.cache.folder,
            cache_limit=None,
            device=place.settings.device,
            workers=place.settings.workers or choose_workers(place.settings.device, processes=1),
            processes=OneProcess(),
            say=place.listener.say,
        )
        train_run(context, run)


def list_experiment_runs(
    experiment: ExperimentSpec, *, seeds: int | None
) -> dict[str, tuple[RecipeRun, ...]]:
    """The trainings of each trained row of an experiment."""
    return {
        name: runs for rows in experiment.trained for name, runs in list_row_runs(rows, seeds=seeds).items()
    }


def list_distinct_runs(experiments: Sequence[ExperimentSpec], *, seeds: int | None) -> tuple[RecipeRun, ...]:
    """All trainings of some experiments, each once: several tables of a paper rest on the same models."""
    # By recipe too: two recipes may have a model and a mix of the same names.
    found = {
        (run.recipe.name, run.name): run
        for experiment in experiments
        for runs in list_experiment_runs(experiment, seeds=seeds).values()
        for run in runs
    }
    return tuple(found.values())


def measure_rows(
    place: ReplayPlace, experiment: ExperimentSpec, reference: str, *, seeds: int | None
) -> list[MeasuredRow]:
    """Evaluate the rows of an experiment, whose runs are trained.

    Args:
        place: Where.
        experiment: Which.
        reference: The clean set.
        seeds: Most seeds of a recipe; None for all.

    Raises:
        ImagenetGError: As `evaluate`; or a log lacks a step that is asked for.
    """
    rows = [
        _measure_trained(place, experiment, reference, name, runs)
        for name, runs in list_experiment_runs(experiment, seeds=seeds).items()
    ]
    for ready in experiment.ready:
        request = ModelRequest(requested=ready.model, spec=parse_model_spec(ready.model))
        # Its own folder: other experiments run the same model on other splits.
        out = place.out / "results" / "ready" / experiment.name
        refs = list_column_splits(experiment.columns)
        measured = evaluate(place, [request], refs, reference, out)
        counts = gather_counts(ready.row, measured, experiment.columns)
        unlike = list_unlike_filters(measured)
        models = np.zeros(1, np.int64)
        rows.append(MeasuredRow(name=ready.row, models=models, counts=counts, losses={}, unlike=unlike))
    return rows


def measure_line(
    place: ReplayPlace, baseline_id: str, columns: Sequence[ColumnSpec], reference: str
) -> dict[str, BaselinePoints]:
    """The models of a baseline on each column, as the points of a line.

    Measured in the same run and not taken from a table: nobody has published figures on these splits.

    Raises:
        ImagenetGError: As `evaluate`.
    """
    baseline = load_baseline(baseline_id)
    refs = list_column_splits(columns)
    measured = evaluate(place, list_requests(baseline), refs, reference, place.out / "results" / "baseline")
    counts = gather_counts(baseline_id, measured, columns)
    records = baseline.fitted
    return {
        column.column: BaselinePoints(
            baseline=baseline.header.id,
            baseline_sha256=baseline.sha256,
            target=", ".join(column.splits),
            axes=(f"{reference}, same classes",),
            models=tuple(record.model for record in records),
            families=tuple(record.family for record in records),
            reference=_rate(counts[column.column].clean)[:, None],
            shifted=_rate(counts[column.column].shifted),
            reference_n=(int(counts[column.column].clean.total.sum()),),
            shifted_n=int(counts[column.column].shifted.total.sum()),
            counts=PointCounts(
                reference=_as_class_counts(counts[column.column].clean),
                shifted=_as_class_counts(counts[column.column].shifted),
            ),
        )
        for column in columns
    }


def gather_counts(
    row: str, measured: Sequence[Measurement], columns: Sequence[ColumnSpec]
) -> dict[str, ColumnCounts]:
    """Right answers of several results by column.

    Raises:
        InputError: The clean set has no image of a split's classes, so there is no gap.
        DataError: Two results are of other images.
    """
    found = {}
    for column in columns:
        parts = [_gather_split(row, measured, ref) for ref in column.splits]
        found[column.column] = ColumnCounts(
            shifted=average_splits([part.shifted for part in parts], column.column),
            clean=average_splits([part.clean for part in parts], column.column),
        )
    return found


def list_column_splits(columns: Sequence[ColumnSpec]) -> list[str]:
    """The splits of some columns, each once: two means may share most of theirs."""
    return list(dict.fromkeys(ref for column in columns for ref in column.splits))


def list_missing(spec: ExperimentsSpec, data: Mapping[str, Path]) -> dict[str, str]:
    """Versions that are needed, have to be made and are not here, each with its command."""
    refs = [ref for experiment in spec.experiments for ref in list_column_splits(experiment.columns)]
    for run in list_distinct_runs(spec.experiments, seeds=1):
        refs += [run.recipe.find_source(source).ref for source in run.mix.sources]
    parsed = [parse_split_ref(ref) for ref in refs]
    missing = {ref.version for ref in parsed if not is_here(ref, data)}
    return {name: command for name, command in spec.make.items() if name in missing}


def _gather_split(row: str, measured: Sequence[Measurement], text: str) -> ColumnCounts:
    ref = str(parse_split_ref(text))
    pairs = [counts.get(ref) for _, counts in measured]
    clean = [None if pair is None else pair.reference for pair in pairs]
    kept = [(pair.shifted, own) for pair, own in zip(pairs, clean, strict=True) if pair and own]
    if len(kept) < len(measured):
        raise InputError(f"'{row}' has no gap on '{ref}': the reference has no image of its classes.")
    stacked = []
    for side in zip(*kept, strict=True):
        # Runs are compared image set by image set; a split that changed between two runs must not pass.
        if any(not np.array_equal(one.total, side[0].total) for one in side):
            raise DataError(f"'{row}': two runs were evaluated on other images of '{ref}'.")
        stacked.append(RunCounts(right=np.stack([one.right for one in side]), total=side[0].total))
    return ColumnCounts(shifted=stacked[0], clean=stacked[1])


def _measure_trained(
    place: ReplayPlace,
    experiment: ExperimentSpec,
    reference: str,
    name: str,
    runs: Sequence[RecipeRun],
) -> MeasuredRow:
    folders = [find_run_folder(place.out, run) for run in runs]
    # By name and not by place: it says which runs are seeds of one model.
    models = np.unique([run.model.name for run in runs], return_inverse=True)[1]
    measured = []
    # Curves of the loss are read from logs and need no image.
    if experiment.columns:
        for run, folder in zip(runs, folders, strict=True):
            measured += _evaluate_run(place, experiment, reference, run, folder)
    logs = [_read_losses(folder / "training", experiment.steps) for folder in folders]
    return MeasuredRow(
        name=name,
        models=np.asarray(models, np.int64),
        counts=gather_counts(name, measured, experiment.columns) if measured else {},
        losses={step: np.array([log[step] for log in logs]) for step in experiment.steps},
        line=_describe_training(runs, folders),
        unlike=list_unlike_filters(measured),
    )


def _evaluate_run(
    place: ReplayPlace, experiment: ExperimentSpec, reference: str, run: RecipeRun, folder: Path
) -> list[Measurement]:
    spec = f"timm:local-dir:{folder}"
    # Its outputs are the classes of the recipe, hence the class map.
    request = ModelRequest(requested=spec, spec=parse_model_spec(spec), class_map=folder / CLASS_MAP_NAME)
    # Declared, so that a result is flagged on splits of a generator that the model learnt from.
    declaration = TrainingDeclaration(
        data=" + ".join(run.recipe.find_source(source).ref for source in run.mix.sources),
        generators=list_generators(run.recipe, run.mix.sources),
    )
    refs = list_column_splits(experiment.columns)
    out = place.out / "results" / "trained" / run.recipe.name / run.name
    return evaluate(place, [request], refs, reference, out, declaration=declaration)


def _read_losses(folder: Path, steps: Sequence[int]) -> dict[int, float]:
    if not steps:
        return {}
    lines = {int(str(line["step"])): float(str(line["loss"])) for line in read_log(folder)}
    for step in steps:
        if step not in lines:
            raise DataError(
                f"'{folder / LOG}' has no loss at step {step}; it ends at {max(lines, default=0)}."
            )
    return lines


def _describe_training(runs: Sequence[RecipeRun], folders: Sequence[Path]) -> str:
    # All runs of a row have one recipe and one mix, so the first stands for their length.
    last = read_log(folders[0] / "training")[-1]
    return (
        f"{len(runs)} trainings of {last['step']} steps of {runs[0].recipe.batch_size} images "
        f"({float(str(last['epochs_done'])):.1f} epochs), drawn from {_describe_images(folders[0])}, recipe "
        f"{runs[0].recipe.name}"
    )


def _describe_images(folder: Path) -> str:
    """Splits and folders, with how many images of each."""
    parts = load_record(folder).stages[-1].data["parts"]
    known = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return " and ".join(f"{int(str(part['images'])):,} images of {part['ref']}" for part in known)


def _rate(counts: RunCounts) -> FloatArray:
    return np.asarray(counts.right.sum(axis=1) / counts.total.sum())


def _as_class_counts(counts: RunCounts) -> ClassCounts:
    return ClassCounts(right=counts.right, total=counts.total)
