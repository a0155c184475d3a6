"""A plan before a run: images, steps, memory and time, with what was measured and what is estimated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.baselines.pixel_cache.cache import format_bytes
from imagenet_g.baselines.recipes.mixing import count_steps, count_wanted
from imagenet_g.baselines.recipes.specs import MixSpec, RecipeRun, RecipeSpec
from imagenet_g.baselines.training.measuring import StepCost
from imagenet_g.baselines.training.run import prepare_run
from imagenet_g.benchmark.catalogue.catalogue import find_local_copy, list_releases
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref
from imagenet_g.benchmark.statistics.accuracy import IntArray

GPU_PEAKS = {"A100": {"fp32": 156e12, "low": 312e12}, "H100": {"fp32": 495e12, "low": 989e12}}
"""Operations a second, dense, in TF32 and in bf16 or fp16 (NVIDIA's data sheets of the SXM boards)."""
UTILISATION = 0.25
"""Assumed share of the peak: convolutional networks of 224 pixels seldom reach more in PyTorch."""


@dataclass(frozen=True, slots=True)
class MixPlan:
    """What a mix will be.

    Attributes:
        mix: Its name.
        images: Images of an epoch by source; None where neither the images nor their number are known.
        per_class: Fewest and most images of a class.
        steps: Of a training.
        counted: Whether the images were counted, and not taken from the recipe.
        missing: Sources whose images are not here.
    """

    mix: str
    images: dict[str, int] | None
    per_class: tuple[int, int]
    steps: int
    counted: bool
    missing: tuple[str, ...]


def plan_recipe_mix(run: RecipeRun, *, data: Mapping[str, Path], cache: Path | None) -> MixPlan:
    """The images and steps of a mix; nothing is fetched.

    Images that are not here are taken to be as many as the recipe expects, evenly over the classes.

    Raises:
        ImagenetGError: The images are here and the mix cannot be made of them.
    """
    recipe, mix = run.recipe, run.mix
    refs = {name: parse_split_ref(recipe.find_source(name).ref) for name in mix.sources}
    missing = tuple(name for name, ref in refs.items() if not is_here(ref, data))
    if not missing:
        prepared = prepare_run(run, data=data, cache=cache)
        counts = prepared.planned.count(len(prepared.wnids))
        return _make_plan(recipe, mix, counts, missing=())
    num_classes = len(load_class_set(recipe.class_set).indices)
    expected = [recipe.find_source(name).expected for name in mix.sources]
    if None in expected and mix.per_class is None:
        return MixPlan(mix.name, None, (0, 0), 0, counted=False, missing=missing)
    available = np.stack([spread_evenly(number or 0, num_classes) for number in expected])
    return _make_plan(recipe, mix, count_wanted(mix, available), missing=missing)


def is_here(ref: SplitRef, data: Mapping[str, Path]) -> bool:
    """Whether the images of a split are on this machine, without looking on the Hub."""
    if ref.kind == "folder":
        return Path(ref.name).expanduser().is_dir()
    if ref.kind == "real":
        return ref.real_set is not None and find_local_copy(ref.real_set.spec, data) is not None
    return ref.version in list_releases(data)


def spread_evenly(images: int, num_classes: int) -> IntArray:
    """Images of each class, as equal as whole numbers can be.

    Example:
        >>> spread_evenly(7, 3).tolist()
        [3, 2, 2]
    """
    each, more = divmod(images, num_classes)
    return np.where(np.arange(num_classes) < more, each + 1, each)


def _make_plan(recipe: RecipeSpec, mix: MixSpec, counts: IntArray, *, missing: tuple[str, ...]) -> MixPlan:
    classes = counts.sum(axis=0)
    return MixPlan(
        mix=mix.name,
        images=dict(zip(mix.sources, counts.sum(axis=1).tolist(), strict=True)),
        per_class=(int(classes.min()), int(classes.max())),
        steps=count_steps(int(classes.sum()), recipe.batch_size, epochs=recipe.epochs, steps=recipe.steps),
        counted=not missing,
        missing=missing,
    )


def format_plan(
    recipe: RecipeSpec,
    plans: Sequence[MixPlan],
    costs: Mapping[str, StepCost],
    *,
    num_runs: int,
    gpus: int,
    device: str,
) -> str:
    """The plan in words, ready to print.

    Args:
        recipe: The recipe.
        plans: Of its chosen mixes.
        costs: Of its chosen models, by name.
        num_runs: How many runs were chosen.
        gpus: How many GPUs to estimate for.
        device: Where the steps were measured.
    """
    lines = [f"{recipe.name}: {recipe.title}", f"{recipe.stated}: {recipe.source}"]
    if recipe.notice:
        lines.append(recipe.notice)
    # What no paper prints is said before the run, not in its card alone.
    for place, mark in recipe.not_printed.items():
        lines.append(f"not printed: {place}; used {mark.used}: {mark.why}")
    lines += ["", f"{num_runs} runs; mixes:"]
    lines += [f"  {line}" for plan in plans for line in _format_mix(plan, recipe)]
    lines += ["", "models:"]
    for name, cost in costs.items():
        lines += [f"  {line}" for line in _format_model(name, cost, recipe, plans, gpus=gpus, device=device)]
    lines += ["", *_explain(recipe, device=device)]
    return "\n".join(lines)


def _format_mix(plan: MixPlan, recipe: RecipeSpec) -> Iterator[str]:
    if plan.images is None:
        yield f"{plan.mix}: unknown; not here and without a number: {', '.join(plan.missing)}"
        return
    parts = " + ".join(f"{name} {number:,}" for name, number in plan.images.items())
    total = sum(plan.images.values())
    low, high = plan.per_class
    # Of uneven classes both ends are said: a mean would hide the small ones.
    each = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    epochs = plan.steps * recipe.batch_size / total
    source = "counted" if plan.counted else f"expected; not here: {', '.join(plan.missing)}"
    yield (
        f"{plan.mix}: {parts} = {total:,} images ({source}), {each} of a class; {plan.steps:,} steps "
        f"of {recipe.batch_size} ({epochs:.1f} epochs)"
    )


def _format_model(
    name: str,
    cost: StepCost,
    recipe: RecipeSpec,
    plans: Sequence[MixPlan],
    *,
    gpus: int,
    device: str,
) -> Iterator[str]:
    views = " + ".join(f"{cost.views.count(side)} x {side} px" for side in dict.fromkeys(cost.views))
    kept = cost.kept_bytes * recipe.batch_size
    yield (
        f"{name}: {cost.parameters / 1e6:.1f} M parameters, {views}, {cost.operations / 1e9:.2f} GFLOP an "
        f"image; {1 / cost.seconds:.1f} images/s on {device} in a step of {cost.timed_images}"
    )
    yield (
        f"  memory: {format_bytes(cost.state_bytes)} of weights and optimizer, {format_bytes(kept)} for a "
        f"batch of {recipe.batch_size}, divided by the processes"
    )
    for plan in plans:
        if plan.images is None:
            continue
        images = plan.steps * recipe.batch_size
        shown = ", ".join(
            f"{gpus} x {gpu} {format_time(images * seconds)}"
            for gpu, seconds in estimate_gpus(cost, recipe, gpus, device=device).items()
        )
        yield f"  {plan.mix}: {format_time(images * cost.seconds)} on {device}; {shown}"


def estimate_gpus(cost: StepCost, recipe: RecipeSpec, gpus: int, *, device: str) -> dict[str, float]:
    """Seconds an image on so many GPUs: from the measured step of one, or from operations and peaks."""
    if device.startswith("cuda"):
        return {"of this GPU": cost.seconds / gpus}
    kind = "fp32" if recipe.precision == "fp32" else "low"
    return {name: cost.operations / (gpus * peak[kind] * UTILISATION) for name, peak in GPU_PEAKS.items()}


def _explain(recipe: RecipeSpec, *, device: str) -> Iterator[str]:
    yield (
        f"Measured on {device}: the time of a step at the largest size, its operations, and what autograd "
        "keeps of two images. Estimated: memory of a batch and all times, in proportion to images; reading "
        "images is taken to keep up."
    )
    # Measured, and of no use to who plans: without this line the years would be taken for the model's own.
    if device == "cpu" and recipe.precision == "fp16":
        yield (
            "Most CPUs compute fp16 far slower than fp32, and the time on cpu is that of fp16: a copy of the "
            'recipe with precision = "fp32" says what a CPU needs.'
        )
    if device.startswith("cuda"):
        yield "Several GPUs: the measured time divided by their number."
    else:
        yield (
            f"GPUs, estimated: operations divided by {UTILISATION:.0%} of their peak in "
            f"{'TF32' if recipe.precision == 'fp32' else recipe.precision}; nothing was run on one."
        )


def format_time(seconds: float) -> str:
    """A time in words.

    Example:
        >>> format_time(30), format_time(600), format_time(90000), format_time(2e6)
        ('under 1 min', '10 min', '25.0 h', '23.1 days')
    """
    if seconds < 60:
        return "under 1 min"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 360_000 else f"{seconds / 86400:.1f} days"
