"""From embeddings to distances, class by class: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.distances.equal_sizes import compute_equal_sizes
from imagenet_g.benchmark.distances.geometry import (
    MIN_COSINE_IMAGES,
    MIN_SHAPE_IMAGES,
    PcaFit,
    compute_cosines,
    compute_mahalanobis,
    compute_own_cosines,
    compute_own_mahalanobis,
    compute_reduction,
    fit_pca,
    fit_shape,
)
from imagenet_g.benchmark.distances.protocols import Protocol, compute_held_out, fit_plain_shape
from imagenet_g.benchmark.distances.results import Agreement, ClassDistance, ClipDistances, Mean, PcaRecord
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.quality.diversity import compute_spread
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_clustered_interval,
    draw_cluster_weights,
)

MIN_AGREEMENT_CLASSES = 3


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """Embeddings with their classes.

    Attributes:
        vectors: `(N, D)` float, each of length 1.
        labels: `(N,)` class indices.
    """

    vectors: npt.NDArray[np.floating]
    labels: IntArray

    def of_class(self, class_index: int) -> FloatArray:
        """`(M, D)` float64 embeddings of one class."""
        # float64: embeddings of one class are nearly parallel, and their small differences are what is
        # measured.
        return np.asarray(self.vectors[self.labels == class_index], dtype=np.float64)


def list_shared_classes(first: IntArray, second: IntArray) -> tuple[int, ...]:
    """Class indices that occur on both sides, ascending.

    Example:
        >>> list_shared_classes(np.array([7, 3, 3]), np.array([3, 9, 7]))
        (3, 7)
    """
    return tuple(int(index) for index in np.intersect1d(first, second))


def measure_classes(
    split: EmbeddedImages,
    reference: EmbeddedImages,
    classes: Sequence[int],
    *,
    num_components: int,
    protocol: Protocol = "ours",
) -> tuple[PcaFit | None, tuple[ClassDistance, ...]]:
    """Distances of each class.

    Args:
        split: The images to be measured.
        reference: What they are measured from; of the given classes only.
        classes: Class indices with images on both sides.
        num_components: Dimensions the Mahalanobis distance is taken in.
        protocol: Ours (shrunk, reference images held out) or the paper's (neither).

    Returns:
        The projection, fitted on all reference images (None where they do not differ), and a row a class.
    """
    pca = fit_pca(np.asarray(reference.vectors, dtype=np.float64), num_components)
    return pca, tuple(_measure_class(split, reference, index, pca, protocol) for index in classes)


def measure_clip(
    clip: ClipRecord,
    split: EmbeddedImages,
    reference: EmbeddedImages,
    *,
    run: RunRecord,
    num_components: int,
    independent: bool,
    protocol: Protocol = "ours",
    assumptions: tuple[str, ...] = (),
) -> ClipDistances:
    """All distances under one CLIP, over the classes that have an embedding on both sides.

    Raises:
        InputError: There is no such class.
    """
    classes = list_shared_classes(split.labels, reference.labels)
    if not classes:
        raise InputError("No class has a readable image on both sides: there is nothing to compare.")
    pca, rows = measure_classes(split, reference, classes, num_components=num_components, protocol=protocol)
    pairs = [(split.of_class(index), reference.of_class(index)) for index in classes]
    return ClipDistances(
        clip=clip,
        run=run,
        independent=independent,
        pca=None if pca is None else _describe_pca(pca, num_components),
        cosine_split=compute_mean([row.cosine_split for row in rows]),
        cosine_reference=_compute_known_mean([row.cosine_reference for row in rows]),
        reduction=_compute_known_mean([row.reduction for row in rows]),
        mahalanobis_split=_compute_known_mean([row.mahalanobis_split for row in rows]),
        mahalanobis_reference=_compute_known_mean([row.mahalanobis_reference for row in rows]),
        mahalanobis_unshifted=_compute_known_mean([row.mahalanobis_unshifted for row in rows]),
        spread_split=_compute_known_mean([row.spread_split for row in rows]),
        spread_reference=_compute_known_mean([row.spread_reference for row in rows]),
        equal_sizes=compute_equal_sizes(pairs, num_components=num_components),
        classes=rows,
        protocol=protocol,
        assumptions=assumptions,
    )


def compute_mean(values: Sequence[float]) -> Mean:
    """Mean over classes, at least one, with the interval of drawing classes.

    Unlike shares of right answers, distances are continuous: classes are alike by chance with probability 0,
    and Student's t in the interval accounts for those that are nearly so.

    Example:
        >>> compute_mean([0.25])  # one class: a value without an interval
        Mean(value=0.25, low=None, high=None, num_classes=1)
        >>> mean = compute_mean([0.1, 0.2, 0.3])
        >>> round(mean.value, 6), mean.low < 0.2 < mean.high
        (0.2, True)
    """
    present = np.array(values, dtype=np.float64)
    value = float(present.mean())
    if len(present) < 2:
        return Mean(value=value, low=None, high=None, num_classes=1)
    # The same draws of classes for every number of a report, so that differences between them are not noise.
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    weights = draw_cluster_weights(len(present), num_resamples=NUM_RESAMPLES, rng=rng)
    draws = np.asarray(weights @ present / len(present))
    low, high = compute_clustered_interval(value, draws, len(present))
    return Mean(value=value, low=low, high=high, num_classes=len(present))


def compute_agreements(measures: Sequence[ClipDistances]) -> tuple[Agreement, ...]:
    """Rank correlation of the reduction for every pair of CLIPs, over the classes both have one for."""
    pairs = [(a, b) for number, a in enumerate(measures) for b in measures[number + 1 :]]
    found = (_compare(a, b) for a, b in pairs)
    return tuple(agreement for agreement in found if agreement is not None)


def _measure_class(
    split: EmbeddedImages,
    reference: EmbeddedImages,
    class_index: int,
    pca: PcaFit | None,
    protocol: Protocol,
) -> ClassDistance:
    new, known = split.of_class(class_index), reference.of_class(class_index)
    cosine = float(compute_cosines(new, known.mean(axis=0)).mean())
    own = float(compute_own_cosines(known).mean()) if len(known) >= MIN_COSINE_IMAGES else None
    far = _ClassShape(None, None, None, None)
    if pca is not None and len(known) >= MIN_SHAPE_IMAGES:
        measure = _measure_plain if protocol == "paper" else _measure_shrunk
        far = measure(pca.project(new), pca.project(known))
    return ClassDistance(
        wnid=load_classes()[class_index].wnid,
        n_split=len(new),
        n_reference=len(known),
        cosine_split=cosine,
        cosine_reference=own,
        reduction=None if own is None else compute_reduction(own, cosine),
        mahalanobis_split=far.split,
        mahalanobis_reference=far.reference,
        shrinkage=far.shrinkage,
        mahalanobis_unshifted=far.unshifted,
        spread_split=compute_spread(new),
        spread_reference=compute_spread(known),
    )


class _ClassShape(NamedTuple):
    """Mean Mahalanobis distances of one class, as in `ClassDistance`."""

    split: float | None
    reference: float | None
    shrinkage: float | None
    unshifted: float | None


def _measure_shrunk(new: FloatArray, known: FloatArray) -> _ClassShape:
    shape, left_out = fit_shape(known), compute_own_mahalanobis(known)
    if shape is None or left_out is None:
        return _ClassShape(None, None, None, None)
    far = float(compute_mahalanobis(new, shape).mean())
    return _ClassShape(far, float(left_out.mean()), shape.shrinkage, None)


def _measure_plain(new: FloatArray, known: FloatArray) -> _ClassShape:
    if (shape := fit_plain_shape(known)) is None:
        return _ClassShape(None, None, None, None)
    held_out = compute_held_out(known, shape)
    return _ClassShape(
        float(compute_mahalanobis(new, shape).mean()),
        float(compute_mahalanobis(known, shape).mean()),
        0.0,
        None if held_out is None else float(held_out.mean()),
    )


def _compute_known_mean(values: Sequence[float | None]) -> Mean | None:
    known = [value for value in values if value is not None]
    return compute_mean(known) if known else None


def _describe_pca(pca: PcaFit, requested: int) -> PcaRecord:
    explained = min(1.0, float(pca.explained.sum()))
    return PcaRecord(num_components=len(pca.directions), requested=requested, explained=explained)


def _compare(first: ClipDistances, second: ClipDistances) -> Agreement | None:
    from scipy.stats import spearmanr

    theirs = {row.wnid: row.reduction for row in second.classes}
    both = ((row.reduction, theirs.get(row.wnid)) for row in first.classes)
    pairs = [(a, b) for a, b in both if a is not None and b is not None]
    if len(pairs) < MIN_AGREEMENT_CLASSES:
        return None
    x, y = np.array(pairs).T
    # A rank correlation with a constant is undefined; scipy warns and returns NaN.
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return Agreement(
        clips=(first.clip.spec, second.clip.spec),
        # Rounding leaves [-1, 1], which the report's schema refuses.
        spearman=float(np.clip(spearmanr(x, y).statistic, -1.0, 1.0)),
        num_classes=len(pairs),
    )
