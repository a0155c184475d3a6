"""From the name a user types to the library's own name, without a network."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.naming.libraries import call_function, find_library, list_names
from imagenet_g.benchmark.naming.resolved import SEARCH_HINT, ResolvedSpec, match_loosely
from imagenet_g.benchmark.naming.specs import ModelSpec


def resolve_model_spec(spec: ModelSpec, *, own_weights: bool = False) -> ResolvedSpec:
    """Fill in what a model spec leaves open, from the names that the installed libraries offer.

    Args:
        spec: As typed.
        own_weights: Whether a checkpoint is given, so that the name need not have pretrained weights.

    Raises:
        UnknownNameError: No such model or weights.
        ModelError: The architecture exists but has no pretrained weights, and none are given.
    """
    library = find_library(spec.scheme)
    if spec.name.startswith(library.sources):
        return ResolvedSpec(spec)
    if library.resolver is not None:
        resolved: ResolvedSpec = call_function(library, library.resolver, spec, own_weights=own_weights)
        return resolved
    if library.names is None:
        return ResolvedSpec(spec)
    return resolve_listed_name(spec, list_names(library))


def resolve_listed_name(spec: ModelSpec, names: Sequence[str]) -> ResolvedSpec:
    """The listed name that the typed one is, apart from case and punctuation.

    Args:
        spec: As typed.
        names: All names on offer, `name` or `name/weights`.

    Raises:
        UnknownNameError: Nothing fits.

    >>> resolve_listed_name(ModelSpec("wheel", "EfficientNet-Lite0", None), ["efficientnet-lite0"]).spec.name
    'efficientnet-lite0'
    """
    typed = str(spec).removeprefix(f"{spec.scheme}:")
    found = match_loosely(typed, names)
    if found is None:
        raise UnknownNameError(f"{spec.scheme} model", typed, names, hint=SEARCH_HINT)
    reason = "" if found == typed else "its spelling in the library"
    return ResolvedSpec(ModelSpec(spec.scheme, *find_library(spec.scheme).split(found)), (), reason)
