"""From the features of images to the measures of a model on a set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.baselines.feature_analysis.measures import (
    FloatArray,
    compute_class_distances,
    compute_coding_length,
    compute_redundancy,
    compute_sparsity,
    normalise_rows,
)
from imagenet_g.baselines.feature_analysis.records import ClassMeasure, FeatureMeasure, MeasureName, Stated
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import IntArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_clustered_interval,
    draw_cluster_weights,
)


@dataclass(frozen=True, slots=True)
class ClassSums:
    """What a mean over classes, or over the images of classes, is made of.

    Attributes:
        totals: `(C,)` sum of the values of each class.
        counts: `(C,)` how many values that is.
    """

    totals: FloatArray
    counts: FloatArray

    def compute_mean(self) -> float:
        """The mean over all values."""
        return float(self.totals.sum() / self.counts.sum())

    def compute_interval(self) -> tuple[float | None, float | None]:
        """Of that mean, from drawing classes; None for fewer than two."""
        if len(self.totals) < 2:
            return None, None
        # The seed of all intervals here: the same features give the same interval.
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        weights = draw_cluster_weights(len(self.totals), num_resamples=NUM_RESAMPLES, rng=rng)
        draws = (weights @ self.totals) / (weights @ self.counts)
        return compute_clustered_interval(self.compute_mean(), draws, len(self.totals))


def measure_features(
    vectors: npt.NDArray[np.floating], labels: IntArray, *, eps_squared: float
) -> tuple[tuple[FeatureMeasure, ...], tuple[ClassMeasure, ...]]:
    """All measures of features, in the order of the paper's figure, and those of each class.

    Redundancy and coding length come twice, because the paper's caption and its text differ in what is
    normalised.

    Args:
        vectors: `(N, D)` features as the model gave them, finite.
        labels: `(N,)` class indices.
        eps_squared: Of the coding length.

    Raises:
        InputError: Fewer than two images, or no class with two.
    """
    # In float64: the square of a feature of 1e-5 is lost beside one of 10 in float32.
    unit, raw = normalise_rows(vectors), vectors.astype(np.float64)
    sparsity, distances = compute_sparsity(unit), compute_class_distances(unit, labels)
    if not distances:
        raise InputError("No class has two images with features: there is no distance within a class.")
    measures = (
        _measure_mean("sparsity", _sum_classes(sparsity, labels)),
        # Each class once, whatever its size.
        _measure_mean(
            "intra-class distance", ClassSums(np.array(list(distances.values())), np.ones(len(distances)))
        ),
        _measure_all("redundancy", compute_redundancy(raw), "caption"),
        _measure_all("redundancy", compute_redundancy(unit), "text"),
        _measure_all("coding length", _code(raw, eps_squared), "caption", eps_squared=eps_squared),
        _measure_all("coding length", _code(unit, eps_squared), "text", eps_squared=eps_squared),
    )
    rows = tuple(
        ClassMeasure(
            wnid=load_classes()[index].wnid,
            n=int((labels == index).sum()),
            sparsity=float(sparsity[labels == index].mean()),
            intra_class_distance=distances.get(index),
        )
        for index in np.unique(labels).tolist()
    )
    return measures, rows


def _code(vectors: FloatArray, eps_squared: float) -> float:
    return compute_coding_length(vectors, eps_squared=eps_squared)


def _sum_classes(values: FloatArray, labels: IntArray) -> ClassSums:
    _, places = np.unique(labels, return_inverse=True)
    totals = np.bincount(places, weights=values)
    return ClassSums(np.asarray(totals, dtype=np.float64), np.bincount(places).astype(np.float64))


def _measure_mean(name: MeasureName, sums: ClassSums) -> FeatureMeasure:
    low, high = sums.compute_interval()
    return FeatureMeasure(
        name=name,
        normalised=True,
        stated="caption and text",
        value=sums.compute_mean(),
        low=low,
        high=high,
        eps_squared=None,
        num_classes=len(sums.totals),
    )


def _measure_all(
    name: MeasureName, value: float, stated: Stated, *, eps_squared: float | None = None
) -> FeatureMeasure:
    return FeatureMeasure(
        name=name,
        # The caption normalises for the first two measures only, the text for all four.
        normalised=stated == "text",
        stated=stated,
        value=value,
        low=None,
        high=None,
        eps_squared=eps_squared,
        num_classes=None,
    )
