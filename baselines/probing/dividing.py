"""Which training images a search for hyper-parameters is judged on: given ones, or a seeded draw by class."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError

RowArray = npt.NDArray[np.intp]
Protocol = Literal["printed", "shipped"]
SHIPPED_SHARE = 0.2
"""Of each class, by naver/trex at 4172228, whatever the set provides."""


def draw_validation(
    labels: npt.NDArray[np.int64], rows: RowArray, *, count: int | None, seed: int
) -> RowArray:
    """Rows for validation: so many in all, in proportion to the classes, or a fifth of each class.

    A class keeps at least one image to learn from; of a class with one, none is drawn.

    Args:
        labels: `(N,)` class of every image of the set.
        rows: Which of them may be drawn.
        count: How many; None for a fifth of each class, rounded down, but at least one.
        seed: Of the draw.

    Returns:
        Drawn rows, ascending.

    Raises:
        InputError: So many cannot be drawn, or no class has two images.

    Example:
        >>> draw_validation(np.array([0, 0, 0, 0, 1, 1]), np.arange(6), count=3, seed=0).shape
        (3,)
    """
    present, sizes = np.unique(labels[rows], return_counts=True)
    takes = _take_share(sizes) if count is None else _take_count(sizes, count)
    if not takes.sum():
        raise InputError("No class has two images: none can be set apart to judge a search on.")
    chosen = []
    for label, take in zip(present.tolist(), takes.tolist(), strict=True):
        # A generator a class: what is drawn of one does not depend on the images of another.
        rng = np.random.default_rng([seed, label])
        chosen.append(rng.permutation(rows[labels[rows] == label])[:take])
    return np.sort(np.concatenate(chosen))


def _take_share(sizes: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    # Rounded down as in that code, which would otherwise be met by other images of small classes.
    takes = np.maximum((sizes * SHIPPED_SHARE).astype(np.intp), 1)
    return np.minimum(takes, sizes - 1)


def _take_count(sizes: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    most = sizes - 1
    if count > most.sum():
        raise InputError(
            f"{count} images for validation are printed; of {sizes.sum()} images in {len(sizes)} classes at "
            f"most {most.sum()} can be set apart."
        )
    # In proportion, because the paper does not print how it drew them.
    wanted = count * sizes / sizes.sum()
    takes = np.asarray(np.minimum(wanted.astype(np.intp), most), dtype=np.intp)
    # The largest remainders first, so that the sum is the printed number.
    order = np.argsort(-(wanted - takes), kind="stable").tolist()
    # Several rounds where small classes can give no more; that so many can be taken was checked above.
    while takes.sum() < count:
        for place in order:
            if takes.sum() < count and takes[place] < most[place]:
                takes[place] += 1
    return takes
