"""The rows of an experiment: trained where they are not yet, evaluated, their right answers gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.lines.measure import Measurement, list_requests
from imagenet_g.baselines.recipes.specs import RecipeRun
from imagenet_g.baselines.replays.cells.distances import measure_distances
from imagenet_g.baselines.replays.cells.encoded import EncodedImages, measure_encoded, open_encoded
from imagenet_g.baselines.replays.cells.specs import ACCURACIES, Measure, ReadyRowSpec, list_row_runs
from imagenet_g.baselines.replays.columns import ColumnSpec
from imagenet_g.baselines.replays.counting import ColumnCounts, gather_counts, list_column_splits
from imagenet_g.baselines.replays.evaluating import ReplayPlace, evaluate, list_unlike_filters
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.baselines.training.export import list_generators
from imagenet_g.baselines.training.figures import read_log
from imagenet_g.baselines.training.planning import is_here
from imagenet_g.baselines.training.run import RecipeContext, train_run
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError
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

_ONE_RUN = np.zeros(1, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A row, measured.

    Attributes:
        name: Of the row.
        models: `(R,)` number of the model of each run; of a split one of one.
        counts: By column.
        values: `(R,)` number of each run, a loss or a measure of features, by measure and column.
        probes: Right answers of probes, by column.
        classes: Of a split, the number of each class by its wnid, by measure and column.
        line: Steps and epochs of the training, or images of the split, in words; None for a ready model.
        unlike: Splits that are filtered otherwise than the clean set.
    """

    name: str
    models: IntArray
    counts: Mapping[str, ColumnCounts] = field(default_factory=dict)
    values: Mapping[tuple[Measure, str], FloatArray] = field(default_factory=dict)
    probes: Mapping[str, RunCounts] = field(default_factory=dict)
    classes: Mapping[tuple[Measure, str], Mapping[str, float]] = field(default_factory=dict)
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
    images = open_encoded(place, experiment)
    rows = [
        _measure_trained(place, experiment, reference, images, name, runs)
        for name, runs in list_experiment_runs(experiment, seeds=seeds).items()
    ]
    rows += [_measure_ready(place, experiment, reference, images, ready) for ready in experiment.ready]
    if experiment.distances is not None:
        found = measure_distances(place, experiment.distances, experiment.measures)
        rows += [
            MeasuredRow(name=one.name, models=_ONE_RUN, classes=one.classes, line=one.line) for one in found
        ]
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


def list_missing(spec: ExperimentsSpec, data: Mapping[str, Path]) -> dict[str, str]:
    """Versions that are needed, have to be made and are not here, each with its command."""
    refs = [ref for experiment in spec.experiments for ref in list_column_splits(experiment.columns)]
    refs += [ref for one in spec.experiments if one.distances for ref in one.distances.refs]
    for run in list_distinct_runs(spec.experiments, seeds=1):
        refs += [run.recipe.find_source(source).ref for source in run.mix.sources]
    parsed = [parse_split_ref(ref) for ref in refs]
    missing = {ref.version for ref in parsed if not is_here(ref, data)}
    return {name: command for name, command in spec.make.items() if name in missing}


def _measure_ready(
    place: ReplayPlace,
    experiment: ExperimentSpec,
    reference: str,
    images: EncodedImages,
    ready: ReadyRowSpec,
) -> MeasuredRow:
    measured: list[Measurement] = []
    if ACCURACIES & {*experiment.measures}:
        request = ModelRequest(requested=ready.model, spec=parse_model_spec(ready.model))
        # Its own folder: other experiments run the same model on other splits.
        out = place.out / "results" / "ready" / experiment.name
        measured = evaluate(place, [request], list_column_splits(experiment.columns), reference, out)
    encoded = measure_encoded(place, experiment, images, [ready.model], [0])
    return MeasuredRow(
        name=ready.row,
        models=_ONE_RUN,
        counts=gather_counts(ready.row, measured, experiment.columns) if measured else {},
        values=encoded.values,
        probes=encoded.probes,
        unlike=list_unlike_filters(measured),
    )


def _measure_trained(
    place: ReplayPlace,
    experiment: ExperimentSpec,
    reference: str,
    images: EncodedImages,
    name: str,
    runs: Sequence[RecipeRun],
) -> MeasuredRow:
    folders = [find_run_folder(place.out, run) for run in runs]
    # By name and not by place: it says which runs are seeds of one model.
    models = np.unique([run.model.name for run in runs], return_inverse=True)[1]
    measured = []
    # Curves of the loss are read from logs, and probes have images of their own.
    if ACCURACIES & {*experiment.measures}:
        for run, folder in zip(runs, folders, strict=True):
            measured += _evaluate_run(place, experiment, reference, run, folder)
    logs = [_read_losses(folder / "training", experiment.steps) for folder in folders]
    losses: dict[tuple[Measure, str], FloatArray] = {
        ("loss", column): np.array([log[step] for log in logs])
        for step, column in zip(experiment.steps, experiment.list_columns("loss"), strict=True)
    }
    specs = [f"timm:local-dir:{folder}" for folder in folders]
    encoded = measure_encoded(place, experiment, images, specs, [run.seed for run in runs])
    return MeasuredRow(
        name=name,
        models=np.asarray(models, np.int64),
        counts=gather_counts(name, measured, experiment.columns) if measured else {},
        values={**losses, **encoded.values},
        probes=encoded.probes,
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
