"""Accuracies of stored answers, their intervals, and their means over sets: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.baselines.probing.records import ProbeEstimate, ProbeMeans
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval, find_student_quantile

Labels = npt.NDArray[np.int64]
NO_ANSWER = -1
"""Of an image without features: it counts as wrong."""


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """ProbeAnswers to the test images of a set.

    Attributes:
        image_ids: N names.
        labels: `(N,)` classes.
        answers: `(S, N)` answers, one row a seed; -1 for none.
        shared: `(N,)` whether the file is also learnt from.
    """

    image_ids: tuple[str, ...]
    labels: Labels
    answers: Labels
    shared: npt.NDArray[np.bool_]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """`(S, N)`: whether an answer is right."""
        return np.asarray(self.answers == self.labels, dtype=np.bool_)


def estimate_accuracy(right: npt.NDArray[np.bool_]) -> ProbeEstimate:
    """Top-1 accuracy over images, the mean over seeds, with its 95 % interval.

    With one seed Wilson's interval. With several, the variance of the images' shares of right answers and
    that of the seeds' accuracies add up, with Student's t on Satterthwaite's degrees of freedom.

    Args:
        right: `(S, N)`, N >= 1.

    Raises:
        InputError: No seed or no image.

    Example:
        >>> estimate_accuracy(np.array([[True, True, False, False]])).value
        0.5
    """
    seeds, count = right.shape
    if not seeds or not count:
        raise InputError("An accuracy needs a seed and an image.")
    value = float(right.mean())
    if seeds == 1:
        low, high = compute_wilson_interval(float(right.sum()), count)
        return ProbeEstimate(value=value, low=low, high=high, method="wilson")
    # The share of seeds that are right, image by image: an image that all seeds miss is no four misses.
    by_image = right.mean(axis=0).var(ddof=1) / count if count > 1 else 0.0
    by_seed = right.mean(axis=1).var(ddof=1) / seeds
    total = by_image + by_seed
    if total == 0:
        # All right or all wrong by every seed says little about other images: Wilson's still has a width.
        low, high = compute_wilson_interval(value * count, count)
        return ProbeEstimate(value=value, low=low, high=high, method="wilson")
    freedom = total**2 / (by_image**2 / max(count - 1, 1) + by_seed**2 / (seeds - 1))
    half = find_student_quantile(float(freedom)) * math.sqrt(total)
    return ProbeEstimate(
        value=value, low=max(0.0, value - half), high=min(1.0, value + half), method="images and seeds"
    )


def compute_class_mean(labels: Labels, right: npt.NDArray[np.bool_]) -> float:
    """Accuracy averaged over the classes that have an image, and over seeds.

    Example:
        >>> compute_class_mean(np.array([0, 0, 0, 1]), np.array([[True, True, True, False]]))
        0.5
    """
    # Classes of the test part only: another has no share, and 0 would be one.
    shares = [right[:, labels == label].mean() for label in np.unique(labels)]
    return float(np.mean(shares))


def compute_log_odds(accuracy: float, count: int) -> float:
    """log(p / (1 - p)) by the natural logarithm; 0 and 1 are moved by half an image, where it is infinite.

    Args:
        accuracy: In [0, 1].
        count: Images it is measured on.

    Example:
        >>> round(compute_log_odds(0.9, 100), 3), round(compute_log_odds(1.0, 100), 3)
        (2.197, 5.293)
    """
    bounded = min(max(accuracy, 0.5 / count), 1 - 0.5 / count)
    return math.log(bounded / (1 - bounded))


def average_sets(rows: Sequence[tuple[str, ProbeEstimate, int]]) -> ProbeMeans:
    """Means over sets, of accuracies and of their log odds.

    The sets are independent, so that the squares of their intervals' halves add up; on log odds each half is
    divided by p (1 - p), the slope there.

    Args:
        rows: Name, accuracy and number of test images of each set.

    Raises:
        InputError: No set.
    """
    if not rows:
        raise InputError("A mean needs a set.")
    count = len(rows)
    # The half of an interval stands in for its standard error times one quantile, the same for all sets.
    values = [estimate.value for _, estimate, _ in rows]
    # The longer side: an interval that was cut at 0 or 1 is short on the other.
    halves = [max(one.high - one.value, one.value - one.low) for _, one, _ in rows]
    odds = [compute_log_odds(estimate.value, images) for _, estimate, images in rows]
    slopes = [1 / (1 + math.exp(-value)) * (1 - 1 / (1 + math.exp(-value))) for value in odds]
    mean, half = sum(values) / count, math.hypot(*halves) / count
    mean_odds = sum(odds) / count
    odds_half = math.hypot(*(one / slope for one, slope in zip(halves, slopes, strict=True))) / count
    return ProbeMeans(
        sets=tuple(name for name, _, _ in rows),
        mean=mean,
        mean_low=max(0.0, mean - half),
        mean_high=min(1.0, mean + half),
        mean_log_odds=mean_odds,
        log_odds_low=mean_odds - odds_half,
        log_odds_high=mean_odds + odds_half,
        accuracy_at_mean_log_odds=1 / (1 + math.exp(-mean_odds)),
    )
