"""The shift in difficulty between two versions, from a fixed panel of models, and scores without the shift.

With a and b a model's accuracy on the old and on the new version, the shift is the panel's mean

    delta = mean over i of (logit b_i - logit a_i),

positive where the new version is easier, and a score y on the new version is equated to the old one by
logit^-1(logit y - delta): mean equating on the logit scale (Kolen and Brennan 2014, chapter 2). Two things
vary: the images, class by class, in both versions and for all models alike; and which models the panel has,
family by family. Each is left out in turn; the variances, their sum and its reach are those of
`robustness.jackknife`: families that happen to be alike do not pass for many.
Where a version has replicates, the variance between their seeds is added (`seeds`).
A score's interval always holds that of chance within classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.equating.seeds import SeedVariance
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.robustness.families import compute_effective_families
from imagenet_g.benchmark.robustness.jackknife import Variances, find_reach
from imagenet_g.benchmark.robustness.links import apply_fit_link, invert_link
from imagenet_g.benchmark.robustness.own_line import JudgedModel, find_own
from imagenet_g.benchmark.robustness.points import ClassCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.gap_noise import bound_accuracy_noise
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, find_student_quantile
from imagenet_g.benchmark.statistics.observations import Observation

MIN_MODELS = 5
"""Fewer models leave too few degrees of freedom for an interval over models."""
MIN_CLASSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The models of a panel, with their right answers by class on both versions.

    Attributes:
        models: M names.
        families: M architecture families.
        weights: M hashes of weights; empty where unknown.
        before: Counts on the old version, `(M, C)` right and `(C,)` images.
        after: Counts on the new version, of the same C classes.
        seeds: Variance between renderings of either version that comes with replicates; without, what other
            seeds would change beyond the classes is unknown, and no part of the interval.
    """

    models: tuple[str, ...]
    families: tuple[str, ...]
    weights: tuple[str, ...]
    before: ClassCounts
    after: ClassCounts
    seeds: tuple[SeedVariance, ...] = ()

    def take(self, rows: npt.NDArray[np.intp]) -> Panel:
        """The given models, in the given order."""
        return replace(
            self,
            models=tuple(self.models[row] for row in rows),
            families=tuple(self.families[row] for row in rows),
            weights=tuple(self.weights[row] for row in rows) if self.weights else (),
            before=replace(self.before, right=self.before.right[rows]),
            after=replace(self.after, right=self.after.right[rows]),
        )


class Shift(FileModel):
    """How much easier the new version is, in logits: negative for a harder one."""

    value: float
    low: float
    high: float
    num_models: Count
    num_families: Count
    num_classes: Count
    seed_sd: float | None = None
    """Standard deviation that other seeds give this shift, in logits; null where none has replicates."""
    num_replicates: tuple[Count, ...] = ()
    """Of the versions that have replicates."""


class EquatedScore(FileModel):
    """A score on the new version as it would be on the old one, with its interval."""

    model: str
    measured: Fraction
    value: Fraction
    low: Fraction
    high: Fraction
    left_out: tuple[str, ...]
    """Models of the panel that the shift goes without: the scored one and its family."""
    shift: Shift


def compute_shift(panel: Panel) -> Shift:
    """The shift of a panel with its 95 % interval over models and classes.

    Raises:
        InputError: Too few models, families or classes.

    Example:
        >>> total = np.full(4, 50.0)
        >>> before = np.array([[25.0, 30, 20, 35], [30, 35, 25, 40], [20, 25, 15, 30], [35, 40, 30, 45]] * 2)
        >>> panel = Panel(models=tuple("abcdefgh"), families=tuple("abcdefgh"), weights=(),
        ...               before=ClassCounts(right=before, total=total),
        ...               after=ClassCounts(right=before, total=total))
        >>> shift = compute_shift(panel)  # a version against itself
        >>> (shift.value, shift.low, shift.high) == (0, 0, 0)
        True
    """
    _validate(panel)
    gains = _compute_gains(panel, left_out=None)[0]
    value = float(gains.mean())
    variances = _compute_variances(panel, offsets=np.zeros(1), fewer=None)
    reach = widen_by_seeds(_find_reach(variances), variances, panel.seeds)
    return Shift(
        value=value,
        low=value - reach,
        high=value + reach,
        num_models=len(panel.models),
        num_families=len(set(panel.families)),
        num_classes=len(_find_used(panel)),
        seed_sd=math.sqrt(sum(one.of_mean for one in panel.seeds)) if panel.seeds else None,
        num_replicates=tuple(one.num_replicates for one in panel.seeds),
    )


def equate_score(panel: Panel, model: JudgedModel, right: FloatArray, total: FloatArray) -> EquatedScore:
    """A model's score on the new version as it would be on the old one.

    Args:
        panel: The panel; the model itself, and its family where five others remain, is left out.
        model: The model.
        right: `(C,)` its right answers by class on the new version.
        total: `(C,)` images by class.

    Raises:
        InputError: Too few models, families or classes, or the images are not those of the panel.
    """
    if not np.array_equal(total, panel.after.total):
        raise InputError(
            f"'{model.spec}' was scored on other images than the panel; run it on the whole new version."
        )
    others, left_out = leave_out(panel, model)
    _validate(others)
    n = int(total.sum())
    used = _find_used(others)
    own = float(apply_fit_link(right.sum() / n, n, "logit"))
    fewer = apply_fit_link((right.sum() - right[used]) / (n - total[used]), n, "logit")
    shift = compute_shift(others)
    variances = _compute_variances(others, offsets=np.array([own]), fewer=fewer)
    reach = widen_by_seeds(_find_reach(variances), variances, others.seeds)
    # All wrong or all right: no class varies, and there is doubt all the same.
    least = bound_accuracy_noise(Observation(top1=float(right.sum() / n), n=n, right=right, total=total))
    below, above = apply_fit_link(least, n, "logit")
    bounds = min(own - reach, float(below)), own, max(own + reach, float(above))
    low, value, high = invert_link([one - shift.value for one in bounds], "logit")
    return EquatedScore(
        model=model.spec,
        measured=float(right.sum() / n),
        value=float(value),
        low=float(low),
        high=float(high),
        left_out=left_out,
        shift=shift,
    )


def leave_out(panel: Panel, model: JudgedModel) -> tuple[Panel, tuple[str, ...]]:
    """The panel without a model, and without its family where five others remain; and who was left out."""
    own = find_own(panel.models, panel.weights, model)
    families = {panel.families[row] for row in np.flatnonzero(own)}
    kin = np.array([family in families for family in panel.families], dtype=np.bool_)
    gone = kin if (~kin).sum() >= MIN_MODELS else own
    return panel.take(np.flatnonzero(~gone)), tuple(panel.models[row] for row in np.flatnonzero(gone))


def _validate(panel: Panel) -> None:
    if len(panel.models) < MIN_MODELS or len(set(panel.families)) < 2:
        raise InputError(
            f"The panel has {len(panel.models)} models of {len(set(panel.families))} families; a shift needs "
            f"at least {MIN_MODELS} models of two families."
        )
    if len(_find_used(panel)) < MIN_CLASSES:
        raise InputError(f"An interval over classes needs at least {MIN_CLASSES}.")


def _find_used(panel: Panel) -> npt.NDArray[np.intp]:
    return np.flatnonzero((panel.before.total > 0) | (panel.after.total > 0))


def _compute_gains(panel: Panel, *, left_out: npt.NDArray[np.intp] | None) -> FloatArray:
    """`(1 or C, M)` logit differences, of all classes or without each of the given ones."""
    sides = []
    for counts in (panel.before, panel.after):
        whole, images = counts.right.sum(axis=1)[None], counts.total.sum()
        right = whole if left_out is None else whole - counts.right.T[left_out]
        rest = np.array([[images]]) if left_out is None else (images - counts.total[left_out])[:, None]
        sides.append(apply_fit_link(right / rest, rest, "logit"))
    return np.asarray(sides[1] - sides[0])


def _compute_variances(panel: Panel, *, offsets: FloatArray, fewer: FloatArray | None) -> Variances:
    """Variances of `offset - delta`, over classes and over families.

    Args:
        panel: The panel.
        offsets: `(1,)` the scored model's logit; 0 for the shift alone.
        fewer: `(C,)` the same without each class; None for the shift alone.
    """
    used = _find_used(panel)
    gains, without = _compute_gains(panel, left_out=None)[0], _compute_gains(panel, left_out=used)
    by_class = (offsets if fewer is None else fewer) - without.mean(axis=1)
    names, family = np.unique(np.array(panel.families), return_inverse=True)
    rows = family == np.arange(len(names))[:, None]
    by_family = np.array([gains[~row].mean() for row in rows])
    # Each family's own images vary with the classes too: what both variances hold is counted once.
    shared = sum(_sum_squares((without[:, row] - gains[row]).sum(axis=1) / len(gains)) for row in rows)
    families = (1 - 1 / len(names)) * float(((by_family - gains.mean()) ** 2).sum())
    return Variances(
        classes=_sum_squares(by_class),
        families=max(0.0, families - shared),
        class_freedom=len(used) - 1,
        family_freedom=compute_effective_families(panel.families) - 1,
    )


def _sum_squares(left_out: FloatArray) -> float:
    off = left_out - left_out.mean()
    return float((off**2).sum()) * (1 - 1 / len(left_out))


def widen_by_seeds(reach: float, variances: Variances, seeds: Sequence[SeedVariance]) -> float:
    """The reach over classes and families, at least that with the variance between seeds added.

    Degrees of freedom of the sum are Satterthwaite's, as those of the other two.

    Example:
        >>> few = Variances(classes=1e-4, families=0.0, class_freedom=99, family_freedom=5)
        >>> # 2.31 times root 2e-4, with 7.8 degrees of freedom
        >>> round(widen_by_seeds(0.02, few, [SeedVariance(between=3e-4, num_replicates=3)]), 3)
        0.033
        >>> widen_by_seeds(0.02, few, [SeedVariance(between=0.0, num_replicates=3)])
        0.02
    """
    parts = [(one.of_mean, float(one.num_replicates - 1)) for one in seeds if one.of_mean]
    if not parts:
        return reach
    rest = variances.classes + variances.families
    parts += [(rest, variances.freedom)] if rest else []
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / count for part, count in parts)
    return max(reach, find_student_quantile(freedom, confidence=CONFIDENCE) * math.sqrt(total))


def _find_reach(variances: Variances) -> float:
    # A version against itself has no variance, and no degrees of freedom.
    if not variances.classes + variances.families:
        return 0.0
    return find_reach(variances)
