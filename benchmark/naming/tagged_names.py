"""Which weights a typed name means for libraries that keep name and tag apart: open_clip and torchvision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.naming.offered import list_open_clip_tags, list_torchvision_tags
from imagenet_g.benchmark.naming.resolved import SEARCH_HINT, ResolvedSpec, format_no_weights, match_loosely
from imagenet_g.benchmark.naming.specs import ModelSpec


def resolve_open_clip_spec(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec:
    """`resolve_tagged_name` on the names of the installed open_clip.

    Raises:
        ImagenetGError: As `resolve_model_spec`.
    """
    return _prefer_quickgelu(resolve_tagged_name(spec, list_open_clip_tags(), own_weights=own_weights))


def resolve_torchvision_spec(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec:
    """`resolve_tagged_name` on the names of the installed torchvision.

    Raises:
        ImagenetGError: As `resolve_model_spec`.
    """
    return resolve_tagged_name(spec, list_torchvision_tags(), own_weights=own_weights)


def resolve_tagged_name(
    spec: ModelSpec, tags: Mapping[str, Sequence[str]], *, own_weights: bool = False
) -> ResolvedSpec:
    """Which weights `<name>[/<tag>]` means for a library that keeps name and tag apart.

    Without a tag the name stands for the first listed weights, or OpenAI's for a CLIP that has them; with the
    user's own weights, for none. Case and punctuation do not count.

    Args:
        spec: As typed.
        tags: Tags by name, the default first.
        own_weights: Whether the tag may be missing altogether.

    Raises:
        UnknownNameError: No such name or tag.
        ModelError: The name has no weights and none are given.

    Example:
        >>> tags = {"ViT-B-32": ("laion2b", "openai")}
        >>> str(resolve_tagged_name(ModelSpec("open_clip", "vit-b-32", None), tags).spec)
        'open_clip:ViT-B-32/openai'
        >>> str(resolve_tagged_name(ModelSpec("open_clip", "ViT-B", "32/laion2b"), tags).spec)
        'open_clip:ViT-B-32/laion2b'
    """
    name, typed_tag = _split_typed(spec, tags)
    if name is None:
        raise UnknownNameError(f"{spec.scheme} model", spec.name, tags, hint=SEARCH_HINT)
    if not tags[name]:
        if own_weights:
            return ResolvedSpec(ModelSpec(spec.scheme, name, None))
        raise ModelError(format_no_weights(f"{spec.scheme}:{name}"))
    if typed_tag is None and own_weights:
        return ResolvedSpec(
            ModelSpec(spec.scheme, name, None), (), "" if name == spec.name else "its spelling"
        )
    if typed_tag is None:
        # A bare CLIP name means OpenAI's weights in the literature.
        picked = "openai" if "openai" in tags[name] else tags[name][0]
        others = tuple(f"{spec.scheme}:{name}/{tag}" for tag in tags[name] if tag != picked)
        return ResolvedSpec(ModelSpec(spec.scheme, name, picked), others, "no weights were named")
    tag = match_loosely(typed_tag, tags[name])
    if tag is None:
        raise UnknownNameError(f"{spec.scheme}:{name} weights", typed_tag, tags[name], hint=SEARCH_HINT)
    reason = "" if (name, tag) == (spec.name, spec.weights) else "its spelling in the library"
    return ResolvedSpec(ModelSpec(spec.scheme, name, tag), (), reason)


def _split_typed(spec: ModelSpec, tags: Mapping[str, Sequence[str]]) -> tuple[str | None, str | None]:
    """Known name and typed tag; CLIP's own spelling has a slash in the name (`ViT-B/32`)."""
    name = match_loosely(spec.name, tags)
    weights = None if spec.weights == "DEFAULT" else spec.weights
    if name is not None or weights is None:
        return name, weights
    rest, _, tag = weights.partition("/")
    return match_loosely(f"{spec.name}-{rest}", tags), tag or None


def _prefer_quickgelu(resolved: ResolvedSpec) -> ResolvedSpec:
    """Weights trained with QuickGELU run with QuickGELU, whichever way the architecture was typed."""
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
