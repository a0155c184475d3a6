"""How far an effective robustness could be off: one class, and one family, left out at a time.

Two things vary: the images, class by class, for the evaluated model and the baseline's measured models alike;
and which architecture families the line is fitted through. With theta(-c) the effective robustness without
the images of class c, and theta(-g) the one with the line of all families but g,

    v_c = (C - 1) / C * sum over c of (theta(-c) - mean)^2,
    v_f = (G - 1) / G * sum over g of (theta(-g) - theta)^2,
    v_cg = (C - 1) / C * sum over g and c of (theta(-cg) - mean over c)^2,

where theta(-cg) leaves out class c for the models of family g alone. Families differ by more than chance only
in what v_f has above v_cg: the noise of the baseline's own images is in both v_c and v_f (two-way clustering:
Cameron, Gelbach and Miller 2011; CR3: MacKinnon and White 1985). So

    v = v_c + v_f',   v_f' = max(0, v_f - v_cg),
    theta +- max(t_df * root v, root(z^2 v_c + t_f^2 v_f')),
    df = v^2 / (v_c^2 / (C - 1) + v_f'^2 / (G_eff - 1)),

at most max(C - 1, G_eff - 1), and at most C - 1 where v_c > v_f'. t_f has G_eff - 1 degrees of freedom: a few
families that happen to be alike would else count as known by as many as there are classes. G_eff counts large
families for less (`compute_effective_families`). Accuracies without counts by class have Wilson's noise,
added by square-and-add (Zou and Donner 2008). The interval always holds that of chance within classes
(`bound_robustness_noise`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.robustness.families import compute_effective_families, predict_weighted
from imagenet_g.benchmark.robustness.links import apply_fit_link, invert_link
from imagenet_g.benchmark.robustness.noise import bound_robustness_noise, find_published_reach
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, find_student_quantile

MIN_CLUSTERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Variances:
    """What the variance of an effective robustness is made of.

    Attributes:
        classes: v_c; 0 where nothing has counts by class.
        families: v_f'.
        class_freedom: C - 1; 0 where nothing has counts by class.
        family_freedom: G_eff - 1.
    """

    classes: float
    families: float
    class_freedom: float
    family_freedom: float

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the sum (Satterthwaite 1946), with the bounds of the module's docstring.

        Example:
            >>> few, many = (
            ...     Variances(classes=2.0, families=1.0, class_freedom=freedom, family_freedom=4)
            ...     for freedom in (5, 999)
            ... )
            >>> few.freedom, round(many.freedom, 1)
            (5, 35.4)
        """
        if not self.classes:
            return self.family_freedom
        pieces = self.classes**2 / self.class_freedom + self.families**2 / self.family_freedom
        found = (self.classes + self.families) ** 2 / pieces
        more = max(self.class_freedom, self.family_freedom)
        return min(found, self.class_freedom if self.classes > self.families else more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linked:
    """Accuracies on the link's scale, with one class left out at a time or none: B rows.

    Attributes:
        reference: `(B, M, K)` of the baseline's models on the clean sets.
        shifted: `(B, M)` of them on the shifted set.
        clean: `(B, K)` of the evaluated model on the clean sets.
        own: `(B,)` of the evaluated model on the shifted set, fractions.
    """

    reference: FloatArray
    shifted: FloatArray
    clean: FloatArray
    own: FloatArray


def explain_no_interval(points: BaselinePoints, evaluated: EvaluatedModel) -> str | None:
    """Why an effective robustness has no interval; None where it has one."""
    families = np.array(points.families)
    names = np.unique(families)
    if len(names) < MIN_CLUSTERS:
        return "the baseline's models are all of one family, which does not show how families differ"
    num_coefficients = points.reference.shape[1] + 1
    for name in names:
        left = points.reference[families != name]
        if len(left) < num_coefficients or (np.ptp(left, axis=0) == 0).any():
            return f"without the family '{name}' the baseline has no line, so its doubt cannot be computed"
    for total in _list_totals(points, evaluated):
        if int((total > 0).sum()) < MIN_CLUSTERS:
            return "the images are all of one class, which does not show how classes differ"
    return None


def bound_by_jackknife(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    *,
    value: float,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """The interval of the module's docstring; `explain_no_interval` must have returned None.

    Args:
        points: The baseline the line was fitted through.
        evaluated: The model.
        link: Name of the link.
        value: Its effective robustness, a fraction.
        confidence: Nominal coverage in (0, 1).
    """
    variances = compute_variances(points, evaluated, link)
    reach = find_reach(variances, confidence=confidence)
    below, above = find_published_reach(points, evaluated, link, confidence=confidence)
    noise = bound_robustness_noise(points, evaluated, link, confidence=confidence)
    low = min(value - math.hypot(reach, below), noise[0])
    high = max(value + math.hypot(reach, above), noise[1])
    # An accuracy less another cannot be more.
    return max(-1.0, low), min(1.0, high)


def find_reach(variances: Variances, *, confidence: float = CONFIDENCE) -> float:
    """Half the interval's width from classes and families.

    Example:
        >>> few = Variances(classes=1e-4, families=5e-5, class_freedom=999, family_freedom=2.57)
        >>> round(find_reach(few), 4)  # a few families may happen to be alike
        0.0316
        >>> alike = Variances(classes=1e-4, families=0.0, class_freedom=9, family_freedom=5)
        >>> round(find_reach(alike), 4)  # 2.262 times 0.01
        0.0226
    """
    student, alone, plain = (
        find_student_quantile(freedom, confidence=confidence)
        for freedom in (variances.freedom, variances.family_freedom, math.inf)
    )
    together = student * math.sqrt(variances.classes + variances.families)
    return max(
        together, math.hypot(plain * math.sqrt(variances.classes), alone * math.sqrt(variances.families))
    )


def compute_variances(
    points: BaselinePoints, evaluated: EvaluatedModel, link: str, *, less: EvaluatedModel | None = None
) -> Variances:
    """v_c and v_f' of the module's docstring, with their degrees of freedom.

    Args:
        points: The baseline the line was fitted through.
        evaluated: The model.
        link: Name of the link.
        less: A second model on the same images. Then all is about the first one's effective robustness less
            this one's: what both share, the line and the hard classes, cancels.
    """
    models = (evaluated,) if less is None else (evaluated, less)
    whole = [_link_accuracies(points, one, link, left_out=None) for one in models]
    theta = _subtract([_compute_values(one, link) for one in whole])
    names, family = np.unique(np.array(points.families), return_inverse=True)
    weights = (family != np.arange(len(names))[:, None]).astype(float)
    without = _subtract([_compute_values(one, link, weights=weights) for one in whole])
    families = (1 - 1 / len(names)) * float(((without - theta) ** 2).sum())
    totals = [total for one in models for total in _list_totals(points, one)]
    used = np.flatnonzero(np.any([total > 0 for total in totals], axis=0)) if totals else np.zeros(0, np.intp)
    classes = shared = 0.0
    if len(used):
        fewer = [_link_accuracies(points, one, link, left_out=used) for one in models]
        classes = _sum_squares(_subtract([_compute_values(one, link) for one in fewer]))
        if points.counts is not None:
            rows = family == np.arange(len(names))[:, None]
            mixed = [_mix(one, other, rows) for one, other in zip(whole, fewer, strict=True)]
            cells = _subtract([_compute_values(one, link) for one in mixed])
            shared = _sum_squares(cells.reshape(len(names), -1))
    return Variances(
        classes=classes,
        families=max(0.0, families - shared),
        class_freedom=max(0, len(used) - 1),
        family_freedom=compute_effective_families(points.families) - 1,
    )


def _subtract(values: Sequence[FloatArray]) -> FloatArray:
    return values[0] if len(values) == 1 else np.asarray(values[0] - values[1])


def _list_totals(points: BaselinePoints, evaluated: EvaluatedModel) -> list[FloatArray]:
    """`(C,)` images by class of every set that has them."""
    own = [one.total for one in (*evaluated.reference, evaluated.shifted) if one.total is not None]
    counts = points.counts
    return own if counts is None else [*own, counts.reference.total, counts.shifted.total]


def _sum_squares(left_out: FloatArray) -> float:
    # `(..., C)`: about the mean over classes, then over all rows.
    off = left_out - left_out.mean(axis=-1, keepdims=True)
    return float((off**2).sum()) * (1 - 1 / int(left_out.shape[-1]))


def _mix(whole: _Linked, fewer: _Linked, rows: BoolArray) -> _Linked:
    """One class left out for `(G, M)` some of the baseline's models, and for nothing else: G x C rows."""
    chosen = rows[:, None, :]
    reference = np.where(chosen[..., None], fewer.reference, whole.reference)
    shifted = np.where(chosen, fewer.shifted, whole.shifted)
    return _Linked(
        reference=reference.reshape(-1, *reference.shape[2:]),
        shifted=shifted.reshape(-1, shifted.shape[-1]),
        clean=whole.clean,
        own=whole.own,
    )


def _link_accuracies(
    points: BaselinePoints, evaluated: EvaluatedModel, link: str, *, left_out: IntArray | None
) -> _Linked:
    """All accuracies, or those without each of the given classes in turn."""

    def compute(top1: npt.ArrayLike, right: FloatArray | None, total: FloatArray | None) -> FloatArray:
        if left_out is None or right is None or total is None:
            return np.asarray(top1, dtype=np.float64)[None]
        sums = right.sum(axis=-1)[None] - right.T[left_out]
        images = total.sum() - total[left_out]
        return np.asarray(sums / (images if sums.ndim == 1 else images[:, None]))

    counts = points.counts
    reference, theirs = points.reference[None], points.shifted[None]
    if counts is not None:
        # Points that were measured have one clean axis.
        clean = compute(points.reference[:, 0], counts.reference.right, counts.reference.total)
        reference, theirs = (
            clean[..., None],
            compute(points.shifted, counts.shifted.right, counts.shifted.total),
        )
    ours = [compute(one.top1, one.right, one.total) for one in evaluated.reference]
    return _Linked(
        reference=apply_fit_link(reference, points.reference_n, link),
        shifted=apply_fit_link(theirs, points.shifted_n, link),
        clean=apply_fit_link(np.stack(ours, axis=-1), points.reference_n, link),
        own=compute(evaluated.shifted.top1, evaluated.shifted.right, evaluated.shifted.total),
    )


def _compute_values(linked: _Linked, link: str, *, weights: FloatArray | None = None) -> FloatArray:
    """Effective robustness in every row: `(B,)`."""
    given = np.ones((1, linked.shifted.shape[1])) if weights is None else weights
    expected = predict_weighted(linked.reference, linked.shifted, given, linked.clean)
    return np.asarray(linked.own - invert_link(expected, link))
