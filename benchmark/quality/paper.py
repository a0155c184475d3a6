"""Table 2's protocol of Bansal and Grover 2023, and what it reads where nothing is shifted.

A Fréchet distance is measured for every class from all images there are and averaged over the classes. The
paper does not say how many images that were. With tens of images and 2048 dimensions the distance is mostly
bias, so reference images are held back and measured from the others in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from imagenet_g.benchmark.quality.estimates import average_classes
from imagenet_g.benchmark.quality.frechet import compute_frechet
from imagenet_g.benchmark.quality.records import PaperFidelity
from imagenet_g.benchmark.quality.samples import Dealer

# A covariance divides by n - 1.
MIN_PAPER_IMAGES = 2


def list_paper_classes(counts: Mapping[int, tuple[int, int]]) -> list[int]:
    """Classes that have a covariance on both sides.

    Args:
        counts: Images of the split and of the reference, by class.

    Example:
        >>> list_paper_classes({3: (2, 50), 7: (1, 50)})
        [3]
    """
    return [index for index, pair in counts.items() if min(pair) >= MIN_PAPER_IMAGES]


def measure_paper(
    dealer: Dealer, counts: Mapping[int, tuple[int, int]], *, on_step: Callable[[int], None]
) -> PaperFidelity | None:
    """The protocol over the classes with at least two images on each side; None for no such class.

    Args:
        dealer: Gives the images.
        counts: Images of the split and of the reference, by class.
        on_step: Called with the number of classes done.
    """
    used = list_paper_classes(counts)
    if not used:
        return None
    values, unshifted, sizes = [], [], []
    for done, index in enumerate(used):
        # Unequal numbers and all: the paper's protocol is measured here, not a better one.
        values.append(compute_frechet(*dealer.deal_everything(index)))
        held, rest = dealer.hold_back(index)
        if len(held) >= MIN_PAPER_IMAGES:
            unshifted.append(compute_frechet(held, rest))
            sizes.append(len(held))
        on_step(done + 1)
    mine, theirs = zip(*(counts[index] for index in used), strict=True)
    return PaperFidelity(
        frechet=average_classes(np.array(values)),
        unshifted=average_classes(np.array(unshifted)) if unshifted else None,
        n_unshifted=(min(sizes), max(sizes)) if sizes else None,
        n_split=(min(mine), max(mine)),
        n_reference=(min(theirs), max(theirs)),
    )


def list_paper_notes(paper: PaperFidelity | None) -> list[str]:
    """What the protocol's figure must be read beside."""
    if paper is None or paper.unshifted is None or paper.n_unshifted is None:
        return []
    return [
        f"By Table 2's protocol the split lies at {paper.frechet.value:.3g} ({_format_range(paper.n_split)} "
        f"images of a class against {_format_range(paper.n_reference)}). Without any shift it does not read "
        f"0: reference images that are held back ({_format_range(paper.n_unshifted)} of a class) lie at "
        f"{paper.unshifted.value:.3g} from the others. The fewer the images, the higher it reads."
    ]


def _format_range(counts: tuple[int, int]) -> str:
    low, high = counts
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
