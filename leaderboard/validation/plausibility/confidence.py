"""Whether margins are those of a model: some images are nearly ties, and ties are more often wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.leaderboard.validation.plausibility.near_ties import BoolArray, FloatArray, compute_margins

CLOSE = 0.25
"""Part of the median margin below which an image counts as close to a tie. It has no unit, and holds at every
temperature."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How margins are spread, and how they go with being right.

    Attributes:
        num_images: Images with two answers.
        num_close: Of these, those with a margin below `CLOSE` of the median.
        num_right: Of these, those answered rightly.
        ranking: Chance that a right answer has a greater margin than a wrong one (area under the ROC curve);
            0.5 where the margins say nothing, None where all are right or all are wrong.
        error: Standard error of `ranking`; None with it.
    """

    num_images: int
    num_close: int
    num_right: int
    ranking: float | None
    error: float | None


def measure_confidence(top5: TopFive, right: BoolArray) -> Confidence:
    """The margins of a model.

    Args:
        top5: `(N, 5)` answers.
        right: `(N,)` whether the first is right.

    Example:
        >>> odds = np.array([[0.5, 0.5], [0.5, 0.4], [0.9, 0.1], [0.99, 0.01]])
        >>> right = np.array([False, False, True, True])
        >>> found = measure_confidence(TopFive(np.array([[1, 2]] * 4), odds), right)
        >>> found.num_close, found.ranking
        (2, 1.0)
    """
    margins = compute_margins(top5)
    there = ~np.isnan(margins)
    margins, right = margins[there], right[there]
    close = int((margins < CLOSE * np.median(margins)).sum()) if len(margins) else 0
    ranking, error = rank_right(margins, right)
    return Confidence(len(margins), close, int(right.sum()), ranking, error)


def rank_right(values: FloatArray, right: BoolArray) -> tuple[float | None, float | None]:
    """Area under the ROC curve of a value for being right, and its standard error (Hanley and McNeil 1982).

    Args:
        values: `(N,)` what right answers should have more of.
        right: `(N,)` which are right.

    Returns:
        Both None where all are right or all are wrong.

    Example:
        >>> rank_right(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]))[0]
        1.0
        >>> rank_right(np.array([1.0]), np.array([True]))
        (None, None)
    """
    from scipy.stats import rankdata

    ones, zeros = int(right.sum()), int((~right).sum())
    if not ones or not zeros:
        return None, None
    area = float((rankdata(values)[right].sum() - ones * (ones + 1) / 2) / (ones * zeros))
    above, below = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (ones - 1) * (above - area**2) + (zeros - 1) * (below - area**2)
    return area, float(np.sqrt(max(spread, 0) / (ones * zeros)))


def is_right(top5: TopFive, labels: npt.NDArray[np.int16]) -> BoolArray:
    """`(N,)`: whether the first answer is acceptable.

    Example:
        >>> is_right(TopFive(np.array([[1], [2]]), np.ones((2, 1))), np.array([[1], [1]])).tolist()
        [True, False]
    """
    first = top5.indices[:, :1]
    # An image without an answer has -1, and so has the padding of labels.
    return np.asarray(((first == labels) & (first != NO_CLASS)).any(axis=1))
