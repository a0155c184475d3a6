"""Which clean set a split is compared with where the user names none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import find_local_copy, list_releases
from imagenet_g.benchmark.hub.datasets import find_cached_files
from imagenet_g.benchmark.splits.real_set_files import RealSet, find_real_set
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions

USUAL = "imagenet-val"
"""The clean set of every split that is of no known version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenReference:
    """A clean set that was not named.

    Attributes:
        ref: The set to run; None to look its published accuracy up.
        name: The set.
        reason: Why it was taken, without a full stop.
    """

    ref: SplitRef | None
    name: str
    reason: str


def choose_default_reference(
    split: SplitRef, data: Mapping[str, Path], sets: Mapping[str, RealSet] | None = None
) -> ChosenReference:
    """The default reference of a split's version: run where it is available, else looked up.

    Args:
        split: The split that is compared.
        data: Local copies by name.
        sets: Known real sets by name; None for the shipped ones.

    Example:
        >>> choose_default_reference(parse_split_ref("mini-v2/sd-l"), {}).reason
        'mini/real is the default reference of mini-v2'
        >>> choose_default_reference(parse_split_ref("folder:images"), {}).ref is None
        True
    """
    spec = load_versions().get(split.version or "")
    name = USUAL if spec is None else spec.default_reference
    owner = split.base if spec is None else spec.name
    why = f"{name} is the default reference of {owner}"
    ref = parse_split_ref(name, sets)
    if is_available(ref, data):
        return ChosenReference(ref=ref, name=name, reason=why)
    return ChosenReference(
        ref=None, name=name, reason=f"{why}, and is not available: its published accuracy stands in"
    )


def is_available(ref: SplitRef, data: Mapping[str, Path]) -> bool:
    """Whether a set can be run without a download that nobody asked for."""
    if ref.kind == "version":
        return ref.version in list_releases(data)
    real_set = ref.real_set or find_real_set(ref.base)
    if real_set is None:
        return False
    spec = real_set.spec
    if find_local_copy(spec, data) is not None:
        return True
    return spec.hub is not None and find_cached_files(spec.hub.repo, spec.hub.files) is not None
