"""timm's own preprocessing, as its validate script sets it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform

from imagenet_g.benchmark.records import Preprocessing

if TYPE_CHECKING:
    from PIL import Image


def resolve_timm_config(model: torch.nn.Module) -> dict[str, Any]:
    """Input size, crop, interpolation, mean and std of a model at test time."""
    # use_test_size: many weights are evaluated at a larger size than they were trained at, and published so.
    config: dict[str, Any] = resolve_data_config({}, model=model, use_test_size=True)
    return config


def build_timm_transform(config: dict[str, Any]) -> Callable[[Image.Image], torch.Tensor]:
    """The evaluation transform, timm's own, of a config from `resolve_timm_config`."""
    transform: Callable[[Image.Image], torch.Tensor] = create_transform(**config, is_training=False)
    return transform


def build_timm_precropped_transform(config: dict[str, Any]) -> Callable[[Image.Image], torch.Tensor]:
    """The same for square images already cropped: resized to the whole input size, nothing cut off."""
    return build_timm_transform({**config, "crop_pct": 1.0, "crop_mode": "center"})


def describe_timm_transform(config: dict[str, Any]) -> Preprocessing:
    """The record of a config from `resolve_timm_config`."""
    return Preprocessing(
        input_size_px=(config["input_size"][1], config["input_size"][2]),
        interpolation=config["interpolation"],
        crop_fraction=config["crop_pct"],
        crop_mode=config["crop_mode"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        description=" ".join(str(build_timm_transform(config)).split()),
    )
