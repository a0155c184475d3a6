"""One run of a recipe: a model on a mix with a seed, trained to the end and written as a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from imagenet_g.baselines.pixel_cache.cache import CacheRequest, load_pixels
from imagenet_g.baselines.recipes.mixing import PlannedMix, count_steps
from imagenet_g.baselines.recipes.rates import find_share, make_optimizer
from imagenet_g.baselines.recipes.specs import RecipeRun, RecipeSpec
from imagenet_g.baselines.training.crew import AcceleratedProcesses, validate_share
from imagenet_g.baselines.training.export import export_run
from imagenet_g.baselines.training.feeding import DecodedSource, ImageSource, StepImages
from imagenet_g.baselines.training.figures import draw_loss
from imagenet_g.baselines.training.following import follow_training
from imagenet_g.baselines.training.sources import TrainingSource, describe_data, open_sources, plan_mix
from imagenet_g.baselines.training.starting import start_model
from imagenet_g.baselines.training.task import RecipeTask
from imagenet_g.benchmark.classes import ClassSet, load_class_set, load_classes
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.tracking.trackers import Tracker
from imagenet_g.benchmark.training.courses import TrainingCourse
from imagenet_g.benchmark.training.loop import Trained, TrainingHooks, run_course
from imagenet_g.benchmark.training.processes import TrainingProcesses
from imagenet_g.benchmark.training.records import identify_data

if TYPE_CHECKING:
    from pydantic import JsonValue

# They describe a recipe or decide what is reported, and no weight.
_NOT_DECIDING = {
    "name", "title", "source", "stated", "notice", "license", "seeds", "models", "sources", "mixes",
    "evaluation", "log_every", "save_every", "keep_every", "not_printed",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeContext:
    """Where runs are trained.

    Attributes:
        out: A folder for each run below it.
        data: Local copies of splits by name.
        cache: Cache folder; None keeps no file hashes and no pixels.
        cache_limit: Most bytes of decoded images in it; None for what the disk has.
        device: "cpu", "cuda", "mps".
        workers: Threads or processes that prepare images.
        processes: Those that train together.
        say: Receives lines of progress.
        tracker: Follows each run; None for no tracker.
    """

    out: Path
    data: Mapping[str, Path]
    cache: Path | None
    cache_limit: int | None
    device: str
    workers: int
    processes: TrainingProcesses
    say: Callable[[str], None]
    tracker: Tracker | None = None


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run whose images are chosen.

    Attributes:
        run: Which one.
        class_set: The classes of its outputs.
        sources: Opened.
        planned: The images of an epoch.
        steps: Of the training.
    """

    run: RecipeRun
    class_set: ClassSet
    sources: tuple[TrainingSource, ...]
    planned: PlannedMix
    steps: int

    @property
    def wnids(self) -> tuple[str, ...]:
        """The class of each output."""
        return tuple(load_classes()[index].wnid for index in self.class_set.indices)


def prepare_run(run: RecipeRun, *, data: Mapping[str, Path], cache: Path | None) -> PreparedRun:
    """Choose the images of a run; none is decoded.

    Raises:
        ImagenetGError: As `open_sources` and `plan_mix`.
    """
    recipe, class_set = run.recipe, load_class_set(run.recipe.class_set)
    sources = open_sources(recipe, run.mix, class_set, data=data, cache=cache)
    drawn_as = recipe.list_drawn_as(run.mix)
    planned = plan_mix(run.mix, sources, class_set, seed=run.seed, drawn_as=drawn_as)
    steps = count_steps(len(planned), recipe.batch_size, epochs=recipe.epochs, steps=recipe.steps)
    return PreparedRun(run, class_set, sources, planned, steps)


def train_run(context: RecipeContext, run: RecipeRun) -> Path:
    """Train a run to its end and write its folder; from its checkpoint where there is one.

    Returns:
        The folder, which `timm:local-dir:FOLDER` loads.

    Raises:
        ImagenetGError: As `prepare_run`, `start_model` and `run_course`.
    """
    # First, before anything is fetched or decoded.
    validate_share(run.recipe.batch_size, context.processes)
    prepared = prepare_run(run, data=context.data, cache=context.cache)
    model = start_model(run.model, prepared.wnids, seed=run.seed)
    inputs = list_inputs(prepared, model)
    sources = open_images(context, prepared)
    images = make_steps(prepared, sources, context.processes, cache=context.cache)
    task = make_task(context, prepared, model, images)
    folder = context.out / run.name
    say = context.say
    # A run is followed once, however many processes share it.
    tracker = None if context.processes.index else context.tracker
    with closing(task), follow_training(tracker, run, folder, prepared.steps, say) as follow:
        trained = run_course(
            task,
            plan_run(prepared),
            folder / "training",
            seed=run.seed,
            inputs=inputs,
            hooks=TrainingHooks(
                say=lambda text: say(f"{run.name}: {text}"),
                begin=task.begin,
                report=task.report,
                follow=follow,
            ),
            processes=context.processes,
        )
    # All processes end with the same weights; one writes them.
    if context.processes.index == 0:
        draw_loss(folder / "training", f"{run.recipe.name}: {run.name}")
        _write(prepared, model, trained, folder, recipe_sha256=hash_json(inputs))
    # No process returns before the folder is whole: the next run may start from it.
    context.processes.wait()
    return folder


def _write(
    prepared: PreparedRun, model: torch.nn.Module, trained: Trained, folder: Path, *, recipe_sha256: str
) -> None:
    # The running mean of the weights, not the last ones, which the model holds after the loop.
    model.cpu().load_state_dict(trained.weights)
    data = describe_data(prepared.planned, prepared.sources)
    export_run(
        model.eval(),
        prepared.run,
        trained,
        prepared.wnids,
        folder,
        data=data,
        recipe_sha256=recipe_sha256,
    )


def open_images(context: RecipeContext, prepared: PreparedRun) -> tuple[ImageSource, ...]:
    """Where the images of each source are read: the cache of pixels, or the split itself.

    The first process fills the cache; the others wait and find it full.
    """
    short_px = prepared.run.recipe.cache_px
    if short_px is None or context.cache is None:
        return tuple(DecodedSource(source.split) for source in prepared.sources)
    request = CacheRequest(context.cache, short_px, context.workers, context.cache_limit, context.say)
    if context.processes.index:
        context.processes.wait()
    images = []
    for number, source in enumerate(prepared.sources):
        # Only images of this mix: a whole source may be many times larger.
        rows = prepared.planned.rows[prepared.planned.sources == number]
        images.append(load_pixels(source.split, rows.tolist(), request))
    if not context.processes.index:
        context.processes.wait()
    return tuple(images)


def make_steps(
    prepared: PreparedRun,
    images: tuple[ImageSource, ...],
    processes: TrainingProcesses,
    *,
    cache: Path | None,
) -> StepImages:
    """The steps of a run."""
    recipe = prepared.run.recipe
    return StepImages(
        planned=prepared.planned,
        sources=images,
        augment=recipe.augment,
        resolution=recipe.resolution,
        batch_size=recipe.batch_size,
        seed=prepared.run.seed,
        share=(processes.index, processes.count),
        cache=cache,
    )


def make_task(
    context: RecipeContext, prepared: PreparedRun, model: torch.nn.Module, images: StepImages
) -> RecipeTask:
    """What a run learns, on its device."""
    recipe = prepared.run.recipe
    shared = context.processes if isinstance(context.processes, AcceleratedProcesses) else None
    device = context.device if shared is None else shared.device
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    moved: torch.nn.Module = model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    return RecipeTask(
        moved,
        moved if shared is None else shared.share_gradients(moved),
        images,
        recipe,
        seed=prepared.run.seed,
        steps=prepared.steps,
        num_outputs=len(prepared.wnids),
        workers=context.workers,
        device=device,
    )


def plan_run(prepared: PreparedRun) -> TrainingCourse:
    """How a run goes, step by step."""
    recipe, steps = prepared.run.recipe, prepared.steps
    epochs = steps * recipe.batch_size / len(prepared.planned)

    def find_rate(step: int, since: int) -> float:
        # The middle of the step: at its beginning a rate that starts from 0 would learn nothing.
        share = find_share(recipe.rate, (step + 0.5) / steps * epochs, epochs)
        return recipe.optimizer.learning_rate * share

    return TrainingCourse(
        steps=steps,
        batch_size=recipe.batch_size,
        average=recipe.average,
        log_every=recipe.log_every,
        save_every=recipe.save_every,
        keep_every=recipe.keep_every,
        find_rate=find_rate,
        make_optimizer=lambda module: make_optimizer(recipe.optimizer, module),
        # Unlike a schedule's, the rate of each step follows from the number of all steps.
        identity={"steps": steps},
        clip_norm=recipe.clip_norm,
        scaled=recipe.precision == "fp16",
    )


def list_inputs(prepared: PreparedRun, model: torch.nn.Module) -> dict[str, JsonValue]:
    """All that decides a run's weights besides its seed and number of steps.

    Args:
        prepared: The run.
        model: As it starts.
    """
    run = prepared.run
    return {
        "recipe": describe_recipe(run.recipe),
        "model": run.model.model_dump(mode="json", exclude={"name", "family", "start"}),
        # By content: a folder of the same name may hold other weights tomorrow.
        "start_sha256": None if run.model.start is None else hash_state_dict(model.state_dict()),
        "mix": run.mix.model_dump(mode="json", exclude={"name"}) | _describe_copies(run),
        "classes": hash_json(list(prepared.wnids)),
        "data": identify_data(describe_data(prepared.planned, prepared.sources)),
    }


def _describe_copies(run: RecipeRun) -> dict[str, JsonValue]:
    """Which sources have the images of others; nothing where no source has, as in runs begun before."""
    sources = [run.recipe.find_source(name) for name in run.mix.sources]
    copies: dict[str, JsonValue] = {source.name: source.copy_of for source in sources if source.copy_of}
    return {"copies": copies} if copies else {}


def describe_recipe(recipe: RecipeSpec) -> dict[str, JsonValue]:
    """The part of a recipe that decides the weights of each of its runs."""
    described: dict[str, JsonValue] = recipe.model_dump(mode="json", exclude=_NOT_DECIDING)
    return described | {"augment": [step.describe() for step in recipe.augment]}
