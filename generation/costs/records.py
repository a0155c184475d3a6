"""Rows of the tables of costs that ship, and what was measured on this machine, as files hold them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.records import FileModel, Sha256

Seconds = Annotated[float, Field(gt=0.0, lt=1e7)]
Positive = Annotated[int, Field(ge=1, le=10**9)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Origin = Literal["given", "measured", "timed", "paper", "published", "estimate", "unknown"]
"""How a figure is known: given by the user, measured by --calibrate, timed by this very run, printed in a
paper, published elsewhere, estimated from other figures, or not at all."""


class GpuSpeed(FileModel):
    """What a GPU can do, for estimates of models that nobody timed on it."""

    gpu: Text
    float32_tflops: Annotated[float, Field(gt=0.0)]
    """Peak of 32-bit products without TF32, in 10^12 operations a second."""
    memory_gb: Annotated[float, Field(gt=0.0)]
    """Of the smallest card of that name."""
    source: Text


class RenderCost(FileModel):
    """Time of one pipeline on one GPU."""

    pipeline: Text
    """Class name in diffusers."""
    repos: Text
    """Repositories of the weights it holds for, all of one architecture, with spaces between."""
    height_px: Positive
    width_px: Positive
    """That of the repositories' own default, so that it holds for specs that name no size."""
    steps: Positive
    bits: Positive
    """Of its numbers: 16 or 32."""
    guided: bool | None
    """Whether each step ran twice, for guidance; null for a model that is guided without."""
    batch_size: Positive
    gpu: Text
    seconds_per_image: Seconds
    origin: Literal["paper", "published", "estimate"]
    source: Text


class BatchSize(FileModel):
    """A batch that one pipeline rendered within the memory of a GPU."""

    pipeline: Text
    """Class name in diffusers."""
    repos: Text
    """As of `RenderCost`."""
    height_px: Positive
    width_px: Positive
    bits: Positive
    """Of its numbers: 16 or 32."""
    gpu: Text
    memory_gb: Annotated[float, Field(gt=0.0)]
    """Of the GPU; of the largest of that name, where the source does not say which it was."""
    batch_size: Positive
    origin: Literal["paper", "published", "estimate"]
    source: Text


class ModelWork(FileModel):
    """Work of one model that scores images."""

    model: Text
    """Model spec; a "*" at its end stands for anything."""
    gflop: Annotated[float, Field(gt=0.0)]
    """10^9 operations an image, two for a product and a sum."""
    source: Text


CoreStep = Literal["encode jpeg", "encode png", "score", "safety", "write jpeg", "write png"]
"""What processor cores do for an image. "score": decode it and resize it for one model; "safety": the whole
safety scorer; "write": a shard, written and read."""


class CoreWork(FileModel):
    """Work of one processor core on an image."""

    step: CoreStep
    ms_per_megapixel: Annotated[float, Field(gt=0.0)]
    source: Text


class MeasuredCost(FileModel):
    """One split's recipe measured on one machine by `imagenet-g build --calibrate`."""

    schema_version: Literal[1] = 1
    render_sha256: Sha256
    """Hash of what decides the time of an image; `measured.hash_render`."""
    score_sha256: Sha256 | None
    """The same of its scorers; null where nothing was scored."""
    version: Text
    split: Text
    made_by: Text
    gpu: Text | None
    """Short name of the GPU; null on a processor."""
    device_name: Text
    num_cores: Positive
    batch_size: Positive
    num_images: Positive
    seconds_per_image: Seconds
    """Rendering and encoding, overlapped as in a build."""
    bytes_per_image: Annotated[float, Field(gt=0.0)]
    score_seconds_per_image: Seconds | None
    write_seconds_per_image: Seconds
    """Work shard and release file, written and hashed."""
    measured_utc: Annotated[str, Field(max_length=40)]
    versions: dict[Annotated[str, Field(max_length=60)], Annotated[str, Field(max_length=120)]]
