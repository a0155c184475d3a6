"""Models on the same images: one test of every pair, clustered by class.

Two models err on the same images, so only what they do not share counts. A model has easy and hard classes
of its own as well, so images of one class are not independent evidence. For models i and j with right answers
R_i,c and R_j,c among the n_c of n images of class c, the variance of d = p_i - p_j is that of leaving one
class out at a time (CR3; Efron and Stein 1981),

    v = (C - 1) / C * sum over c of (e_i,c - e_j,c)^2 / (n - n_c)^2,   e_i,c = R_i,c - p_i n_c,

and d / root v goes by Student's t with n^2 / (sum of n_c^2) - 1 degrees of freedom: classes of unequal size
count for less (Carter, Schnepel and Steigerwald 2017). A few classes may happen to be alike, so the
difference must also be more than chance would give if images were independent (Bonett and Price 2012): with
b images that only i gets right and c that only j does,

    V = (r + s - (r - s)^2) / n,   r = (b + 1) / (n + 2),   s = (c + 1) / (n + 2).

The p-value is the larger of the two, and the interval holds both. Nothing is resampled: a tail of 0.05 / 190
costs no more than one of 0.05, and all pairs of M models take three matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.corrections import adjust_holm, find_holm_levels
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE
from imagenet_g.benchmark.statistics.within import ADDED

Verdict: TypeAlias = Literal["better", "worse", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Accuracy of one model less that of another on the same images.

    Attributes:
        value: The difference, a fraction.
        low: Lower bound of its class-clustered interval; None with a single class.
        high: Upper bound.
        confidence: Coverage of that interval; raised where several pairs are compared.
        p_value: That the two are equally good; corrected where several pairs are compared.
        level: Significance that the p-value must fall below.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    p_value: float
    level: float

    @property
    def verdict(self) -> Verdict:
        """Whether the first model is better, worse, or statistically indistinguishable."""
        if self.p_value >= self.level:
            return "tie"
        return "better" if self.value > 0 else "worse"


def describe_verdict(difference: PairedDifference, first: str, second: str) -> str:
    """The verdict as a phrase, such as "resnet50 is better" or "tied".

    Example:
        >>> clear = PairedDifference(
        ...     value=-0.1, low=-0.15, high=-0.05, confidence=0.95, p_value=0.001, level=0.05
        ... )
        >>> describe_verdict(clear, "alexnet", "resnet50")
        'resnet50 is better'
    """
    better = {"better": first, "worse": second}.get(difference.verdict)
    return "tied" if better is None else f"{better} is better"


def format_bounds(difference: PairedDifference) -> str:
    """The interval in percentage points, such as "+1.20 to +3.40", or why there is not any."""
    if difference.low is None or difference.high is None:
        return "unknown, as one class does not show how classes differ"
    return f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTests:
    """Every pair of M models on the same images; `(M, M)` arrays, the row's model less the column's.

    Attributes:
        differences: Of accuracy, fractions.
        class_errors: Standard errors from how classes differ, >= 0.
        noise_errors: Standard errors from chance alone, if images were independent, > 0.
        freedom: Degrees of freedom of `class_errors`; 0 with a single class, which decides nothing.
        p_values: That two models are equally good, two-sided, each on its own; 1 on the diagonal.
        p_holm: The same after Holm's correction over all M (M - 1) / 2 pairs.
    """

    differences: FloatArray
    class_errors: FloatArray
    noise_errors: FloatArray
    freedom: float
    p_values: FloatArray
    p_holm: FloatArray

    def find_better(self, *, level: float = 1 - CONFIDENCE) -> BoolArray:
        """`(M, M)` whether the model of the row is better than that of the column beyond chance.

        The chance of any wrong statement among all pairs is at most `level` (Holm 1979).
        """
        return np.asarray((self.p_holm < level) & (self.differences > 0))

    def extract(
        self, first: int, second: int, *, level: float = 1 - CONFIDENCE, corrected: bool = True
    ) -> PairedDifference:
        """One pair.

        Args:
            first: Row of the first model.
            second: Row of the second.
            level: Chance of a wrong statement: among all pairs, or of this pair alone.
            corrected: Whether the other pairs count as compared too. The interval is then that of the step at
                which Holm's procedure decides the pair: it leaves out 0 exactly where the pair is separated.
        """
        tested = self._find_levels(level)[first, second] if corrected else level
        low, high = self._bound(first, second, float(tested))
        p_values = self.p_holm if corrected else self.p_values
        return PairedDifference(
            value=float(self.differences[first, second]),
            low=low,
            high=high,
            confidence=1 - float(tested),
            p_value=float(p_values[first, second]),
            level=level,
        )

    def _find_levels(self, level: float) -> FloatArray:
        return _spread_pairs(find_holm_levels(_list_pairs(self.p_values), level=level), len(self.p_values))

    def _bound(self, first: int, second: int, level: float) -> tuple[float, float] | tuple[None, None]:
        from scipy.special import ndtri, stdtrit

        if not self.freedom:
            return None, None
        half = max(
            float(stdtrit(self.freedom, 1 - level / 2)) * float(self.class_errors[first, second]),
            float(ndtri(1 - level / 2)) * float(self.noise_errors[first, second]),
        )
        value = float(self.differences[first, second])
        return max(-1.0, value - half), min(1.0, value + half)


def compare_pairs(correct: BoolArray, classes: npt.ArrayLike) -> PairTests:
    """Test every pair of models on the same images, clustered by class: the module's docstring has the test.

    Args:
        correct: `(M, N)` whether each model is right, M >= 1, N >= 1.
        classes: `(N,)` class of each image, any values.

    Raises:
        InputError: There is no image, or the two do not match.

    Example:
        >>> classes = np.repeat(np.arange(50), 20)
        >>> rng = np.random.default_rng(0)
        >>> tests = compare_pairs(rng.random((3, 1000)) < [[0.7], [0.7], [0.5]], classes)
        >>> tests.find_better().tolist()  # the third is worse than either; those are tied
        [[False, False, True], [False, False, True], [False, False, False]]
    """
    named, clusters = np.unique(np.asarray(classes), return_inverse=True)
    if correct.ndim != 2 or correct.shape[1] != len(clusters) or not len(clusters):
        raise InputError(f"Answers of shape {correct.shape} do not match {len(clusters)} images, at least 1.")
    total = np.bincount(clusters).astype(np.float64)
    # Sorted once, so that each class is one slice: far quicker than a count for each model.
    order = np.argsort(clusters, kind="stable")
    starts = np.concatenate([[0], np.cumsum(total[:-1])]).astype(np.intp)
    right = np.add.reduceat(correct[:, order], starts, axis=1, dtype=np.float64)
    accuracy = right.sum(axis=1) / len(clusters)
    differences = accuracy[:, None] - accuracy
    freedom = float(len(clusters) ** 2 / (total**2).sum()) - 1 if len(named) > 1 else 0.0
    class_errors = _compute_class_errors(right, total, accuracy)
    noise_errors = _compute_noise_errors(correct)
    p_values = _compute_p_values(differences, class_errors, noise_errors, freedom)
    return PairTests(
        differences=differences,
        class_errors=class_errors,
        noise_errors=noise_errors,
        freedom=freedom,
        p_values=p_values,
        p_holm=_spread_pairs(adjust_holm(_list_pairs(p_values)), len(p_values)),
    )


def compute_rank_ranges(better: BoolArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Best and worst rank that each of M models may have: two `(M,)` arrays, 1 is the best.

    A model's best rank is one more than the number of models that are better than it beyond chance, its worst
    rank is M less the number of those that are worse.

    Args:
        better: `(M, M)` from `PairTests.find_better`.

    Example:
        >>> best, worst = compute_rank_ranges(np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool))
        >>> best.tolist(), worst.tolist()
        ([1, 1, 3], [2, 2, 3])
    """
    return 1 + better.sum(axis=0), len(better) - better.sum(axis=1)


def _compute_class_errors(right: FloatArray, total: FloatArray, accuracy: FloatArray) -> FloatArray:
    if len(total) < 2:
        return np.zeros((len(right), len(right)))
    # Squares of differences are products of single models: one matrix for all pairs.
    scaled = (right - accuracy[:, None] * total) / (total.sum() - total)
    products = scaled @ scaled.T * (1 - 1 / len(total))
    alone = np.diag(products)
    return np.asarray(np.sqrt(np.maximum(alone[:, None] + alone - 2 * products, 0.0)))


def _compute_noise_errors(correct: BoolArray) -> FloatArray:
    # float32 counts exactly up to 2^24 images, and is multiplied twice as fast.
    numbers: npt.NDArray[np.floating] = correct.astype(np.float32 if correct.shape[1] < 2**24 else np.float64)
    both: FloatArray = np.asarray(numbers @ numbers.T, dtype=np.float64)
    only_first = np.diag(both)[:, None] - both
    first = (only_first + ADDED) / (correct.shape[1] + 2 * ADDED)
    return np.asarray(np.sqrt((first + first.T - (first - first.T) ** 2) / correct.shape[1]))


def _compute_p_values(
    differences: FloatArray, class_errors: FloatArray, noise_errors: FloatArray, freedom: float
) -> FloatArray:
    from scipy.special import ndtr, stdtr

    if not freedom:
        return np.ones_like(differences)
    off = np.abs(differences)
    # Classes that are all alike have no spread; the noise then decides alone.
    reach = np.divide(off, class_errors, out=np.full_like(off, np.inf), where=class_errors > 0)
    found = np.maximum(2 * stdtr(freedom, -reach), 2 * ndtr(-off / noise_errors))
    return np.asarray(np.where(off > 0, found, 1.0))


def _list_pairs(square: FloatArray) -> FloatArray:
    return square[np.triu_indices(len(square), 1)]


def _spread_pairs(values: FloatArray, size: int) -> FloatArray:
    """The `(K,)` values of all pairs as a symmetric `(M, M)` array; 1 on the diagonal."""
    square = np.ones((size, size))
    rows, columns = np.triu_indices(size, 1)
    square[rows, columns] = square[columns, rows] = values
    return square


def compute_paired_difference(
    first: BoolArray, second: BoolArray, classes: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> PairedDifference:
    """Two models on the same images, no other pair compared; arguments as `compare_pairs`.

    Example:
        >>> right, wrong = np.ones(40, dtype=bool), np.arange(40) % 4 == 0
        >>> compute_paired_difference(right, wrong, np.arange(40) // 4).verdict
        'better'
    """
    tests = compare_pairs(np.stack([first, second]), classes)
    return tests.extract(0, 1, level=1 - confidence, corrected=False)
