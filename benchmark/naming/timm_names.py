"""Which timm weights a typed name means: a pure rule, and its use on the installed timm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.naming.offered import PretrainedName, list_timm_weights, load_aliases, natural_key
from imagenet_g.benchmark.naming.resolved import (
    SEARCH_HINT,
    ResolvedName,
    ResolvedSpec,
    format_no_weights,
    match_loosely,
)
from imagenet_g.benchmark.naming.specs import ModelSpec

_MORE_DATA = re.compile(r"(?:^|_)(?:ft|dist|distilled|ns|jft|ssl|swsl|wsl|ssld|in12k|in21k|in22k)(?:_|$)")


def resolve_timm_spec(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec:
    """`resolve_timm_name` on the names of the installed timm.

    Raises:
        ImagenetGError: As `resolve_model_spec`.
    """
    import timm

    architectures = timm.list_models()
    if own_weights and spec.name in architectures and not timm.is_model_pretrained(spec.name):
        return ResolvedSpec(spec)
    resolved = resolve_timm_name(spec.name, list_timm_weights(), architectures, load_aliases())
    others = tuple(f"timm:{name}" for name in resolved.alternatives)
    return ResolvedSpec(ModelSpec("timm", resolved.name, None), others, resolved.reason)


def resolve_timm_name(
    name: str,
    pretrained: Sequence[PretrainedName],
    architectures: Sequence[str],
    aliases: Mapping[str, str],
) -> ResolvedName:
    """Which timm weights a name means.

    In this order:
      1. The full name of weights (`resnet50.a1_in1k`), or an architecture alone: timm's own default
         weights if they have a head of 1000, else the architecture's first that do.
      2. The same with other case or punctuation (`ResNet-50`), where only one architecture fits.
      3. A reviewed short name (`data/model_aliases.csv`: `vit_base` is vit_base_patch16_224).
      4. A family: the architectures that begin with the name at a word boundary and whose default has a head
         of 1000. The fewest further words win, then defaults trained on ImageNet-1k alone, then the lowest
         numbers. So `resnext101` is resnext101_32x8d.tv_in1k: 32x4d comes earlier, but its default was
         trained on YFCC100M.

    Args:
        name: As typed, without the scheme.
        pretrained: All weights on offer, in timm's order.
        architectures: All architectures, those without weights too.
        aliases: Architecture by short name.

    Raises:
        UnknownNameError: Nothing fits.
        ModelError: The architecture exists but has no weights.

    Example:
        >>> tags = ("a1_in1k", True), ("tv_in1k", False)
        >>> weights = [PretrainedName(f"resnet50.{tag}", 1000, default) for tag, default in tags]
        >>> resolve_timm_name("ResNet-50", weights, ["resnet50"], {}).name
        'resnet50.a1_in1k'
        >>> resolve_timm_name("resnet50.tv_in1k", weights, ["resnet50"], {}).name
        'resnet50.tv_in1k'
    """
    known = {weights.name: weights for weights in pretrained}
    # A full name with a tag is never reinterpreted, whatever rule below would fit it too.
    if name in known and "." in name:
        return ResolvedName(name)
    found = _find_architecture(name, pretrained, architectures, aliases)
    if found is None:
        return _resolve_family(name, pretrained, architectures)
    architecture, reason = found
    return _pick_weights(architecture, pretrained, reason)


def is_trained_on_imagenet_1k(tag: str) -> bool:
    """Whether a timm tag names ImageNet-1k and no other data or teacher, as far as the tag shows.

    Example:
        >>> [is_trained_on_imagenet_1k(tag) for tag in ("a1_in1k", "fb_in22k_ft_in1k", "fb_dist_in1k", "")]
        [True, False, False, False]
    """
    return (tag == "in1k" or tag.endswith("_in1k")) and not _MORE_DATA.search(tag.removesuffix("in1k"))


def _find_architecture(
    name: str,
    pretrained: Sequence[PretrainedName],
    architectures: Sequence[str],
    aliases: Mapping[str, str],
) -> tuple[str, str] | None:
    """The architecture a name means and why, or None for what may be a family."""
    if name in architectures:
        return name, "timm's default weights"
    base, _, tag = name.partition(".")
    if tag and base in architectures:
        tags = [weights.tag for weights in pretrained if weights.architecture == base]
        raise UnknownNameError(f"timm:{base} weights", tag, tags, hint=SEARCH_HINT)
    loose = match_loosely(name, architectures)
    if loose is not None:
        return loose, "its spelling in timm, with timm's default weights"
    alias = match_loosely(name, aliases)
    return None if alias is None else (aliases[alias], f"what '{alias}' usually means")


def _pick_weights(architecture: str, pretrained: Sequence[PretrainedName], reason: str) -> ResolvedName:
    offered = [weights for weights in pretrained if weights.architecture == architecture]
    if not offered:
        raise ModelError(format_no_weights(f"timm:{architecture}"))
    ordered = sorted(
        offered, key=lambda weights: (weights.num_outputs != NUM_CLASSES, not weights.is_default)
    )
    return ResolvedName(ordered[0].name, tuple(weights.name for weights in ordered[1:]), reason)


def _resolve_family(
    name: str, pretrained: Sequence[PretrainedName], architectures: Sequence[str]
) -> ResolvedName:
    family = [
        weights
        for weights in pretrained
        if weights.is_default
        and weights.num_outputs == NUM_CLASSES
        and _begins_with(weights.architecture, name)
    ]
    if not family:
        known = [*architectures, *(weights.name for weights in pretrained)]
        raise UnknownNameError("timm model", name, known, hint=SEARCH_HINT)
    ordered = sorted(family, key=lambda weights: _rank_in_family(weights, name))
    reason = f"first choice among the {len(family)} models whose name begins so"
    if len(family) == 1:
        reason = "the only model whose name begins so"
    return ResolvedName(ordered[0].name, tuple(weights.name for weights in ordered[1:]), reason)


def _rank_in_family(weights: PretrainedName, name: str) -> tuple[object, ...]:
    rest = weights.architecture[len(name) :].strip("_")
    return rest.count("_"), not is_trained_on_imagenet_1k(weights.tag), natural_key(weights.architecture)


def _begins_with(architecture: str, name: str) -> bool:
    """Whether the name ends at a word boundary of the architecture: `vit` begins vit_base, not vitamin."""
    if not name or not architecture.startswith(name) or len(architecture) == len(name):
        return False
    before, after = name[-1], architecture[len(name)]
    return after == "_" or before == "_" or (before.isalpha() and after.isdigit())
