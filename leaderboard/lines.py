"""Fitted baseline lines, read as data: `data/lines.json`, which `imagenet-g leaderboard figures` writes.

A line says what accuracy to expect from the clean one: beta(x) = f^-1(a + b f(x)) with link f. How it was
fitted is the business of `imagenet-g baselines fit`; here it is only applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from scipy.special import expit, logit, ndtr, ndtri

from imagenet_g.benchmark.accuracy import FloatArray
from imagenet_g.benchmark.results import Count, FileModel, Fraction, Sha256

LinkName: TypeAlias = Literal["linear", "logit", "probit"]
LINKS: tuple[LinkName, ...] = ("linear", "logit", "probit")
DATA = "imagenet_g.leaderboard.data"


class Line(FileModel):
    """One line, as `imagenet-g baselines fit --out` writes it."""

    baseline: str
    baseline_sha256: Sha256
    target: str
    axes: tuple[str, ...]
    link: LinkName
    intercept: float
    slopes: tuple[float, ...]
    r2: float
    num_models: Count
    num_families: Count
    reference_n: tuple[Count, ...]
    reference_low: tuple[Fraction, ...]
    reference_high: tuple[Fraction, ...]
    residual_sd: float | None
    unscaled_covariance: tuple[tuple[float, ...], ...]


@cache
def load_lines() -> tuple[Line, ...]:
    """Every line of the data file with one clean axis."""
    text = (files(DATA) / "lines.json").read_text(encoding="utf-8")
    return tuple(line for line in TypeAdapter(list[Line]).validate_json(text) if len(line.slopes) == 1)


def find_line(
    lines: Sequence[Line],
    *,
    baseline: str,
    target: str,
    link: str,
    axis: str | None = None,
    near: float = 1.0,
) -> Line | None:
    """The line of a baseline on a set; where it bends, the piece that reaches nearest to a clean accuracy."""
    found = [
        line
        for line in lines
        if (line.baseline, line.target, line.link) == (baseline, target, link)
        and (axis is None or line.axes == (axis,))
    ]
    return min(found, key=lambda line: _distance(line, near)) if found else None


def _distance(line: Line, value: float) -> float:
    return max(line.reference_low[0] - value, value - line.reference_high[0], 0.0)


def apply_link(values: npt.ArrayLike, link: LinkName) -> FloatArray:
    """Fractions to the link's scale; logit and probit keep 1e-6 away from 0 and 1, to stay finite."""
    fractions = np.asarray(values, dtype=np.float64)
    if link == "linear":
        return fractions
    inside = np.clip(fractions, 1e-6, 1 - 1e-6)
    return np.asarray(logit(inside) if link == "logit" else ndtri(inside))


def invert_link(values: npt.ArrayLike, link: LinkName) -> FloatArray:
    """The link's scale to fractions in [0, 1]."""
    scaled = np.asarray(values, dtype=np.float64)
    if link != "linear":
        scaled = np.asarray(expit(scaled) if link == "logit" else ndtr(scaled))
    return np.asarray(np.clip(scaled, 0.0, 1.0))


def predict_top1(line: Line, reference: npt.ArrayLike) -> FloatArray:
    """beta(x): expected accuracy at clean accuracies `(N,)`, fractions."""
    return invert_link(line.intercept + line.slopes[0] * apply_link(reference, line.link), line.link)


def compute_prediction_band(
    line: Line, reference: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray] | None:
    """Where one more standard model lies with the given confidence; None without degrees of freedom.

    Source: the prediction interval of ordinary least squares on the link's scale.
    """
    from scipy.stats import t

    if line.residual_sd is None:
        return None
    x = apply_link(reference, line.link).reshape(-1)
    design = np.stack([np.ones_like(x), x], axis=1)
    leverage = np.einsum("nk,kl,nl->n", design, np.array(line.unscaled_covariance), design)
    freedom = line.num_models - 2
    reach = t.ppf(0.5 + confidence / 2, freedom) * line.residual_sd * np.sqrt(1 + leverage)
    height = line.intercept + line.slopes[0] * x
    return invert_link(height - reach, line.link), invert_link(height + reach, line.link)
