"""A baseline by whatever name a person gives it."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.baselines.sets import load_baseline
from imagenet_g.benchmark.baseline_tables import BaselineSet, build_points
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.measured_baselines import (
    MeasuredBaseline,
    build_measured_points,
    load_measured_baseline,
)
from imagenet_g.benchmark.points import BaselinePoints


def load_any_baseline(name: str) -> BaselineSet | MeasuredBaseline:
    """A built-in set by id, a set of one's own by its .toml header, or a measured baseline by its .json file.

    Raises:
        UnknownNameError: None of these.
        DataError: The file is missing or malformed.
    """
    return load_measured_baseline(Path(name)) if name.endswith(".json") else load_baseline(name)


def load_points(name: str, split: str | None, *, references: list[str] | None = None) -> BaselinePoints:
    """Points of a baseline for one split.

    Args:
        name: As `load_any_baseline`.
        split: The shifted set; may be None for a measured baseline, which has just one.
        references: Clean columns in place of the usual one; two or more make a multi-ID fit.

    Raises:
        UnknownNameError: The baseline has no figures for the split.
        InputError: No split was named, or the baseline was measured on another one.
    """
    baseline = load_any_baseline(name)
    if isinstance(baseline, BaselineSet):
        if split is None:
            raise InputError(f"Name a split with --split; '{name}' has {_list_targets(baseline)}.")
        return build_points(baseline, split, references=references)
    if split not in (None, baseline.target):
        raise InputError(f"'{name}' was measured on '{baseline.target}', not on '{split}'.")
    if references:
        raise InputError("A measured baseline has one clean axis; --id works with published figures only.")
    return build_measured_points(baseline)


def format_axis(name: str, column: str) -> str:
    """A clean axis in words: the set, and the classes where they are not all 1000."""
    baseline = load_any_baseline(name)
    if not isinstance(baseline, BaselineSet) or column not in baseline.header.columns:
        return column
    spec = baseline.header.columns[column]
    return spec.set if spec.class_set == "all" else f"{spec.set} on the classes of {spec.class_set}"


def _list_targets(baseline: BaselineSet) -> str:
    return ", ".join(baseline.header.targets) or "none, and must be run first"
