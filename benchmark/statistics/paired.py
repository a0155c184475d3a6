"""Two models on the same images: tests that use the pairing, pure functions over booleans.

On n images, b are right for A only and c for B only. Only b and c show which model is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.corrections import adjust_benjamini_hochberg, adjust_holm
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    compute_clustered_interval,
    compute_resampled_accuracy,
    draw_cluster_weights,
)
from imagenet_g.benchmark.statistics.within import compute_paired_variance, widen

Verdict: TypeAlias = Literal["better", "worse", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTest:
    """McNemar 1947, exact.

    Attributes:
        only_first: b, images only the first model gets right.
        only_second: c, images only the second gets right.
        p_value: Two-sided, that b and c differ by chance.
    """

    only_first: int
    only_second: int
    p_value: float


def compute_mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """Whether two models differ, from the images they disagree on: a two-sided binomial test of b and c.

    Raises:
        InputError: A count is negative.

    Example:
        >>> round(compute_mcnemar(1, 9).p_value, 6)  # 2 (1 + 10) / 2^10
        0.021484
        >>> compute_mcnemar(5, 5).p_value, compute_mcnemar(0, 0).p_value
        (1.0, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise InputError(f"Counts of images cannot be negative: {only_first}, {only_second}.")
    p_value = _compute_sign_test(*sorted((only_first, only_second)))
    return McNemarTest(only_first=only_first, only_second=only_second, p_value=p_value)


# A table by class needs a thousand tests of a few dozen small counts; scipy takes a millisecond for each.
@lru_cache(maxsize=10_000)
def _compute_sign_test(fewer: int, more: int) -> float:
    from scipy.stats import binomtest

    # Without any discordant image there is no evidence; binomtest refuses n = 0.
    return float(binomtest(fewer, fewer + more, 0.5).pvalue) if more else 1.0


def count_discordant(first: BoolArray, second: BoolArray) -> tuple[int, int]:
    """Images only the first model gets right, and images only the second does.

    Example:
        >>> count_discordant(np.array([True, True, False]), np.array([False, False, True]))
        (2, 1)
    """
    return int((first & ~second).sum()), int((second & ~first).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Accuracy of one model less that of another on the same images.

    Attributes:
        value: The difference, a fraction.
        low: Lower bound of its class-clustered interval; None with a single class.
        high: Upper bound.
        confidence: Coverage of that interval; raised where several pairs are compared.
        p_value: McNemar's; corrected where several pairs are compared.
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
        """Whether the first model is better, worse, or statistically indistinguishable.

        Interval and test must both exclude chance: the test takes images as independent, the interval does
        not, and with few classes the interval alone is the weaker evidence.
        """
        if self.low is None or self.high is None or self.p_value >= self.level:
            return "tie"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "tie"


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
    """The interval in percentage points, such as "+1.20 to +3.40"; "unknown" where there is not any."""
    if difference.low is None or difference.high is None:
        return "unknown"
    return f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassResamples:
    """Resamples of the classes of N images, drawn once for all pairs of models on them.

    Attributes:
        clusters: `(N,)` position of each image's class among the C classes.
        totals: `(C,)` images by class.
        weights: `(B, C)` how often each class is drawn.
    """

    clusters: npt.NDArray[np.intp]
    totals: FloatArray
    weights: FloatArray


def resample_classes(
    classes: npt.ArrayLike, *, num_resamples: int = NUM_RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> ClassResamples:
    """Draw the classes of `(N,)` images with replacement, `num_resamples` times."""
    names, clusters = np.unique(np.asarray(classes), return_inverse=True)
    rng = np.random.default_rng(seed)
    return ClassResamples(
        clusters=clusters,
        totals=np.bincount(clusters).astype(np.float64),
        weights=draw_cluster_weights(len(names), num_resamples=num_resamples, rng=rng),
    )


def compute_paired_difference(
    first: BoolArray,
    second: BoolArray,
    resamples: ClassResamples,
    *,
    p_value: float,
    num_pairs: int = 1,
    confidence: float = CONFIDENCE,
) -> PairedDifference:
    """Difference in accuracy on the same images, with the interval of resampling classes.

    The interval is never shorter than that of the noise within classes (`compute_paired_variance`), which
    classes that happen to be alike do not show.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.
        resamples: Of the classes of these images.
        p_value: McNemar's, already corrected for the number of pairs.
        num_pairs: Pairs compared at once; the interval is made longer for them (Bonferroni).
        confidence: Nominal coverage over all pairs, in (0, 1).
    """
    value = float(first.mean() - second.mean())
    joint = 1 - (1 - confidence) / num_pairs
    low = high = None
    if len(resamples.totals) > 1:
        low, high = _bound_difference(value, first, second, resamples, confidence=joint)
    return PairedDifference(
        value=value, low=low, high=high, confidence=joint, p_value=p_value, level=1 - confidence
    )


def _bound_difference(
    value: float, first: BoolArray, second: BoolArray, resamples: ClassResamples, *, confidence: float
) -> tuple[float, float]:
    totals = resamples.totals
    one, other = (
        np.bincount(resamples.clusters, weights=mask, minlength=len(totals)).astype(np.float64)
        for mask in (first & ~second, second & ~first)
    )
    draws = compute_resampled_accuracy(resamples.weights, one - other, totals)
    resampled = compute_clustered_interval(value, draws, len(totals), confidence=confidence)
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * compute_paired_variance(one, other, totals) ** 0.5
    low, high = widen(resampled, (value - half, value + half))
    return max(-1.0, low), min(1.0, high)


def compute_error_consistency(first: BoolArray, second: BoolArray) -> float | None:
    """Cohen's kappa of being right: agreement beyond what two such accuracies give by chance.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.

    Returns:
        1 for the same errors, 0 for independent ones, negative for opposite ones; None where chance alone
        would make them agree on every image.

    Source: Geirhos, Meding and Wichmann 2020, "Beyond accuracy", Eq. 1-3.

    Example:
        >>> right = np.array([True, True, False, False])
        >>> compute_error_consistency(right, right), compute_error_consistency(right, ~right)
        (1.0, -1.0)
    """
    observed = float(np.mean(first == second))
    p, q = float(first.mean()), float(second.mean())
    expected = p * q + (1 - p) * (1 - q)
    return None if expected == 1.0 else (observed - expected) / (1 - expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTable:
    """Two models within each group of images; arrays of G rows, groups in sorted order.

    Attributes:
        names: Group names.
        num_images: Images in each.
        first_right: Right answers of the first model.
        second_right: Right answers of the second.
        p_values: McNemar, within the group.
        p_holm: After Holm's correction over the groups.
        p_fdr: After Benjamini and Hochberg's.
    """

    names: tuple[str, ...]
    num_images: npt.NDArray[np.int64]
    first_right: npt.NDArray[np.int64]
    second_right: npt.NDArray[np.int64]
    p_values: FloatArray
    p_holm: FloatArray
    p_fdr: FloatArray

    @property
    def differences(self) -> FloatArray:
        """Accuracy of the first less that of the second in each group."""
        return np.asarray((self.first_right - self.second_right) / self.num_images)


def build_group_table(first: BoolArray, second: BoolArray, groups: npt.ArrayLike) -> GroupTable:
    """Compare two models within groups of images, such as classes or recipes.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.
        groups: `(N,)` name of each image's group.

    Example:
        >>> first, second = np.array([True, True, False]), np.array([True, False, False])
        >>> table = build_group_table(first, second, ["a", "b", "b"])
        >>> table.names, table.differences.tolist()
        (('a', 'b'), [0.0, 0.5])
    """
    names, index = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)

    def count(mask: BoolArray) -> npt.NDArray[np.int64]:
        return np.bincount(index[mask], minlength=len(names)).astype(np.int64)

    only_first, only_second = count(first & ~second), count(second & ~first)
    p_values = np.array(
        [compute_mcnemar(int(b), int(c)).p_value for b, c in zip(only_first, only_second, strict=True)]
    )
    return GroupTable(
        names=tuple(str(name) for name in names),
        num_images=np.bincount(index, minlength=len(names)).astype(np.int64),
        first_right=count(first),
        second_right=count(second),
        p_values=p_values,
        p_holm=adjust_holm(p_values),
        p_fdr=adjust_benjamini_hochberg(p_values),
    )
