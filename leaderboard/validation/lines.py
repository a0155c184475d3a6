"""The lines that rows are compared with: of published figures, and measured ones that come with a version.

Published figures are the tables in `baselines/data`, which are read as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files

import numpy.typing as npt

from imagenet_g.benchmark.catalogue.catalogue import list_releases
from imagenet_g.benchmark.lines.version_lines import load_lines as load_line_files
from imagenet_g.benchmark.robustness.fits import LineFit, compute_band, fit_line
from imagenet_g.benchmark.robustness.links import LINKS, LinkName, apply_fit_link
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, build_measured_points
from imagenet_g.benchmark.robustness.points import BaselinePoints
from imagenet_g.benchmark.robustness.published_sets import BaselineSet, build_points, load_baseline_file
from imagenet_g.benchmark.statistics.accuracy import FloatArray

BASELINES = ("testbed", "timm-in1k")
FULL_AXIS = "imagenet_val"
DATA = "imagenet_g.leaderboard.data"
TABLES = "imagenet_g.baselines.data"
# Half an answer of so many images is the 1e-6 of `place_on_axis`.
_FINITE_N = 500_000


@cache
def load_tables() -> tuple[BaselineSet, ...]:
    """The tables of published figures that lines are fitted through."""
    with as_file(files(TABLES)) as folder:
        return tuple(load_baseline_file(folder / f"{name}.toml") for name in BASELINES)


@cache
def load_lines() -> tuple[LineFit, ...]:
    """Every line of every table; a set whose line bends has two."""
    return tuple(
        fit_line(piece, link)
        for table in load_tables()
        for points in _list_points(table)
        for link in LINKS
        for piece in points.list_pieces()
    )


def _list_points(table: BaselineSet) -> Iterator[BaselinePoints]:
    for target, spec in table.header.targets.items():
        # OpenCLIP publishes the full clean accuracy only: its models need the line on that axis too.
        for axis in dict.fromkeys((spec.reference, FULL_AXIS)):
            yield build_points(table, target, references=(axis,))


def load_all_lines(version: str) -> tuple[MeasuredBaseline, ...]:
    """Every measured line that comes with a version's release; empty where the release is not here.

    Raises:
        DataError: A line was changed after it was stored.
    """
    folder = list_releases({}).get(version)
    return () if folder is None else tuple(load_line_files(folder, version))


def fit_measured_lines(versions: Iterable[str]) -> tuple[LineFit, ...]:
    """The measured lines of some versions, under every link.

    Through all models of a line: the effective robustness of a row leaves out the models akin to it, so that
    its expected accuracy may lie a little beside the line that is drawn.

    Raises:
        DataError: A line was changed after it was stored.
    """
    found = (build_measured_points(one) for version in versions for one in load_all_lines(version))
    return tuple(fit_line(points, link) for points in found for link in LINKS)


def name_measured_axis(clean_set: str) -> str:
    """The clean axis of a measured line.

    Example:
        >>> name_measured_axis("mini/real")
        'mini/real, same classes'
    """
    return f"{clean_set}, same classes"


def find_line(
    lines: Sequence[LineFit],
    *,
    baseline: str,
    target: str,
    link: str,
    axis: str | None = None,
    near: float = 1.0,
) -> LineFit | None:
    """The line of a baseline on a set; where it bends, the piece that reaches nearest to a clean accuracy."""
    found = [
        line
        for line in lines
        if (line.baseline, line.target, line.link) == (baseline, target, link)
        and (axis is None or line.axes == (axis,))
    ]
    return min(found, key=lambda line: _distance(line, near)) if found else None


def _distance(line: LineFit, value: float) -> float:
    return max(line.reference_low[0] - value, value - line.reference_high[0], 0.0)


def place_on_axis(values: npt.ArrayLike, link: LinkName) -> FloatArray:
    """Fractions to places on an axis: logit and probit keep 1e-6 away from 0 and 1, to stay on the page.

    Example:
        >>> round(float(place_on_axis(0.5, "logit")), 3), round(float(place_on_axis(1.0, "logit")), 1)
        (0.0, 13.8)
    """
    return apply_fit_link(values, _FINITE_N, link)


def compute_prediction_band(line: LineFit, reference: npt.ArrayLike) -> tuple[FloatArray, FloatArray] | None:
    """Where 95 % of standard models of these clean accuracies lie; None without degrees of freedom."""
    return None if line.residual_sd is None else compute_band(line, reference)
