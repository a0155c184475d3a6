"""The facts of the models that the shipped libraries offer, from the libraries' own tables."""

from __future__ import annotations

from functools import cache
from typing import Any

from imagenet_g.benchmark.naming.facts import ModelFacts, make_exact


def describe_timm(name: str, *, count: bool) -> ModelFacts:
    """Facts of a timm model.

    Args:
        name: Such as "resnet50.a1_in1k".
        count: Count its parameters.
    """
    architecture, _, tag = name.partition(".")
    return ModelFacts(
        library="timm",
        name=name,
        architecture=architecture,
        tag=tag,
        num_parameters=make_exact(count_timm_parameters(architecture) if count else None),
        input_size=make_exact(_find_timm_input(name)),
    )


def describe_wheel(name: str, *, count: bool) -> ModelFacts:
    """Facts of a model that a wheel brings: those of timm's for the same architecture.

    Args:
        name: Such as "efficientnet-lite0".
        count: Count its parameters.
    """
    architecture = f"tf_{name.replace('-', '_')}"
    return ModelFacts(
        library="wheel",
        name=name,
        architecture=architecture,
        num_parameters=make_exact(count_timm_parameters(architecture) if count else None),
        input_size=make_exact(_find_timm_input(architecture)),
    )


def describe_open_clip(name: str, *, count: bool) -> ModelFacts:
    """Facts of an open_clip model; the size of one without a published figure stays unknown.

    Args:
        name: Such as "ViT-B-32/openai".
        count: Changes nothing: open_clip cannot build a model without memory for its weights.
    """
    import open_clip

    architecture, _, tag = name.partition("/")
    vision: dict[str, Any] = (open_clip.get_model_config(architecture) or {}).get("vision_cfg", {})
    size = vision.get("image_size")
    return ModelFacts(
        library="open_clip",
        name=name,
        architecture=architecture,
        tag=tag,
        input_size=make_exact(min(size) if isinstance(size, (list, tuple)) else size),
    )


def describe_torchvision(name: str, *, count: bool) -> ModelFacts:
    """Facts of a torchvision model; its weights' own metadata hold the exact size.

    Args:
        name: Such as "resnet50/IMAGENET1K_V2".
        count: Changes nothing.
    """
    from torchvision import models

    architecture, _, tag = name.partition("/")
    weights: Any = models.get_model_weights(architecture)[tag]
    crop = getattr(weights.transforms(), "crop_size", [None])
    return ModelFacts(
        library="torchvision",
        name=name,
        architecture=architecture,
        tag=tag,
        num_parameters=make_exact(weights.meta.get("num_params")),
        input_size=make_exact(crop[0]),
    )


def _find_timm_input(name: str) -> int | None:
    import timm

    config: Any = timm.get_pretrained_cfg(name)
    if config is None:
        return None
    # At the size that they are evaluated at, which for many weights is larger than in training.
    return int(min((config.test_input_size or config.input_size)[1:]))


@cache
def count_timm_parameters(architecture: str) -> int | None:
    """Parameters of an architecture with a head of 1000, built without memory; None where timm fails.

    Example:
        >>> count_timm_parameters("resnet18")
        11689512
    """
    import timm
    import torch

    try:
        with torch.device("meta"):
            module: torch.nn.Module = timm.create_model(architecture, pretrained=False)
    except Exception:
        # Some architectures compute with their weights as they are built, which without memory fails in
        # whatever way it does.
        return None
    return sum(parameter.numel() for parameter in module.parameters())
