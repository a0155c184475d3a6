"""Distances over all classes at once, on at most `MAX_IMAGES` images a side.

Each class gives the same number of images to both sides, so that a distance says nothing about how many
images of a class there are. Intervals leave out one of twenty groups of classes at a time, from both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagenet_g.benchmark.quality.estimates import (
    GROUP_JACKKNIFE,
    Bounds,
    bound_one_sample,
    group_classes,
)
from imagenet_g.benchmark.quality.frechet import compute_frechet
from imagenet_g.benchmark.quality.kernel import bound_kernel_by_groups, compute_kernel_distance
from imagenet_g.benchmark.quality.neighbours import MAX_IMAGES, NUM_NEIGHBOURS, find_reached
from imagenet_g.benchmark.quality.records import NeighbourShares, WholeFidelity
from imagenet_g.benchmark.quality.samples import Dealer
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray


def measure_whole(dealer: Dealer, classes: Sequence[int], number: int) -> WholeFidelity:
    """Distances of the split to one half of the reference, beside those of the other half.

    Args:
        dealer: Gives the images.
        classes: Class indices, at least one and at most `MAX_IMAGES`.
        number: Images that each class can give, >= 2.
    """
    # Tables of neighbours grow with the square: fewer images of each class, but every class.
    each = min(number, MAX_IMAGES // len(classes))
    deal = dealer.deal_all(classes, each)
    labels = np.repeat(np.arange(len(classes)), each)
    groups = group_classes(len(classes))
    rows = None if groups is None else groups[labels]
    split, reference, other = deal.split, deal.reference, deal.other
    return WholeFidelity(
        n=len(split),
        n_class=each,
        frechet=_bound_frechet(split, reference, rows).record(GROUP_JACKKNIFE),
        frechet_floor=compute_frechet(other, reference),
        kernel=_bound_kernel(split, reference, rows).record(GROUP_JACKKNIFE),
        kernel_floor=compute_kernel_distance(other, reference),
        num_neighbours=NUM_NEIGHBOURS,
        neighbours=_share_neighbours(split, reference, labels),
        neighbours_floor=_share_neighbours(other, reference, labels),
    )


def _bound_frechet(first: FloatArray, second: FloatArray, groups: IntArray | None) -> Bounds:
    value = compute_frechet(first, second)
    if groups is None:
        return Bounds(value, None)
    left_out = [
        # Half of the digits are plenty for the spread of twenty values.
        compute_frechet(first[groups != group], second[groups != group], quick=True)
        for group in np.unique(groups)
    ]
    return bound_one_sample(value, np.array(left_out))


def _bound_kernel(first: FloatArray, second: FloatArray, groups: IntArray | None) -> Bounds:
    if groups is None:
        return Bounds(compute_kernel_distance(first, second), None)
    return bound_kernel_by_groups(first, second, groups)


def _share_neighbours(first: FloatArray, second: FloatArray, labels: IntArray) -> NeighbourShares | None:
    # No image has a neighbour of that rank.
    if len(first) <= NUM_NEIGHBOURS:
        return None
    return find_reached(first, second).bound(labels)
