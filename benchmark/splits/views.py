"""Row filters on a split: the release's own, and every registered class set on any split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import CLASS_SET_NAMES, ClassSet, load_class_set
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.lineage.origins import ScoreFilter
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    CombinedView,
    EqualsView,
    PlainView,
    ThresholdView,
    ViewSpec,
    list_parts,
)
from imagenet_g.benchmark.splits.splits import Split, make_split_class_set

Mask = npt.NDArray[np.bool_]


def list_views(split: Split) -> tuple[str, ...]:
    """Names of all views there are on a split: its own first, then class sets that share a class with it."""
    present = set(split.class_set.indices)
    shared = [name for name in CLASS_SET_NAMES if present & set(load_class_set(name).indices)]
    return (*sorted(split.views), *(name for name in shared if name not in split.views))


def apply_view(split: Split, name: str) -> tuple[npt.NDArray[np.intp], ClassSet, SplitRecord]:
    """Rows of a view, the classes they cover, and the record of the split seen through it.

    Args:
        split: The whole split.
        name: One of `list_views`.

    Returns:
        Row numbers, ascending; the registered class set where all of its classes have images, else
        "split-classes" for those that have; the record with the view in its reference.

    Raises:
        UnknownNameError: There is no such view.
        InputError: It has no image.
        DataError: The column it filters by is missing or of another type.
    """
    view = find_view(split, name)
    rows = np.flatnonzero(_compute_mask(split, view, name))
    if not len(rows):
        raise InputError(f"View '{name}' of '{split.record.ref}' has no image.")
    class_set = _make_view_class_set(split, view, rows)
    record = split.record.model_copy(
        update={
            "ref": f"{split.record.ref}:{name}",
            "view": name,
            "num_classes": len(class_set.indices),
        }
    )
    return rows, class_set, record


def find_view(split: Split, name: str) -> ViewSpec:
    """What a view's name stands for on this split; its own views come before class sets.

    Raises:
        UnknownNameError: There is no such view.
    """
    if name in split.views:
        return split.views[name]
    if name in CLASS_SET_NAMES:
        return ClassView(class_set=name)
    known = (*sorted(split.views), *CLASS_SET_NAMES)
    raise UnknownNameError("view", name, known, where=f"of '{split.record.ref}'")


def find_view_class_set(view: ViewSpec) -> str | None:
    """The registered class set a view is restricted to, rows and outputs; None for any other view.

    Of a combined view it is that of its one part with a class set; of several, none is the view's.

    Example:
        >>> find_view_class_set(ClassView(class_set="imagenet-a"))
        'imagenet-a'
        >>> find_view_class_set(ThresholdView(column="clip_score.vit", minimum=0.3)) is None
        True
    """
    named = {part.class_set for part in list_parts(view) if isinstance(part, ClassView | EqualsView)} - {None}
    return next(iter(named)) if len(named) == 1 else None


def list_score_filters(views: Mapping[str, ViewSpec]) -> tuple[ScoreFilter, ...]:
    """The views that keep images by a score.

    Example:
        >>> list_score_filters({"far": ThresholdView(column="clip_score.vit", minimum=0.3)})
        (ScoreFilter(view='far', column='clip_score.vit', minimum=0.3),)
    """
    return tuple(
        ScoreFilter(name, part.column, part.minimum)
        for name, view in views.items()
        for part in list_parts(view)
        if isinstance(part, ThresholdView)
    )


def _list_own_labels(split: Split) -> npt.NDArray[np.int16]:
    # A release's image is of one class, first in its row; what else it may be called is an answer only.
    # ObjectNet's labels are all its own.
    return split.rows.labels if split.record.version is None else split.rows.labels[:, :1]


def _compute_mask(split: Split, view: ViewSpec, name: str) -> Mask:
    if isinstance(view, CombinedView):
        return np.asarray(np.logical_and.reduce([_compute_mask(split, part, name) for part in view.views]))
    return _compute_plain_mask(split, view, name)


def _compute_plain_mask(split: Split, view: PlainView, name: str) -> Mask:
    match view:
        case ClassView():
            return _compute_class_mask(split, view.class_set)
        case EqualsView():
            values = split.reader.read_column(view.column)
            mask = np.array([value is not None and str(value) == view.value for value in values], dtype=bool)
            return mask if view.class_set is None else mask & _compute_class_mask(split, view.class_set)
        case ThresholdView():
            return _compute_threshold_mask(split, view, name)


def _compute_class_mask(split: Split, class_set: str) -> Mask:
    inside = np.isin(_list_own_labels(split), load_class_set(class_set).indices)
    return np.asarray(inside.any(axis=1))


def _compute_threshold_mask(split: Split, view: ThresholdView, name: str) -> Mask:
    values = split.reader.read_column(view.column)
    try:
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"View '{name}' needs numbers in column '{view.column}' and found others.") from error
    # NaN is below every minimum: images without a score would drop out in silence.
    if missing := int(np.isnan(numbers).sum()):
        raise DataError(f"View '{name}' cannot be taken: column '{view.column}' has {missing} empty values.")
    return np.asarray(numbers >= view.minimum)


def _make_view_class_set(split: Split, view: ViewSpec, rows: npt.NDArray[np.intp]) -> ClassSet:
    covered = make_split_class_set(_list_own_labels(split)[rows])
    name = find_view_class_set(view)
    if name is None:
        return covered
    # An ObjectNet image may be called by several classes, only some of them inside the set.
    wanted = load_class_set(name)
    inside = tuple(index for index in covered.indices if index in set(wanted.indices))
    return wanted if inside == wanted.indices else ClassSet("split-classes", inside)
