"""The shipped tables of costs, and the rows of them that hold for a pipeline and a GPU.

`data/costs_render.csv` and its neighbours. Every row names its source, and how far it can be trusted
(`records.Origin`); none was measured on a GPU by this project. A row of the first table holds for the
repositories that it names, at their own size; other steps are taken in proportion.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TypeVar

from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.rates import Rate, add_rates, make_unknown
from imagenet_g.generation.costs.records import BatchSize, CoreStep, CoreWork, GpuSpeed, ModelWork, RenderCost
from imagenet_g.generation.specs.stages import StageWork

FLOAT32_SHARE = 0.5
"""Of a GPU's peak that a model of images reaches in float32 without TF32: assumed, not measured."""


Row = TypeVar("Row", bound=FileModel)


@cache
def load_render_costs() -> tuple[RenderCost, ...]:
    """Seconds an image by pipeline and GPU."""
    return _load_rows("costs_render.csv", RenderCost)


@cache
def load_gpu_speeds() -> tuple[GpuSpeed, ...]:
    """Peaks of GPUs."""
    return _load_rows("costs_gpus.csv", GpuSpeed)


@cache
def load_batch_sizes() -> tuple[BatchSize, ...]:
    """Batches that fit a GPU's memory."""
    return _load_rows("batch_sizes.csv", BatchSize)


@cache
def load_model_work() -> tuple[ModelWork, ...]:
    """Operations of the models that score images."""
    return _load_rows("costs_models.csv", ModelWork)


@cache
def load_core_work() -> tuple[CoreWork, ...]:
    """What processor cores do for an image."""
    return _load_rows("costs_cores.csv", CoreWork)


def _load_rows(name: str, kind: type[Row]) -> tuple[Row, ...]:
    text = (files("imagenet_g.generation.data") / name).read_text(encoding="utf-8")
    # An empty cell says that a value does not apply.
    rows = ({key: value or None for key, value in row.items()} for row in csv.DictReader(text.splitlines()))
    return tuple(kind.model_validate(row) for row in rows)


def list_gpus(work: Sequence[StageWork]) -> list[str]:
    """Names of the GPUs for which every pipeline of a generator has a row, the fastest first."""
    names = dict.fromkeys(row.gpu for row in load_render_costs())
    found = {name: find_render_rate(work, name).seconds_per_image for name in names}
    known = {name: seconds for name, seconds in found.items() if seconds is not None}
    return sorted(known, key=lambda name: known[name])


def find_render_rate(work: Sequence[StageWork], gpu: str) -> Rate:
    """Time of an image on a GPU: the sum over the pipelines, unknown if one of them is.

    Args:
        work: The pipelines of a generator; empty where they say nothing of its time.
        gpu: Any name of the GPU.
    """
    if not work:
        return make_unknown("no figure can be looked up for a generator of this kind")
    return add_rates([_find_stage_rate(stage, gpu) for stage in work])


def _find_stage_rate(work: StageWork, gpu: str) -> Rate:
    named = f"{work.pipeline} of {work.repo} in {work.bits} bits on {gpu}"
    for row in load_render_costs():
        if _holds(row, work, gpu):
            if work.steps is None:
                return make_unknown(f"the number of steps of {work.pipeline} is not known here")
            return _scale(row, work.steps)
    return make_unknown(f"nothing is known of {named}")


def _holds(row: RenderCost, work: StageWork, gpu: str) -> bool:
    """Whether a row is of the same network at the same size and precision; steps may differ."""
    height, width = work.size_px
    return (
        (row.pipeline, name_gpu(row.gpu), row.bits) == (work.pipeline, name_gpu(gpu), work.bits)
        and work.repo in row.repos.split()
        and row.guided in (None, work.is_guided)
        and (height or row.height_px, width or row.width_px) == (row.height_px, row.width_px)
    )


def _scale(row: RenderCost, steps: float) -> Rate:
    # Text encoder and decoder run once whatever the steps; beside 20 and more steps they hardly count.
    scaled = "" if steps == row.steps else f", from {row.steps} steps to {steps:g} in proportion"
    source = f"{row.source}; batch {row.batch_size}{scaled}"
    return Rate(seconds_per_image=row.seconds_per_image * steps / row.steps, origin=row.origin, source=source)


def find_image_size(work: Sequence[StageWork]) -> tuple[int, int] | None:
    """Height and width of the images of a generator whose spec names none; None where no row knows it."""
    for row in load_render_costs() if work else ():
        if row.pipeline == work[-1].pipeline and work[-1].repo in row.repos.split():
            return row.height_px, row.width_px
    return None


def find_score_rate(passes: Mapping[str, int], gpu: str) -> Rate:
    """Time on the GPU of all models that score an image: their operations over half of the GPU's peak.

    Args:
        passes: How many images each model reads to score one: more than one where it compares sources.
        gpu: Any name of the GPU.
    """
    speeds = [one for one in load_gpu_speeds() if name_gpu(one.gpu) == name_gpu(gpu)]
    if not speeds:
        return make_unknown(f"the peak of {gpu} in float32 is not in the table")
    gflops = {model: find_gflop(model) for model in passes}
    if missing := [model for model, gflop in gflops.items() if gflop is None]:
        return make_unknown(f"the operations of {missing[0]} are not in the table")
    total = sum((gflop or 0.0) * passes[model] for model, gflop in gflops.items())
    source = f"{total:.3g} GFLOP an image at {FLOAT32_SHARE:.0%} of the GPU's peak: {speeds[0].source}"
    seconds = total / (FLOAT32_SHARE * speeds[0].float32_tflops * 1000)
    return Rate(seconds_per_image=seconds, origin="estimate", source=source)


def find_gflop(model: str) -> float | None:
    """Operations of a model for one image, in 10^9; None if the table lacks it.

    Example:
        >>> find_gflop("open_clip:ViT-B-32/openai"), find_gflop("timm:no-such-model")
        (8.82, None)
    """
    for row in load_model_work():
        if model == row.model or (row.model.endswith("*") and model.startswith(row.model[:-1])):
            return row.gflop
    return None


def find_core_seconds(step: CoreStep, num_pixels: int) -> float:
    """Time of one core for a step of an image of that many pixels.

    Example:
        >>> round(find_core_seconds("encode png", 512 * 512), 3)
        0.071
    """
    return _find_core(step).ms_per_megapixel / 1000 * num_pixels / 1e6


def find_core_source(step: CoreStep) -> str:
    """Where the figure of a step is from."""
    return _find_core(step).source


def _find_core(step: CoreStep) -> CoreWork:
    (found,) = (row for row in load_core_work() if row.step == step)
    return found
