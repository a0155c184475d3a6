"""How often the test finds who reads labels, and how often it accuses who does not, in simulated worlds.

An image is answered rightly with a chance of its own: its logit is normal within its class, and the mean of a
class is normal among classes. A public image and its private twin have the same chance, and independent
answers. Where all images are alike, twins say least of one another: that is the hardest case for the test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from imagenet_g.benchmark.siblings.matched import LEVEL, compute_pair_tails
from imagenet_g.benchmark.statistics.accuracy import FloatArray

NUM_CLASSES = 100
ACCURACIES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
SHARES = (1.0, 0.9, 0.5, 0.25, 0.1)
"""Of the wrong public answers that are made right."""
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
HONEST_SIZES = (500, 2000, 10_000, 50_000)
WANTED_POWER = 0.99
Kind = Literal["alike", "mixed"]
# Standard deviations of the logit: among classes, and within a class.
_SPREADS: dict[Kind, tuple[float, float]] = {"alike": (0.0, 0.0), "mixed": (1.5, 1.5)}
_NUM_NODES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingWorld:
    """A model, a split and its sibling.

    Attributes:
        pairs: Private images, each with its public twin.
        accuracy: Of the model on private images.
        share: Of the wrong public answers that are made right; 0 for an honest model.
        kind: Whether images are equally hard, or classes and images differ.
    """

    pairs: int
    accuracy: float
    share: float = 0.0
    kind: Kind = "mixed"


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often something came about.

    Attributes:
        found: In so many worlds.
        worlds: Of so many.
        low: Lower bound of its chance, one-sided, confidence 0.95 (Clopper and Pearson 1934).
        high: Upper bound, likewise.
    """

    found: int
    worlds: int
    low: float
    high: float


def count_accused(world: SiblingWorld, *, worlds: int, seed: int, level: float = LEVEL) -> Frequency:
    """How often the test says that the model read the labels.

    Args:
        world: What is drawn.
        worlds: How often.
        seed: Of all draws.
        level: p-values up to this accuse.

    Example:
        >>> reader = SiblingWorld(pairs=500, accuracy=0.8, share=1.0)
        >>> count_accused(reader, worlds=200, seed=0).found
        200
        >>> count_accused(replace(reader, share=0.0), worlds=200, seed=0).found
        0
    """
    rng = np.random.default_rng(seed)
    public_only, private_only = (np.zeros(worlds, dtype=np.int64) for _ in range(2))
    for (first, second), pairs in _list_classes(world).items():
        drawn = rng.binomial(pairs, first, size=worlds)
        public_only += drawn
        private_only += rng.binomial(pairs - drawn, second / (1 - first) if first < 1 else 0.0)
    found = int((compute_pair_tails(public_only, private_only) <= level).sum())
    return Frequency(found, worlds, *_bound(found, worlds))


def find_needed_pairs(world: SiblingWorld, *, worlds: int, seed: int) -> tuple[int, Frequency] | None:
    """The smallest of `SIZES` where the lower bound of the chance to find a cheat is 99 %.

    Returns:
        Private images and the frequency there; None where even the largest is too small.
    """
    for pairs in SIZES:
        found = count_accused(replace(world, pairs=pairs), worlds=worlds, seed=seed + pairs)
        if found.low >= WANTED_POWER:
            return pairs, found
    return None


def format_power(*, worlds: int, seed: int) -> Iterator[str]:
    """A table in Markdown, a line at a time: private images needed, by accuracy and by what was corrected."""
    yield f"| wrong answers made right | images | {' | '.join(f'{100 * a:.0f} %' for a in ACCURACIES)} |"
    yield f"|---|---|{'---:|' * len(ACCURACIES)}"
    for share in SHARES:
        for kind in _SPREADS:
            cells = [
                find_needed_pairs(
                    SiblingWorld(pairs=1, accuracy=accuracy, share=share, kind=kind), worlds=worlds, seed=seed
                )
                for accuracy in ACCURACIES
            ]
            yield f"| {_name_share(share)} | {kind} | {' | '.join(map(_format_needed, cells))} |"


def count_false_alarms(*, worlds: int, seed: int) -> Frequency:
    """How often honest models are accused, over all accuracies, sizes and kinds of images together.

    Args:
        worlds: Of each of the 48 combinations.
        seed: Of all draws.
    """
    settings = [
        SiblingWorld(pairs=pairs, accuracy=accuracy, kind=kind)
        for kind in _SPREADS
        for accuracy in ACCURACIES
        for pairs in HONEST_SIZES
    ]
    return _add_up(count_accused(one, worlds=worlds, seed=seed + n) for n, one in enumerate(settings))


def _add_up(frequencies: Iterable[Frequency]) -> Frequency:
    parts = list(frequencies)
    found, worlds = sum(part.found for part in parts), sum(part.worlds for part in parts)
    return Frequency(found, worlds, *_bound(found, worlds))


def _bound(found: int, worlds: int) -> tuple[float, float]:
    from scipy.special import betaincinv

    low = float(betaincinv(found, worlds - found + 1, 0.05)) if found else 0.0
    return low, float(betaincinv(found + 1, worlds - found, 0.95)) if found < worlds else 1.0


def _list_classes(world: SiblingWorld) -> Counter[tuple[float, float]]:
    """Pairs by the chances of a pair: that only the public image is right, and that only the private one is.

    Classes that are alike are one, so that their pairs are drawn at once.
    """
    one, both = _compute_moments(_find_middle(world.accuracy, world.kind), world.kind)
    # Rounding can leave -1e-17, which no draw takes.
    alone, neither = np.maximum(one - both, 0.0), np.maximum(1 - 2 * one + both, 0.0)
    # The cheat corrects some of the pairs whose public image was answered wrongly.
    public, private = alone + world.share * neither, (1 - world.share) * alone
    found: Counter[tuple[float, float]] = Counter()
    for number, chances in enumerate(zip(public.tolist(), private.tolist(), strict=True)):
        # The first classes have one pair more where it does not come out even.
        found[chances] += world.pairs // NUM_CLASSES + (number < world.pairs % NUM_CLASSES)
    return found


@cache
def _find_middle(accuracy: float, kind: Kind) -> float:
    """The mean logit that gives an accuracy."""
    from scipy.optimize import brentq

    def miss(middle: float) -> float:
        return float(_compute_moments(middle, kind)[0].mean() - accuracy)

    return float(brentq(miss, -20, 20))


@cache
def _list_nodes() -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NUM_NODES)
    return nodes, weights / weights.sum()


def _compute_moments(middle: float, kind: Kind) -> tuple[FloatArray, FloatArray]:
    """`(C,)` mean chance and mean squared chance of the images of each class."""
    from scipy.special import expit, ndtri

    between, within = _SPREADS[kind]
    # Evenly spread quantiles in place of drawn classes: the mean accuracy is then that which was asked for.
    classes = middle + between * ndtri((np.arange(NUM_CLASSES) + 0.5) / NUM_CLASSES)
    nodes, weights = _list_nodes()
    chances = expit(classes[:, None] + within * nodes)
    return chances @ weights, chances**2 @ weights


def _name_share(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.0f} %"


def _format_needed(cell: tuple[int, Frequency] | None) -> str:
    return f"more than {SIZES[-1]:,}" if cell is None else f"{cell[0]:,}"
