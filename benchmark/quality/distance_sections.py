"""Fréchet and kernel distances of a split from a reference: class by class, their means, and the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.quality.estimates import average_classes
from imagenet_g.benchmark.quality.frechet import bound_frechet, compute_frechet
from imagenet_g.benchmark.quality.kernel import bound_kernel, compute_kernel_distance
from imagenet_g.benchmark.quality.paper import list_paper_classes, list_paper_notes, measure_paper
from imagenet_g.benchmark.quality.records import (
    ClassFidelity,
    DistanceSection,
    FeatureRecord,
    FidelityAverages,
    WholeFidelity,
)
from imagenet_g.benchmark.quality.samples import (
    DRAW_SEED,
    MAX_CLASS_IMAGES,
    MIN_CLASS_IMAGES,
    Dealer,
    FeatureSet,
    choose_number,
    count_dealable,
)
from imagenet_g.benchmark.quality.whole import measure_whole

QualityProtocol = Literal["ours", "paper"]
Progress = Callable[[int, int], None]


def measure_distances(
    split: FeatureSet,
    reference: FeatureSet,
    features: FeatureRecord,
    *,
    protocol: QualityProtocol = "ours",
    seed: int = DRAW_SEED,
    max_class_images: int = MAX_CLASS_IMAGES,
    on_progress: Progress = lambda done, total: None,
) -> DistanceSection:
    """How far the images of a split lie from those of a reference.

    Args:
        split: Features of the images to be measured.
        reference: Features of real images by the same model. An image that is on both sides counts on both.
        features: What made the features.
        protocol: "paper" adds the protocol of Table 2 to ours.
        seed: Of the draws of images, without replacement.
        max_class_images: Most images of a class on each side, >= 3.
        on_progress: Called with steps done and steps in all: a step a class (two under the
            paper's protocol), and one for the whole.

    Raises:
        InputError: The features are of different models, or a side has no image.
    """
    dealer = Dealer(split, reference, seed=seed)
    counts = dealer.count_images()
    dealable = count_dealable(counts)
    number = choose_number(list(dealable.values()), most=max_class_images)
    measured = {index: count for index, count in dealable.items() if number and count >= number}
    steps = _count_steps(counts, protocol)
    rows = []
    for done, index in enumerate(counts):
        rows.append(_measure_class(dealer, index, counts[index], number if index in measured else 0))
        on_progress(done + 1, steps)
    # Without the limit of the intervals of classes: the whole has none.
    whole = measure_whole(dealer, list(measured), min(measured.values())) if measured else None
    on_progress(len(counts) + 1, steps)
    paper = None
    if protocol == "paper":
        paper = measure_paper(dealer, counts, on_step=lambda done: on_progress(len(counts) + 1 + done, steps))
    return DistanceSection(
        features=features,
        seed=seed,
        n_class=number,
        num_classes=len(measured),
        num_left_out=dealer.count_unshared() + len(counts) - len(measured),
        means=_average(rows),
        whole=whole,
        whole_reason=None if whole is not None else _format_too_few(number),
        protocol=protocol,
        paper=paper,
        classes=tuple(rows),
        notes=(
            *_list_notes(features, rows, whole, dealer.count_unshared(), number),
            *list_paper_notes(paper),
        ),
    )


def _count_steps(counts: Mapping[int, tuple[int, int]], protocol: QualityProtocol) -> int:
    return 1 + len(counts) + (len(list_paper_classes(counts)) if protocol == "paper" else 0)


def _measure_class(dealer: Dealer, index: int, counts: tuple[int, int], number: int) -> ClassFidelity:
    wnid, (mine, theirs) = load_classes()[index].wnid, counts
    if not number:
        return ClassFidelity(
            wnid=wnid, n_split=mine, n_reference=theirs, frechet=None, frechet_floor=None, kernel=None,
            kernel_floor=None, reason=_format_few(mine, theirs),
        )  # fmt: skip
    deal = dealer.deal(index, number)
    return ClassFidelity(
        wnid=wnid,
        n_split=mine,
        n_reference=theirs,
        frechet=bound_frechet(deal.split, deal.reference).record(),
        # Of as many real images: with few of them the distance is mostly bias, which must be alike in both.
        frechet_floor=compute_frechet(deal.other, deal.reference),
        kernel=bound_kernel(deal.split, deal.reference).record(),
        kernel_floor=compute_kernel_distance(deal.other, deal.reference),
        reason=None,
    )


def _format_few(mine: int, theirs: int) -> str:
    return (
        f"{mine} images and {theirs} reference images are too few: the number that is measured of every "
        "class is needed once of the split and twice of the reference."
    )


def _format_too_few(number: int) -> str | None:
    if number:
        return None
    return (
        f"No class has {MIN_CLASS_IMAGES} images and {2 * MIN_CLASS_IMAGES} reference images, the fewest "
        "that a distance with a floor needs."
    )


def _average(rows: Sequence[ClassFidelity]) -> FidelityAverages | None:
    found = np.array(
        [
            (row.frechet.value, row.frechet_floor, row.kernel.value, row.kernel_floor)
            for row in rows
            if row.frechet is not None and row.kernel is not None
        ],
        dtype=np.float64,
    )
    if not len(found):
        return None
    frechet, frechet_floor, kernel, kernel_floor = found.T
    return FidelityAverages(
        frechet=average_classes(frechet),
        frechet_floor=average_classes(frechet_floor),
        # Within each class, so that classes with a high floor do not lengthen the interval.
        frechet_excess=average_classes(frechet - frechet_floor),
        # Without an excess: the kernel distance is unbiased, and its floor is 0 but for noise.
        kernel=average_classes(kernel),
        kernel_floor=average_classes(kernel_floor),
    )


def _list_notes(
    features: FeatureRecord,
    rows: Sequence[ClassFidelity],
    whole: WholeFidelity | None,
    num_unshared: int,
    number: int,
) -> tuple[str, ...]:
    return (
        *list_feature_notes(features),
        *_list_size_notes(features, whole, number),
        *_list_left_out(rows, num_unshared),
    )


def list_feature_notes(features: FeatureRecord) -> list[str]:
    """What the choice of features means for a reader.

    Example:
        >>> made = FeatureRecord(name="mini-clip", num_dimensions=64, weights_sha256=None, resizing="bicubic",
        ...                      is_inception=True, influences=None)
        >>> list_feature_notes(made)
        ['Whether mini-clip chose or optimised the images is unknown.']
    """
    notes = []
    if not features.is_inception:
        notes.append(
            f"Features of {features.name}, not of the Inception that defines FID: no number here compares "
            "with a FID."
        )
    if features.influences is None:
        notes.append(f"Whether {features.name} chose or optimised the images is unknown.")
    return notes + list(features.influences or ())


def _list_size_notes(features: FeatureRecord, whole: WholeFidelity | None, number: int) -> list[str]:
    if not number or number > features.num_dimensions:
        return []
    note = (
        f"{number} images of a class span at most {number - 1} of {features.num_dimensions} dimensions: a "
        "class's Fréchet distance is mostly bias, and images that vary less have less of it: they may "
        "lie below the floor. Read the kernel distance and the diversity beside it."
    )
    if whole is not None and whole.n <= features.num_dimensions:
        return [note, f"The distance of all {whole.n} images at once is mostly bias as well."]
    return [note]


def _list_left_out(rows: Sequence[ClassFidelity], num_unshared: int) -> list[str]:
    notes = []
    if num_unshared:
        notes.append(f"{num_unshared} classes have images on one side only and are left out.")
    if few := sum(row.reason is not None for row in rows):
        notes.append(f"{few} of {len(rows)} classes have too few images and are left out.")
    return notes
