"""A plan before a replay of experiments: trainings, steps, images and minutes, measured and estimated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.recipes.specs import RecipeRun
from imagenet_g.baselines.replays.cells.planning import FIT_SECONDS, CellCosts, count_cells
from imagenet_g.baselines.replays.cells.specs import ACCURACIES
from imagenet_g.baselines.replays.counting import list_column_splits
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec
from imagenet_g.baselines.replays.rows import (
    find_run_folder,
    list_distinct_runs,
    list_experiment_runs,
    list_missing,
)
from imagenet_g.baselines.training.measuring import measure_step
from imagenet_g.baselines.training.planning import format_time, is_here, plan_recipe_mix
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.training.records import RECORD_NAME

MODEL_SECONDS = 2.0
"""Taken for each model that is loaded and each result that is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A training that is to be made.

    Attributes:
        run: Which.
        steps: How many; 0 where its images are not here and their number is not known.
        seconds: By the measured step of its model.
        image_seconds: One image of a step.
        finished: Whether it lies finished in the output.
    """

    run: RecipeRun
    steps: int
    seconds: float
    image_seconds: float
    finished: bool


def plan_experiments(
    spec: ExperimentsSpec,
    *,
    seeds: int | None,
    data: Mapping[str, Path],
    cache: Path | None,
    out: Path | None,
    device: str,
) -> str:
    """What a replay would take, in words; nothing is fetched or trained.

    Args:
        spec: The experiments.
        seeds: Most seeds of a recipe; None for all.
        data: Local copies of splits by name.
        cache: Cache folder.
        out: Output of an earlier run, whose finished trainings are not counted; None for a new one.
        device: Where steps are measured.

    Raises:
        ImagenetGError: A mix cannot be made of images that are here.
    """
    runs = list_distinct_runs(spec.experiments, seeds=seeds)
    plans = list(plan_trainings(runs, data=data, cache=cache, out=out, device=device))
    lines = [f"{spec.name}: {spec.title}", ""]
    total = 0.0
    seen: set[tuple[str, str]] = set()
    for experiment in spec.experiments:
        own = {
            (run.recipe.name, run.name)
            for found in list_experiment_runs(experiment, seeds=seeds).values()
            for run in found
        }
        # A training is counted where it comes first, else the parts would sum to more than the whole.
        new = [plan for plan in plans if (plan.run.recipe.name, plan.run.name) in own - seen]
        seen |= own
        training = sum(plan.seconds for plan in new if not plan.finished)
        images, seconds = _count_evaluation(spec, experiment, plans, own, data=data, cache=cache)
        cells = _count_cells(experiment, plans, own, data=data, cache=cache)
        total += training + seconds + cells.seconds
        finished = sum(plan.finished for plan in new)
        lines.append(
            f"{experiment.name}: {len(own)} trainings, {len(new)} of them its own ({finished} finished), "
            f"{sum(plan.steps for plan in new):,} steps, {format_time(training)}; "
            f"{images + cells.images:,} images to evaluate{_format_fits(cells)}, "
            f"{format_time(seconds + cells.seconds)}"
        )
    lines += [
        "",
        f"in all: {len(runs)} trainings, {sum(plan.steps for plan in plans):,} steps, about "
        f"{total / 60:.0f} min on {device}",
        f"Measured on {device}, as busy as it is now: a step of each model at its largest size. Estimated: "
        "all times, in proportion to images; an image that is evaluated takes as long as one of a step, and "
        f"a model {MODEL_SECONDS:g} s more, a fit of a linear probe {FIT_SECONDS:g} s. Evaluations in the "
        "cache take no time and are counted here.",
    ]
    if missing := list_missing(spec, data):
        lines.append(f"Not here, and counted as no images to evaluate: {', '.join(missing)}.")
    return "\n".join(lines)


def plan_trainings(
    runs: Sequence[RecipeRun],
    *,
    data: Mapping[str, Path],
    cache: Path | None,
    out: Path | None,
    device: str,
) -> Iterator[TrainingPlan]:
    """Steps and time of trainings: one step of each model is measured, and the images of each mix counted.

    Raises:
        ImagenetGError: As `plan_recipe_mix` and `measure_step`.
    """
    costs: dict[tuple[str, str], float] = {}
    steps: dict[tuple[str, str], int] = {}
    for run in runs:
        model, mix = (run.recipe.name, run.model.name), (run.recipe.name, run.mix.name)
        # One step of each model: its mixes and seeds cost the same.
        if model not in costs:
            class_set = load_class_set(run.recipe.class_set)
            wnids = tuple(load_classes()[index].wnid for index in class_set.indices)
            costs[model] = measure_step(run.recipe, run.model, wnids, device=device).seconds
        if mix not in steps:
            # A recipe that names its steps needs no image to be counted.
            steps[mix] = run.recipe.steps or plan_recipe_mix(run, data=data, cache=cache).steps
        finished = out is not None and (find_run_folder(out, run) / RECORD_NAME).is_file()
        yield TrainingPlan(
            run=run,
            steps=steps[mix],
            seconds=steps[mix] * run.recipe.batch_size * costs[model],
            image_seconds=costs[model],
            finished=finished,
        )


def _count_evaluation(
    spec: ExperimentsSpec,
    experiment: ExperimentSpec,
    plans: Sequence[TrainingPlan],
    own: set[tuple[str, str]],
    *,
    data: Mapping[str, Path],
    cache: Path | None,
) -> tuple[int, float]:
    """Images and seconds of an experiment's evaluations."""
    if not ACCURACIES & {*experiment.measures}:
        return 0, 0.0
    refs = {*list_column_splits(experiment.columns)} | {experiment.reference or spec.reference}
    # A view shares the images of its split, which are run once.
    bases = {parse_split_ref(ref).base for ref in refs}
    size = sum(_count_images(ref, data=data, cache=cache) for ref in sorted(bases))
    trained = [plan.image_seconds for plan in plans if (plan.run.recipe.name, plan.run.name) in own]
    # Ready models are not built for a plan; the slowest of the trained ones stands for them.
    typical = max((plan.image_seconds for plan in plans), default=0.0)
    lined = len(load_baseline(spec.baseline).fitted) if "robustness" in experiment.measures else 0
    others = [typical] * (len(experiment.ready) + lined)
    seconds = sum(size * cost + MODEL_SECONDS for cost in (*trained, *others))
    return size * (len(trained) + len(others)), seconds


def _count_cells(
    experiment: ExperimentSpec,
    plans: Sequence[TrainingPlan],
    own: set[tuple[str, str]],
    *,
    data: Mapping[str, Path],
    cache: Path | None,
) -> CellCosts:
    """Images, fits and time of an experiment's probes, features and distances."""
    trained = [plan.image_seconds for plan in plans if (plan.run.recipe.name, plan.run.name) in own]
    # As for evaluations: the slowest of the trained models stands for what a plan does not build.
    typical = max((plan.image_seconds for plan in plans), default=0.0)
    return count_cells(
        experiment,
        [*trained, *([typical] * len(experiment.ready))],
        clip_seconds=typical,
        count_images=lambda ref, limit: _count_images(ref, data=data, cache=cache, per_class=limit),
    )


def _format_fits(cells: CellCosts) -> str:
    return f", {cells.fits:,} fits of probes" if cells.fits else ""


def _count_images(
    ref: str, *, data: Mapping[str, Path], cache: Path | None, per_class: int | None = None
) -> int:
    parsed = parse_split_ref(ref)
    if not is_here(parsed, data):
        return 0
    rows = load_split(parsed, data=data, cache=cache).rows
    if per_class is None:
        return len(rows)
    return int(np.minimum(np.unique(rows.labels[:, 0], return_counts=True)[1], per_class).sum())
