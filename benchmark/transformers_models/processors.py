"""A checkpoint's own image processor as a transform, and its record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.fingerprints.behaviour import make_picture
from imagenet_g.benchmark.hub.fetching import fetch
from imagenet_g.benchmark.records import Preprocessing
from imagenet_g.benchmark.transformers_models.sources import PROCESSOR_FILES, CheckpointFiles

if TYPE_CHECKING:
    from PIL import Image

_MIN_WARPED_PX = 384
"""From this size on ConvNeXT's processor squashes an image instead of cropping it."""


@dataclass(frozen=True, slots=True)
class ProcessorTransform:
    """An image processor of transformers on one image at a time.

    Attributes:
        processor: As the library loads it.
        options: Settings that replace the processor's own.
    """

    processor: Any
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """`(3, H, W)` float32 of an RGB image."""
        made: torch.Tensor = self.processor(images=image, return_tensors="pt", **self.options)["pixel_values"]
        return made[0].float().contiguous()


def load_processor(files: CheckpointFiles, *, spec: str) -> Any:  # noqa: ANN401
    """The image processor that lies beside the weights.

    Raises:
        DataError: It is missing or malformed.
        ModelError: It needs code of the repository, or makes something else than images of three channels.
    """
    from transformers import AutoImageProcessor

    # transformers runs models of timm by their own configuration, which holds the preprocessing.
    if files.config.get("model_type") != "timm_wrapper" and not _has_settings(files.folder):
        raise DataError(
            f"'{files.folder}' holds no preprocessor_config.json: how an image becomes the input of '{spec}' "
            "is unknown. Save the image processor beside the weights: processor.save_pretrained(FOLDER)."
        )
    with fetch(None):
        processor = AutoImageProcessor.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    _check_output(ProcessorTransform(processor), spec)
    return processor


def _has_settings(folder: Path) -> bool:
    return any((folder / name).is_file() for name in PROCESSOR_FILES)


def _check_output(transform: ProcessorTransform, spec: str) -> None:
    try:
        shape = tuple(transform(make_picture()).shape)
    # A processor is any class of the library with settings from a stranger's file: it may fail in any way.
    except Exception as error:
        raise ModelError(f"The image processor of '{spec}' fails on an RGB image: {error}") from error
    if len(shape) != 3 or shape[0] != 3:
        raise ModelError(
            f"The image processor of '{spec}' makes an image into {shape}; (3, height, width) is needed. "
            "Models that take patches of images of any shape, such as SigLIP2 NaFlex, are not run."
        )


def build_precropped_transform(processor: Any) -> ProcessorTransform:  # noqa: ANN401
    """The processor for images already cropped: resized to the whole input size, nothing cut off."""
    size, crop = _read_size(processor, "size"), _read_size(processor, "crop_size")
    options: dict[str, Any] = {}
    if getattr(processor, "do_center_crop", False) and crop:
        # A side by itself is not kept: a square image is resized to what the crop would leave of it.
        options["size"] = {"height": crop["height"], "width": crop["width"]}
    # ConvNeXT's processor cuts a border off by a fraction of its own.
    if getattr(processor, "crop_pct", None) and size.get("shortest_edge"):
        options["crop_pct"] = 1.0
    return ProcessorTransform(processor, options)


def describe_processor(processor: Any) -> Preprocessing:  # noqa: ANN401
    """The record of an image processor: its settings, all of them in the description."""
    from transformers.image_utils import PILImageResampling

    settings = processor.to_dict()
    # As it comes out: settings name a size that a later step of the processor may change.
    height, width = ProcessorTransform(processor)(make_picture()).shape[1:]
    resample, normalises = settings.get("resample"), settings.get("do_normalize")
    fraction, mode = _describe_crop(processor)
    return Preprocessing(
        input_size_px=(height, width),
        interpolation="unknown" if resample is None else PILImageResampling(resample).name.lower(),
        crop_fraction=fraction,
        crop_mode=mode,
        mean=_read_channels(settings.get("image_mean")) if normalises else None,
        std=_read_channels(settings.get("image_std")) if normalises else None,
        description=f"{type(processor).__name__} {json.dumps(settings, sort_keys=True, default=str)}",
    )


def _describe_crop(processor: Any) -> tuple[float | None, str | None]:  # noqa: ANN401
    """Which part of the shorter side is kept and how; None where the settings do not say."""
    size, crop = _read_size(processor, "size"), _read_size(processor, "crop_size")
    shortest = size.get("shortest_edge")
    if getattr(processor, "do_center_crop", False) and crop and shortest:
        return min(1.0, crop["height"] / shortest), "center"
    fraction = getattr(processor, "crop_pct", None)
    if fraction and shortest:
        return (float(fraction), "center") if shortest < _MIN_WARPED_PX else (1.0, "squash")
    if size.get("height") and size.get("width"):
        return 1.0, "squash"
    return None, None


def _read_size(processor: Any, name: str) -> dict[str, int]:  # noqa: ANN401
    """A size of a processor by its keys; empty where it has none."""
    found = getattr(processor, name, None)
    if found is None or isinstance(found, int):
        return {} if found is None else {"height": found, "width": found}
    return {key: value for key, value in dict(found).items() if value is not None}


def _read_channels(values: Any) -> tuple[float, ...] | None:  # noqa: ANN401
    """Three numbers; None where the processor has not got them."""
    if values is None:
        return None
    return (float(values),) * 3 if isinstance(values, int | float) else tuple(float(v) for v in values)
