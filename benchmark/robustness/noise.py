"""The part of an effective robustness's doubt that is chance within classes.

ER = y - beta(x). Both accuracies have the noise of `statistics.within`; that of x passes through the line:
beta is monotone in each clean accuracy, so the bounds of x become bounds of beta(x), which for a short
interval is the product with the derivative, f'(x) / f'(beta(x)) times the slope for link f. Sources add up by
square-and-add (Newcombe 1998, method 10; Zou and Donner 2008).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.robustness.families import fit_weighted_lines
from imagenet_g.benchmark.robustness.links import apply_fit_link, invert_link
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.gap_noise import bound_accuracy_noise
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE
from imagenet_g.benchmark.statistics.observations import Observation


def bound_robustness_noise(
    points: BaselinePoints, evaluated: EvaluatedModel, link: str, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of an effective robustness from chance within classes alone, the line taken as known.

    Args:
        points: The baseline; the line is that of least squares.
        evaluated: K clean accuracies and one on the shifted set.
        link: Name of the link.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Lower and upper bound, differences of fractions.

    Example:
        >>> top1 = np.array([[0.5], [0.6], [0.7], [0.8], [0.9]])
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=tuple("vwxyz"), families=tuple("vwxyz"), reference=top1,
        ...                         shifted=np.full(5, 0.4), reference_n=(1000,), shifted_n=1000)
        >>> clean, shifted = Observation(top1=0.7, n=100), Observation(top1=0.5, n=100)
        >>> evaluated = EvaluatedModel(reference=(clean,), shifted=shifted)
        >>> bounds = bound_robustness_noise(points, evaluated, "linear")
        >>> [round(bound, 4) for bound in bounds]  # a flat line: Wilson's interval of 0.5, less 0.4
        [0.0038, 0.1962]
    """
    expected, arms = _list_arms(points, evaluated, link, confidence=confidence)
    value = evaluated.shifted.top1 - expected
    return value - _add_squares(arm.below for arm in arms), value + _add_squares(arm.above for arm in arms)


def find_published_reach(
    points: BaselinePoints, evaluated: EvaluatedModel, link: str, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """How far `bound_robustness_noise` reaches below and above for accuracies without counts by class alone.

    Both are 0 where every accuracy of the evaluated model has counts.
    """
    _, arms = _list_arms(points, evaluated, link, confidence=confidence)
    published = [arm for arm in arms if arm.observed.right is None]
    return _add_squares(arm.below for arm in published), _add_squares(arm.above for arm in published)


@dataclass(frozen=True, slots=True)
class _Arm:
    """How far one accuracy's noise carries an effective robustness down and up."""

    observed: Observation
    below: float
    above: float


def _add_squares(lengths: Iterable[float]) -> float:
    return math.hypot(*lengths)


def _list_arms(
    points: BaselinePoints, evaluated: EvaluatedModel, link: str, *, confidence: float
) -> tuple[float, list[_Arm]]:
    line = fit_weighted_lines(
        apply_fit_link(points.reference[None], points.reference_n, link),
        apply_fit_link(points.shifted[None], points.shifted_n, link),
        np.ones((1, len(points.models))),
    )[0]

    def expect(clean: FloatArray) -> float:
        return float(invert_link(line[0] + apply_fit_link(clean, points.reference_n, link) @ line[1:], link))

    clean = np.array([one.top1 for one in evaluated.reference])
    expected, shifted = expect(clean), evaluated.shifted
    low, high = bound_accuracy_noise(shifted, confidence=confidence)
    arms = [_Arm(shifted, shifted.top1 - low, high - shifted.top1)]
    for axis, one in enumerate(evaluated.reference):
        bounds = bound_accuracy_noise(one, confidence=confidence)
        moved = [expect(np.where(np.arange(len(clean)) == axis, bound, clean)) for bound in bounds]
        # Where more is expected, the model is less robust.
        arms.append(_Arm(one, max(moved) - expected, expected - min(moved)))
    return expected, arms
