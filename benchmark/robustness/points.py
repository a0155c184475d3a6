"""What a line is fitted through: one point per baseline model, clean accuracy against shifted accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.observations import Observation

MIN_MODELS = 5
"""A line through fewer models does not predict the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedModel:
    """A model to compare with a baseline: K clean accuracies and one on the shifted set."""

    reference: tuple[Observation, ...]
    shifted: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """Right answers by class, for M models on one set of images.

    Attributes:
        right: `(M, C)` right answers.
        total: `(C,)` images; 0 for a class without any.
    """

    right: FloatArray
    total: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCounts:
    """Class counts behind measured points; both sets share the C classes."""

    reference: ClassCounts
    shifted: ClassCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinePoints:
    """Points of one baseline for one shifted set.

    Attributes:
        baseline: Id of the baseline set.
        baseline_sha256: Hash of its table and header.
        target: Reference of the shifted set, such as "imagenet-sketch".
        axes: Names of the K clean axes.
        models: M model names, unique.
        families: M architecture families; models of one family are not independent.
        reference: `(M, K)` clean accuracies, fractions.
        shifted: `(M,)` accuracies on the shifted set, fractions.
        reference_n: K numbers of clean images.
        shifted_n: Number of shifted images.
        knot: Clean accuracy at which the line may bend, because the set's images were picked by a model
            there.
        counts: Right answers by class where the points were measured (K = 1), None where they were published.
        weights: M hashes of weights where the points were measured; empty where they were published.

    Example:
        >>> clean = np.array([[0.5], [0.6], [0.7]])
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=("u", "v", "w"), families=("u", "v", "w"), reference=clean,
        ...                         shifted=clean[:, 0], reference_n=(10,), shifted_n=10, knot=0.6)
        >>> points.select_piece(0.9).models, [piece.models for piece in points.list_pieces()]
        (('v', 'w'), [('u',), ('v', 'w')])
    """

    baseline: str
    baseline_sha256: str
    target: str
    axes: tuple[str, ...]
    models: tuple[str, ...]
    families: tuple[str, ...]
    reference: FloatArray
    shifted: FloatArray
    reference_n: tuple[int, ...]
    shifted_n: int
    knot: float | None = None
    counts: PointCounts | None = None
    weights: tuple[str, ...] = ()

    def take(self, rows: npt.NDArray[np.intp]) -> BaselinePoints:
        """The given models, in the given order."""
        return replace(
            self,
            models=tuple(self.models[row] for row in rows),
            families=tuple(self.families[row] for row in rows),
            reference=self.reference[rows],
            shifted=self.shifted[rows],
            counts=None if self.counts is None else _take_counts(self.counts, rows),
            weights=tuple(self.weights[row] for row in rows) if self.weights else (),
        )

    def select_piece(self, reference: float) -> BaselinePoints:
        """The models on the same side of the knot as a clean accuracy; all of them where there is no knot."""
        if self.knot is None:
            return self
        above = self.reference[:, 0] >= self.knot
        return self.take(np.flatnonzero(above if reference >= self.knot else ~above))

    def list_pieces(self) -> tuple[BaselinePoints, ...]:
        """The models below the knot and those above it; all of them where there is no knot."""
        return (self,) if self.knot is None else (self.select_piece(0.0), self.select_piece(1.0))


def _take_counts(counts: PointCounts, rows: npt.NDArray[np.intp]) -> PointCounts:
    return PointCounts(
        reference=replace(counts.reference, right=counts.reference.right[rows]),
        shifted=replace(counts.shifted, right=counts.shifted.right[rows]),
    )


def validate_points(points: BaselinePoints) -> None:
    """Check what a fit relies on.

    Raises:
        InputError: Fewer than five models, repeated names, NaN, percent in place of fractions, or clean
            accuracies that are all the same.
    """
    name = f"Baseline '{points.baseline}' on '{points.target}'"
    validate_names(points.models, source=name)
    for label, values in (("clean", points.reference), ("shifted", points.shifted)):
        validate_fractions(values, source=f"{name}: {label} accuracies")
    if len(points.models) < MIN_MODELS:
        raise InputError(
            f"{name} has {len(points.models)} models; a line needs at least {MIN_MODELS}. "
            "Choose a larger baseline; 'imagenet-g baselines list' shows them."
        )
    # Equal clean accuracies leave the slope open; least squares would return one all the same.
    if (np.ptp(points.reference, axis=0) == 0).any():
        raise InputError(f"{name}: all models have the same clean accuracy, so no line can be fitted.")


def validate_names(models: tuple[str, ...], *, source: str) -> None:
    """Refuse a model that is listed twice.

    Raises:
        InputError: Naming the first such model.

    Example:
        >>> validate_names(("vgg11", "vgg13", "vgg11"), source="The table")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: The table lists model 'vgg11' twice; keep one row.
    """
    seen: set[str] = set()
    for model in models:
        if model in seen:
            raise InputError(f"{source} lists model '{model}' twice; keep one row.")
        seen.add(model)


def validate_overlap(given: Sequence[int], known: Sequence[int], *, source: str) -> None:
    """Refuse to compare accuracies on different classes.

    Raises:
        InputError: The classes are disjoint, or not the same.

    Example:
        >>> validate_overlap([1, 2], [2, 1], source="Baseline 'b'")
        >>> validate_overlap([1, 2], [3], source="Baseline 'b'")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: Baseline 'b' has no class in common ...
    """
    shared = set(given) & set(known)
    if not shared:
        raise InputError(f"{source} has no class in common with the split; measure it on this split.")
    # Overlap is not enough: accuracies on different classes are not one axis, however many classes they
    # share.
    if shared != set(given) or shared != set(known):
        raise InputError(
            f"{source} covers {len(set(known))} classes and the split {len(set(given))}; {len(shared)} "
            "are shared; both must be the same. Measure the baseline on this split or view."
        )


def validate_fractions(values: FloatArray, *, source: str) -> None:
    """Refuse what is not an accuracy in [0, 1].

    Raises:
        InputError: NaN, percent, or out of range.

    Example:
        >>> validate_fractions(np.array([0.0, 0.761, 1.0]), source="top1")
        >>> validate_fractions(np.array([76.1]), source="top1")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: top1: 76.1 looks like percent. Accuracies are fractions ...
    """
    if not np.isfinite(values).all():
        raise InputError(f"{source}: NaN or infinity is no accuracy; leave a missing figure empty instead.")
    # Percent is the likeliest mistake, and has its own advice; "not within [0, 1]" would not name it.
    if (values > 1).any() and (values >= 0).all() and (values <= 100).all():
        raise InputError(
            f"{source}: {values.max():g} looks like percent. Accuracies are fractions in [0, 1]; "
            "divide by 100."
        )
    if ((values < 0) | (values > 1)).any():
        raise InputError(f"{source}: {values.min():g} to {values.max():g} is not within [0, 1].")
