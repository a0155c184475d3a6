"""A baseline by its id or by the path of its file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.lines.version_lines import find_line_file
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    build_measured_points,
    load_measured_baseline,
)
from imagenet_g.benchmark.robustness.points import BaselinePoints
from imagenet_g.benchmark.robustness.published_sets import BaselineSet, build_points, load_baseline_file


def load_any_baseline(name: str) -> BaselineSet | MeasuredBaseline:
    """A built-in set by id, your own set by its .toml header, or a measured baseline by its .json file.

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

    Example:
        >>> points = load_points("testbed", "imagenet-sketch")
        >>> len(points.models), points.axes, points.shifted_n
        (85, ('imagenet_val',), 50889)
    """
    baseline = load_any_baseline(name)
    if isinstance(baseline, BaselineSet):
        if split is None:
            raise InputError(f"Name a split with --split. Splits of '{name}': {_list_targets(baseline)}.")
        # Points are built per split: each shifted set has its own clean column, on its own classes.
        return build_points(baseline, split, references=references)
    if split not in (None, baseline.target):
        raise InputError(f"'{name}' was measured on '{baseline.target}', not on '{split}'.")
    if references:
        raise InputError("A measured baseline has one clean axis; --id works with published figures only.")
    return build_measured_points(baseline)


def format_axis(name: str, column: str) -> str:
    """A clean axis in words: the set, and the classes where they are not all 1000.

    Example:
        >>> points = load_points("testbed", "imagenet-r")
        >>> format_axis("testbed", points.axes[0])
        'imagenet-val on the classes of imagenet-r'
    """
    baseline = load_any_baseline(name)
    if not isinstance(baseline, BaselineSet) or column not in baseline.header.columns:
        return column
    spec = baseline.header.columns[column]
    return spec.set if spec.class_set == "all" else f"{spec.set} on the classes of {spec.class_set}"


def _list_targets(baseline: BaselineSet) -> str:
    return ", ".join(baseline.header.targets) or "no figures yet; measure it with 'baselines run'"


def find_default_line(
    split: str, reference: str | None, *, data: Mapping[str, Path] | None = None, cache: Path | None = None
) -> tuple[str | None, str]:
    """The measured line that comes with a split's version, and why it is or is not there.

    Args:
        split: A split of a version, with its view if it has one.
        reference: The clean set that is run; None where the clean accuracy is looked up.
        data: Local copies of releases by version.
        cache: Where downloads are remembered.

    Returns:
        The path of the line, None without one, and a phrase without a full stop.

    Raises:
        DataError: The line was changed after it was stored.

    Example:
        >>> find_default_line("v9/sd-l", "v9/real")
        (None, "no line of v9/sd-l against v9/real comes with v9; 'imagenet-g baselines run' measures one")
        >>> find_default_line("v9/sd-l", None)
        (None, 'no clean set is run, and a measured line is over one')
    """
    if reference is None:
        return None, "no clean set is run, and a measured line is over one"
    version = split.partition("/")[0]
    path = find_line_file(split, reference, data=data, cache=cache)
    if path is not None:
        return str(path), f"the line that comes with {version}"
    line = f"no line of {split} against {reference} comes with {version}"
    return None, f"{line}; 'imagenet-g baselines run' measures one"


BUILT_IN = ("testbed", "timm-in1k", "paper", "drawn", "open-clip-zero-shot")


def list_baselines() -> tuple[str, ...]:
    """Ids of the sets that come with the package.

    Example:
        >>> "testbed" in list_baselines()
        True
    """
    return BUILT_IN


def load_baseline(name: str) -> BaselineSet:
    """A built-in set by id, or your own by the path of its TOML header.

    Raises:
        UnknownNameError: Neither.
        DataError: The header or table is malformed, or the table is not the one that was hashed.
        InputError: A figure is NaN or percent, or a model is listed twice.
    """
    if name in BUILT_IN:
        # The whole folder and not the one file: a header names its table, which lies beside it.
        with as_file(files("imagenet_g.baselines.data")) as folder:
            return load_baseline_file(folder / f"{name}.toml")
    if name.endswith(".toml"):
        return load_baseline_file(Path(name))
    raise UnknownNameError("baseline", name, BUILT_IN, hint="Or give the path of a .toml header.")
