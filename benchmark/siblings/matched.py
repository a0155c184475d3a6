"""Whether a model is better on public images than on private ones of the same kind: an exact test.

A *stratum* is all images, public and private, that the recipe makes alike: of one class, one prompt, one
source and one setting. They differ in the seed alone. If a model did not use which of them are public, every
assignment of the right answers of a stratum to its images is equally likely: of n public and m private images
with k right answers in all, the number of right public ones is hypergeometric. The sum over strata is a
convolution of these (Cochran 1954; Mantel and Haenszel 1959, whose normal limit is not needed here), and the
p-value its upper tail. It is exact for any number of images and however strata differ. Strata of one public
and one private image give McNemar's one-sided test (1947).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

LEVEL = 1e-5
"""Up to it a model read the labels; ten tests accuse an honest one in at most 1 of 10,000 cases."""
SMALLEST_P = 1e-200
"""Smaller p-values are given as this one."""
# What lies below cannot change a tail of `SMALLEST_P`, and would be computed with lost digits.
_NEGLIGIBLE = 1e-250


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """Images that differ in their seeds alone, and how many of them a model has right.

    Attributes:
        public: Public images, at least 0.
        private: Private images, at least 0.
        right: Right answers among both, at most their sum.
    """

    public: int
    private: int
    right: int

    @property
    def fewest(self) -> int:
        """The fewest of the right answers that can be public."""
        return max(0, self.right - self.private)

    @property
    def most(self) -> int:
        """The most of them that can be public."""
        return min(self.right, self.public)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessTest:
    """What the test says.

    Attributes:
        observed: Right public answers.
        expected: As many as are expected of a model that does not know which images are public.
        decisive: Strata that can tell: those whose right answers may be distributed in more than one way.
        p_value: Chance of at least `observed` for such a model, not below `SMALLEST_P`.
    """

    observed: int
    expected: float
    decisive: int
    p_value: float


def compute_excess(strata: Counter[Stratum], public_right: int) -> ExcessTest:
    """Test one-sided whether the public images have too many of the right answers.

    Args:
        strata: How many strata there are of each kind.
        public_right: Right answers to public images of all strata.

    Raises:
        InputError: The counts are impossible.

    Example:
        >>> strata = Counter({Stratum(1, 1, 1): 10, Stratum(1, 1, 2): 90})
        >>> found = compute_excess(strata, public_right=99)  # 9 of 10 discordant pairs for the public image
        >>> round(found.p_value, 6), found.expected, found.decisive  # (10 + 1) / 2^10
        (0.010742, 95.0, 10)
    """
    _validate(strata, public_right)
    lowest = sum(count * one.fewest for one, count in strata.items())
    tail = _convolve_all(strata)
    return ExcessTest(
        observed=public_right,
        expected=sum(
            count * one.right * one.public / (one.public + one.private)
            for one, count in strata.items()
            if one.right
        ),
        decisive=sum(count for one, count in strata.items() if one.most > one.fewest),
        p_value=tail.sum_from(public_right - lowest),
    )


def count_strata(
    public: Iterable[tuple[object, bool]], private: Iterable[tuple[object, bool]]
) -> tuple[Counter[Stratum], int]:
    """Strata by kind, and the right answers to public images, from images one by one.

    Args:
        public: For each public image its stratum, by any name, and whether the answer is right.
        private: The same of the private images.

    Returns:
        The strata that have both public and private images, and the right public answers in them: a stratum
        of one side alone says nothing.

    Example:
        >>> count_strata([("a", True), ("b", True)], [("a", False), ("c", True)])
        (Counter({Stratum(public=1, private=1, right=1): 1}), 1)
    """
    sides = [(Counter[object](), Counter[object]()) for _ in range(2)]
    for images, (total, right) in zip((public, private), sides, strict=True):
        for name, is_right in images:
            total[name] += 1
            right[name] += bool(is_right)
    (n, right_n), (m, right_m) = sides
    shared = n.keys() & m.keys()
    found = Counter(Stratum(n[name], m[name], right_n[name] + right_m[name]) for name in shared)
    return found, sum(right_n[name] for name in shared)


@dataclass(frozen=True, slots=True)
class _Distribution:
    """Probabilities of `first`, `first` + 1, ...; those that are negligible at either end are cut off."""

    first: int
    chances: FloatArray

    def add(self, other: _Distribution) -> _Distribution:
        """The distribution of the sum of two independent numbers."""
        return _trim(self.first + other.first, np.convolve(self.chances, other.chances))

    def sum_from(self, value: int) -> float:
        """Chance of at least `value`."""
        # From the small end, so that no digit of a far tail is lost.
        tail = self.chances[max(0, value - self.first) :][::-1].sum()
        return float(min(1.0, max(SMALLEST_P, tail)))


def _trim(first: int, chances: FloatArray) -> _Distribution:
    kept = np.flatnonzero(chances > _NEGLIGIBLE)
    return _Distribution(first + int(kept[0]), chances[kept[0] : kept[-1] + 1])


def _convolve_all(strata: Counter[Stratum]) -> _Distribution:
    """Of right public answers above the fewest that there can be."""
    # Products of positive numbers: unlike a transform, direct convolution keeps every digit of the tail.
    parts = [_convolve_power(_make_one(one), count) for one, count in sorted(strata.items())]
    # The short ones first: long ones are then convolved as seldom as can be.
    parts.sort(key=lambda part: len(part.chances))
    whole = _Distribution(0, np.ones(1))
    for part in parts:
        whole = whole.add(part)
    return whole


def _make_one(stratum: Stratum) -> _Distribution:
    from scipy.stats import hypergeom

    numbers = np.arange(stratum.fewest, stratum.most + 1)
    total = stratum.public + stratum.private
    chances = hypergeom.pmf(numbers, total, stratum.right, stratum.public) if total else np.ones(1)
    return _trim(0, np.asarray(chances, dtype=np.float64))


def _convolve_power(one: _Distribution, count: int) -> _Distribution:
    """The sum of `count` independent numbers, by repeated squaring."""
    whole, power = _Distribution(0, np.ones(1)), one
    while count:
        if count & 1:
            whole = whole.add(power)
        count >>= 1
        if count:
            power = power.add(power)
    return whole


def _validate(strata: Counter[Stratum], public_right: int) -> None:
    for one, count in strata.items():
        if min(one.public, one.private, one.right, count) < 0 or one.right > one.public + one.private:
            raise InputError(f"{one} is no count of images and of the right answers to them.")
    low, high = (sum(count * end for end, count in ends) for ends in _list_ends(strata))
    if not low <= public_right <= high:
        raise InputError(
            f"{public_right} right answers to public images are impossible here: {low} to {high}."
        )


def _list_ends(strata: Counter[Stratum]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return (
        [(one.fewest, count) for one, count in strata.items()],
        [(one.most, count) for one, count in strata.items()],
    )


def compute_pair_tails(public_only: npt.ArrayLike, private_only: npt.ArrayLike) -> FloatArray:
    """p-values of many tests at once, where every stratum is one public and one private image.

    Args:
        public_only: `(K,)` pairs of which only the public image is right.
        private_only: `(K,)` pairs of which only the private image is right.

    Example:
        >>> compute_pair_tails([9, 0], [1, 0]).round(6).tolist()
        [0.010742, 1.0]
    """
    from scipy.special import bdtrc

    more, fewer = np.asarray(public_only, dtype=np.int64), np.asarray(private_only, dtype=np.int64)
    # P(X > more - 1); that function wants no negative argument, and at least 0 is certain.
    tails = bdtrc(np.maximum(more - 1, 0), np.maximum(more + fewer, 1), 0.5)
    return np.where(more > 0, tails, 1.0)
