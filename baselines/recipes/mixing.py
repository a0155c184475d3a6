"""Which image is learnt from in which step: pure, from counts and seeds alone.

A mix is planned class by class before an image is opened. Everything is drawn by numbered generators, so that
a step has the same images whatever was run before it, on however many processes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from imagenet_g.baselines.recipes.specs import MixSpec
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray

_CHOICE, _ORDER = 1, 2
"""First words of the seeds of two independent streams."""
# Sums of shares such as 0.1 + 0.2 miss a half by some 1e-17 a class, and would round down.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class PlannedMix:
    """The images of one epoch, in no particular order.

    Attributes:
        sources: `(N,)` number of each image's source in the mix.
        rows: `(N,)` its row there.
        outputs: `(N,)` the output that it should raise.
        names: Of the sources.
    """

    sources: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    outputs: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def count(self, num_outputs: int) -> IntArray:
        """`(S, K)` images of each source and class."""
        counts = np.zeros((len(self.names), num_outputs), np.int64)
        np.add.at(counts, (self.sources, self.outputs), 1)
        return counts


def round_together(wanted: FloatArray) -> IntArray:
    """Whole numbers, each within 1 of what is wanted, whose sum is the rounded sum.

    Example:
        >>> round_together(np.array([0.5, 0.5, 0.5, 0.5])).tolist()
        [1, 0, 1, 0]
    """
    rounded = np.floor(np.cumsum(wanted) + 0.5 + _TINY).astype(np.int64)
    return np.diff(rounded, prepend=0)


def divide_shares(totals: IntArray, shares: Sequence[float]) -> IntArray:
    """`(K, S)` each class's images divided among sources.

    Each number is its share rounded down or up, and each class has its total. What rounding takes from a
    source in one class the next classes give back: over two sources the sums are within 1 of their shares.

    Args:
        totals: `(K,)` images of each class.
        shares: Of each source; they sum to 1.

    Example:
        >>> divide_shares(np.array([3, 3, 3, 3]), [0.5, 0.5]).tolist()
        [[2, 1], [1, 2], [2, 1], [1, 2]]
    """
    parts = np.zeros((len(totals), len(shares)), np.int64)
    owed = np.zeros(len(shares))
    for row, total in enumerate(totals):
        wanted = total * np.asarray(shares, np.float64)
        low = np.floor(wanted + _TINY)
        rest = wanted - low
        left = int(total - low.sum())
        # A source whose share is whole takes no more: its number would not be its share rounded.
        order = np.argsort(-np.where(rest > _TINY, rest + owed, -np.inf), kind="stable")
        low[order[:left]] += 1
        owed += wanted - low
        parts[row] = low
    return parts


def count_wanted(mix: MixSpec, available: IntArray) -> IntArray:
    """`(S, K)` images of each source and class that a mix asks for.

    Args:
        mix: The mix.
        available: `(S, K)` images that its sources have, in the mix's own order.

    Raises:
        DataError: Its first source has no image, so that there is nothing to be relative to.
    """
    num_classes = available.shape[1]
    if mix.per_class is not None:
        return np.repeat(np.array(list(mix.per_class.values()), np.int64)[:, None], num_classes, axis=1)
    first = available[0].astype(np.float64)
    if not first.sum():
        raise DataError(f"Mix '{mix.name}': '{mix.sources[0]}' has no image of these classes to be sized by.")
    form = np.full(num_classes, 1 / num_classes) if mix.classes == "balanced" else first / first.sum()
    if mix.budget is not None:
        totals = round_together(mix.budget.images * form)
        return divide_shares(totals, list(mix.budget.shares.values())).T.copy()
    sizes = [share * first.sum() for share in (mix.proportions or {}).values()]
    return np.stack([round_together(size * form) for size in sizes])


def choose_images(
    mix: MixSpec,
    labels: Sequence[IntArray],
    rows: Sequence[IntArray],
    *,
    num_outputs: int,
    seed: int,
    drawn_as: Sequence[str] | None = None,
) -> PlannedMix:
    """The images of a mix, drawn class by class.

    For one seed the images of a smaller mix of a source are among those of a larger one.

    Args:
        mix: The mix.
        labels: For each source the output of each image that may be taken.
        rows: And its row.
        num_outputs: K.
        seed: Decides which images.
        drawn_as: For each source the name that decides with it; None for its own.

    Raises:
        DataError: A source has too few images of a class, and the mix does not let them come again.
    """
    available = np.stack([np.bincount(own, minlength=num_outputs) for own in labels])
    wanted = count_wanted(mix, available)
    _require_enough(mix, wanted, available)
    taken = [
        _draw(own_labels, own_rows, numbers, name=name, seed=seed)
        for own_labels, own_rows, numbers, name in zip(
            labels, rows, wanted, drawn_as or mix.sources, strict=True
        )
    ]
    outputs = [np.repeat(np.arange(num_outputs), numbers) for numbers in wanted]
    sources = [np.full(len(own), number) for number, own in enumerate(taken)]
    return PlannedMix(np.concatenate(sources), np.concatenate(taken), np.concatenate(outputs), mix.sources)


def _draw(labels: IntArray, rows: IntArray, wanted: IntArray, *, name: str, seed: int) -> IntArray:
    found = [np.zeros(0, np.int64)]
    for output, number in enumerate(wanted):
        if number:
            # By the source's name: its images are the same in each mix that it is a part of.
            numbers = np.random.default_rng([_CHOICE, seed, zlib.crc32(name.encode()), output])
            own = numbers.permutation(rows[labels == output])
            found.append(np.resize(own, number))
    return np.concatenate(found)


def _require_enough(mix: MixSpec, wanted: IntArray, available: IntArray) -> None:
    short = wanted > available
    # Images that come again need at least one to come.
    hopeless = (wanted > 0) & (available == 0)
    bad = hopeless if mix.short == "repeat" else short
    if not bad.any():
        return
    source, output = (int(number) for number in np.argwhere(bad)[0])
    advice = "" if mix.short == "repeat" else ', ask for fewer, or set short = "repeat" to take images again'
    raise DataError(
        f"Mix '{mix.name}' asks for {wanted[source, output]} images of output {output} of "
        f"'{mix.sources[source]}', which has {available[source, output]}; {int(bad.sum())} are short. "
        f"Give it more images{advice}."
    )


@lru_cache(maxsize=2)
def _order_epoch(num_images: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    # Two are kept: the batch at the end of an epoch holds images of the next one.
    return np.random.default_rng([_ORDER, seed, epoch]).permutation(num_images)


def list_positions(num_images: int, batch_size: int, step: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Positions in a mix of the images of a step; each epoch has each image once, in an order of its own.

    A batch over the end of an epoch is filled from the next one, so that no image is left out.

    Example:
        >>> both = [list_positions(5, 4, step, seed=0) for step in range(5)]
        >>> [sorted(np.concatenate(both)[start : start + 5].tolist()) for start in (0, 5, 10, 15)]
        [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    """
    first = step * batch_size
    epochs, places = np.divmod(np.arange(first, first + batch_size), num_images)
    found = [
        _order_epoch(num_images, seed, int(epoch))[places[epochs == epoch]] for epoch in np.unique(epochs)
    ]
    return np.concatenate(found)


def count_steps(num_images: int, batch_size: int, *, epochs: float | None, steps: int | None) -> int:
    """Steps of a training; what does not fill a last batch is left out.

    Example:
        >>> count_steps(1281167, 512, epochs=40, steps=None)
        100091
    """
    return steps if steps is not None else max(1, int((epochs or 0) * num_images + _TINY) // batch_size)
