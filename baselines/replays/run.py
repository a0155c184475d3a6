"""A replay, run: models evaluated, one architecture trained on several mixtures, tables, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.baselines.classifiers.data import load_training_images
from imagenet_g.baselines.classifiers.specs import ClassifierRecipe, load_recipe
from imagenet_g.baselines.classifiers.train import ClassifierTraining, make_model, train_classifier
from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.lines.measure import Measurement, build_measured_baseline, list_requests
from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.baselines.replays.claims import Cell, Tables, judge_claim
from imagenet_g.baselines.replays.evaluating import ReplayPlace, evaluate
from imagenet_g.baselines.replays.records import CellRecord, ReplayRecord
from imagenet_g.baselines.replays.specs import MixtureSpec, ReplayColumnSpec, ReplaySpec
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.identity import hash_json, make_slug
from imagenet_g.benchmark.lineage.declarations import TrainingDeclaration
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.models.packaged import CLASS_MAP_NAME
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    build_measured_points,
    write_measured_baseline,
)
from imagenet_g.benchmark.robustness.points import MIN_MODELS, BaselinePoints
from imagenet_g.benchmark.splits.references import parse_split_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayContext:
    """Where a replay runs.

    Attributes:
        spec: What is replayed.
        data: Local copies of splits by name.
        settings: Device, batch size, workers.
        out: Results, trained models and their checkpoints.
        cache: What is kept between runs.
        listener: Receives progress.
        train: Whether models are trained; without, only the tables of standard models are made.
    """

    spec: ReplaySpec
    data: Mapping[str, Path]
    settings: RunSettings
    out: Path
    cache: Cache
    listener: EvaluationListener
    train: bool = True

    @property
    def place(self) -> ReplayPlace:
        """The part of it that evaluations need."""
        return ReplayPlace(
            data=self.data,
            settings=self.settings,
            out=self.out,
            cache=self.cache,
            listener=self.listener,
        )


def run_replay(context: ReplayContext) -> ReplayRecord:
    """Run everything that is not done yet, and gather the results.

    Raises:
        InputError: A model or split cannot be used; nothing is left out of a table.
        ImagenetGError: As evaluation and training.
    """
    spec = context.spec
    # Before anything is run: training takes longest, and a misspelt name should not wait for it.
    recipe = validate_training(spec)
    validate_baseline_set(spec)
    validate_tables(spec)
    gaps = measure_models(context, spec.gaps.models, spec.gaps.splits, spec.reference, "gaps")
    filtered = measure_models(
        context, spec.gaps.models, spec.filtered.splits, spec.filtered.reference, "filtered"
    )
    training, lines = measure_mixtures(context, recipe) if context.train else ((), {})
    tables = Tables(gaps=gaps, filtered=filtered, training=training, lines=lines)
    return ReplayRecord(
        name=spec.name,
        title=spec.title,
        notice=spec.notice,
        spec_sha256=hash_json(spec.model_dump(mode="json")),
        environment=make_environment(),
        gaps=_record(gaps),
        filtered=_record(filtered),
        training=_record(training),
        claims=tuple(judge_claim(it, tables) for it in spec.claims if context.train or not it.needs_training),
    )


def validate_baseline_set(spec: ReplaySpec) -> None:
    """Refuse a set too small for a line.

    Raises:
        UnknownNameError: There is no such set.
        InputError: It has too few models that may be in a fit.
    """
    baseline = load_baseline(spec.training.baseline)
    if len(baseline.fitted) < MIN_MODELS:
        raise InputError(
            f"The set '{baseline.header.id}' has {len(baseline.fitted)} models that may be in a fit; a line "
            f"needs {MIN_MODELS}."
        )


def validate_tables(spec: ReplaySpec) -> None:
    """Refuse a printed table that there is not, before the page would be made with it.

    Raises:
        UnknownNameError: There is no such table.
    """
    for name in (spec.gaps.published, spec.filtered.published, *spec.training.published):
        load_papers().find_table(name)


def validate_training(spec: ReplaySpec) -> ClassifierRecipe:
    """The recipe of the training experiment, its one model chosen.

    Raises:
        UnknownNameError: There is no such recipe, model or architecture.
    """
    recipe = load_recipe(spec.training.recipe)
    # The model is built only to be thrown away: an unknown architecture or argument is refused here, before
    # hours of evaluation, and not after them.
    (model,) = recipe.choose_models([spec.training.model])
    make_model(model, len(load_class_set(recipe.class_set).indices), seed=recipe.seed)
    return recipe.model_copy(update={"models": (model,)})


def measure_models(
    context: ReplayContext,
    models: Sequence[str],
    columns: Sequence[ReplayColumnSpec],
    reference: str,
    name: str,
) -> tuple[Cell, ...]:
    """A table of standard models.

    Args:
        context: Where.
        models: Specs.
        columns: Splits.
        reference: The clean set.
        name: Sub-folder of the results.
    """
    requests = [ModelRequest(requested=spec, spec=parse_model_spec(spec)) for spec in models]
    measured = evaluate(context.place, requests, list_refs(columns), reference, context.out / name)
    return tuple(
        cell
        for model, measurement in zip(models, measured, strict=True)
        for cell in make_cells(model, measurement, columns)
    )


def make_cells(row: str, measurement: Measurement, columns: Sequence[ReplayColumnSpec]) -> list[Cell]:
    """A row of a table.

    Raises:
        InputError: The clean set has no image of a split's classes, so there is no gap.
    """
    result, counts = measurement
    entries: dict[str, Entry] = {entry.split.ref: entry for entry in result.entries}
    cells = []
    for column in columns:
        ref = str(parse_split_ref(column.ref))
        if ref not in counts:
            raise InputError(f"'{row}' has no gap on '{ref}': the reference has no image of its classes.")
        cells.append(
            Cell(
                row=row,
                column=column.column,
                entry=entries[ref],
                counts=counts[ref].shifted,
                clean=counts[ref].reference,
            )
        )
    return cells


def measure_mixtures(
    context: ReplayContext, recipe: ClassifierRecipe
) -> tuple[tuple[Cell, ...], dict[str, tuple[BaselinePoints, str]]]:
    """The training experiment: a model for each mixture, against the line of the standard models.

    Returns:
        The cells, and the line's points and link by column.
    """
    training = context.spec.training
    lines = measure_lines(context)
    cells: list[Cell] = []
    for mixture in training.mixtures:
        folder = train_mixture(context, recipe, mixture)
        # Loaded like any user's timm model: input size and normalisation come from the exported config and
        # are not set a second time here. Its outputs are the recipe's classes, hence the class map.
        spec = f"timm:local-dir:{folder}"
        request = ModelRequest(requested=spec, spec=parse_model_spec(spec), class_map=folder / CLASS_MAP_NAME)
        # Declared, so that the result is flagged on splits of a generator that the model was trained on.
        trained_on = " + ".join(part.ref for part in mixture.data)
        declaration = TrainingDeclaration(data=trained_on, generators=mixture.generators)
        out = context.out / "training" / "results"
        ((result, counts),) = evaluate(
            context.place,
            [request],
            list_refs(training.shifts),
            context.spec.reference,
            out,
            declaration=declaration,
        )
        for line in lines:
            result = attach_effective_robustness(result, line, [context.spec.link], counts=counts)
        cells += make_cells(mixture.name, (result, counts), training.shifts)
    points = {
        column.column: (build_measured_points(line), str(context.spec.link))
        for column, line in zip(training.shifts, lines, strict=True)
    }
    return tuple(cells), points


def measure_lines(context: ReplayContext) -> list[MeasuredBaseline]:
    """The standard models on each shift, as measured baselines, which are written beside the results."""
    training = context.spec.training
    baseline = load_baseline(training.baseline)
    out = context.out / "baseline"
    # Measured in the same run and not taken from a table: no one has published figures on these shifts.
    refs = list_refs(training.shifts)
    found = evaluate(context.place, list_requests(baseline), refs, context.spec.reference, out)
    measured = dict(zip([record.model for record in baseline.fitted], found, strict=True))
    lines = []
    for column in training.shifts:
        target = str(parse_split_ref(column.ref))
        lines.append(build_measured_baseline(baseline, measured, target))
        write_measured_baseline(out / f"{make_slug(target)}.json", lines[-1])
    return lines


def train_mixture(context: ReplayContext, recipe: ClassifierRecipe, mixture: MixtureSpec) -> Path:
    """A model trained on a mixture; one that is finished is not trained again.

    Returns:
        Its folder.
    """
    (model,) = recipe.models
    # Checkpoints and folders are named after the model. Under the architecture's name every mixture would
    # resume the training of the one before it.
    named = model.model_copy(update={"name": make_slug(mixture.name)})
    own = recipe.model_copy(update={"data": mixture.data, "models": (named,)})
    images = load_training_images(
        mixture.data,
        load_class_set(recipe.class_set),
        data=context.data,
        cache=context.cache.folder,
        say=context.listener.say,
    )
    training = ClassifierTraining(
        own, images, context.out / "training", choose_device(context.settings.device), context.listener.say
    )
    return train_classifier(training, named)


def list_refs(columns: Sequence[ReplayColumnSpec]) -> list[str]:
    """The splits behind columns."""
    return [column.ref for column in columns]


def _record(cells: Sequence[Cell]) -> tuple[CellRecord, ...]:
    return tuple(CellRecord(row=cell.row, column=cell.column, entry=cell.entry) for cell in cells)
