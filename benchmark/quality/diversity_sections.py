"""Diversity, Vendi score and spread of a split, class by class, beside those of a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.quality.distance_sections import Progress, list_feature_notes
from imagenet_g.benchmark.quality.diversity import (
    COLLAPSED,
    bound_diversity,
    bound_spread,
    bound_vendi,
    compute_diversity,
    compute_spread,
    compute_vendi,
)
from imagenet_g.benchmark.quality.estimates import average_classes, bound_class_ratio
from imagenet_g.benchmark.quality.neighbours import MAX_IMAGES
from imagenet_g.benchmark.quality.records import (
    BoundedValue,
    ClassDiversity,
    DiversityAverages,
    DiversitySection,
    FeatureRecord,
)
from imagenet_g.benchmark.quality.samples import (
    DRAW_SEED,
    MAX_CLASS_IMAGES,
    MIN_CLASS_IMAGES,
    FeatureSet,
    RowArray,
    check_same_space,
    choose_number,
)
from imagenet_g.benchmark.statistics.accuracy import FloatArray

_NAMES = ("diversity", "vendi", "spread")
_BOUNDS: dict[str, Callable[[FloatArray], BoundedValue]] = {
    "diversity": lambda points: bound_diversity(points).record(),
    "vendi": lambda points: bound_vendi(points).record(),
    "spread": lambda points: bound_spread(points).record(),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """Features with the rows of each class in drawn order."""

    features: FeatureSet
    rows: Mapping[int, RowArray]

    def take(self, index: int, number: int) -> FloatArray:
        return self.features.take(self.rows[index][:number])

    def take_all(self, classes: Sequence[int], number: int) -> FloatArray:
        # The Vendi score grows with the number of images: as many of every class, and on either side.
        each = min(number, MAX_IMAGES // len(classes))
        return self.features.take(np.concatenate([self.rows[index][:each] for index in classes]))


def measure_diversity(
    split: FeatureSet,
    reference: FeatureSet | None,
    features: FeatureRecord,
    *,
    seed: int = DRAW_SEED,
    max_class_images: int = MAX_CLASS_IMAGES,
    on_progress: Progress = lambda done, total: None,
) -> DiversitySection:
    """How much the images of a class differ from each other.

    Args:
        split: Features of the images.
        reference: Features of real images by the same model, whose classes are measured at the same number of
            images; classes without reference images are left out. None for no reference.
        features: What made the features.
        seed: Of the draws of images, without replacement.
        max_class_images: Most images of a class, >= 3.
        on_progress: Called with classes done and classes in all.

    Raises:
        InputError: The features are of different models, a side has no image, or a vector is all zeros.
    """
    check_same_space(split, split if reference is None else reference)
    sides = [_Side(split, split.shuffle_rows(seed=seed))]
    if reference is not None:
        # Another seed, or an image in both sets would be drawn on both sides.
        sides.append(_Side(reference, reference.shuffle_rows(seed=seed + 1)))
    shared = sorted(set.intersection(*(set(side.rows) for side in sides)))
    counts = {index: min(len(side.rows[index]) for side in sides) for index in shared}
    number = choose_number(list(counts.values()), most=max_class_images)
    measured = [index for index, count in counts.items() if number and count >= number]
    rows = []
    for done, index in enumerate(shared):
        rows.append(_measure_class(sides, index, number if counts[index] >= number else 0))
        on_progress(done + 1, len(shared))
    return _make_section(sides, features, rows, measured, number=number, seed=seed)


def _make_section(
    sides: Sequence[_Side],
    features: FeatureRecord,
    rows: Sequence[ClassDiversity],
    measured: Sequence[int],
    *,
    number: int,
    seed: int,
) -> DiversitySection:
    tables = [_tabulate(rows, part) for part in ("", "_reference")[: len(sides)]]
    vendi = [compute_vendi(side.take_all(measured, number)) if measured else None for side in sides]
    paired = len(sides) == 2 and bool(measured)
    # Those that one side alone has are among them, and `rows` lacks these.
    num_classes = len(set().union(*(side.rows for side in sides)))
    return DiversitySection(
        features=features,
        seed=seed,
        n_class=number,
        num_classes=len(measured),
        num_left_out=num_classes - len(measured),
        split=_average(tables[0]) if measured else None,
        reference=_average(tables[1]) if paired else None,
        ratio=bound_class_ratio(tables[0][0], tables[1][0]) if paired else None,
        num_collapsed=int((tables[0][0] < COLLAPSED * tables[1][0]).sum()) if paired else None,
        whole_vendi=vendi[0],
        whole_vendi_reference=vendi[1] if len(vendi) == 2 else None,
        classes=tuple(rows),
        notes=(*list_feature_notes(features), *_list_notes(rows, num_classes, number)),
    )


def _measure_class(sides: Sequence[_Side], index: int, number: int) -> ClassDiversity:
    wnid, mine = load_classes()[index].wnid, len(sides[0].rows[index])
    theirs = len(sides[1].rows[index]) if len(sides) == 2 else None
    # Every key: a stored row says null for what was not measured, and lacks nothing.
    nothing = dict.fromkeys(name + part for name in _NAMES for part in ("", "_reference"))
    found: dict[str, object] = {
        "wnid": wnid,
        "n_split": mine,
        "n_reference": theirs,
        **nothing,
        "reason": None,
    }
    if not number:
        also = "" if theirs is None else f" and {theirs} reference images"
        reason = f"{mine} images{also} are fewer than are measured of every class."
        return ClassDiversity.model_validate(found | {"reason": reason})
    points = sides[0].take(index, number)
    found |= {name: bound(points) for name, bound in _BOUNDS.items()}
    if len(sides) == 2:
        known = sides[1].take(index, number)
        found |= {
            "diversity_reference": compute_diversity(known),
            "vendi_reference": compute_vendi(known),
            "spread_reference": compute_spread(known),
        }
    return ClassDiversity.model_validate(found)


def _tabulate(rows: Sequence[ClassDiversity], part: str) -> FloatArray:
    """`(3, C)` values of the measured classes: diversity, Vendi score and spread."""
    table = [
        [_read(getattr(row, name + part)) for name in _NAMES] for row in rows if row.diversity is not None
    ]
    # Reshaped for the case of no measured class: an empty list makes an array of one dimension.
    return np.array(table, dtype=np.float64).reshape(-1, len(_NAMES)).T


def _read(value: BoundedValue | float) -> float:
    return value.value if isinstance(value, BoundedValue) else value


def _average(table: FloatArray) -> DiversityAverages:
    diversity, vendi, spread = table
    return DiversityAverages(
        diversity=average_classes(diversity), vendi=average_classes(vendi), spread=average_classes(spread)
    )


def _list_notes(rows: Sequence[ClassDiversity], num_classes: int, number: int) -> list[str]:
    notes = []
    if not number:
        notes.append(f"No class has {MIN_CLASS_IMAGES} images on every side: nothing is measured.")
    elif few := sum(row.reason is not None for row in rows):
        notes.append(f"{few} of {len(rows)} classes have fewer than {number} images and are left out.")
    if num_classes > len(rows):
        notes.append(f"{num_classes - len(rows)} classes have images on one side only and are left out.")
    return notes
