"""Which view of the clean set a split view is compared with."""

from __future__ import annotations

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.filters.quality import (
    QualityFilter,
    find_quality_filter,
    is_filtered_alike,
    make_quality_filter,
)
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view


def choose_reference_view(split: Split, view: str | None, reference: Split) -> str | None:
    """The view of the clean set that a view of a split is compared with, where the user names none.

    A split that kept the images a model recognises is compared with the real images that the same model
    recognises, by the same bound.

    Args:
        split: The split, whole.
        view: Its view; None for all images.
        reference: The clean set, whole.

    Returns:
        The view's name; None for all images, because the split is not filtered or the clean set has no such
        view.

    Raises:
        UnknownNameError: The split has no such view.
    """
    return find_twin(find_quality_filter(split, view), reference)


def find_twin(wanted: QualityFilter | None, reference: Split) -> str | None:
    """The view of a split that keeps images by this filter; None where no view does, or no filter is given.

    Args:
        wanted: The filter of the view that is to be compared.
        reference: The split to look in. In the split of that view there is no twin: it would be the view
            itself, and the gap 0.
    """
    if wanted is None or wanted.content_sha256 == reference.record.content_sha256:
        return None
    names = (
        name
        for name, view in sorted(reference.views.items())
        if is_filtered_alike(wanted, make_quality_filter(reference, view))
    )
    return next((name for name in names if _has_images(reference, name)), None)


def _has_images(split: Split, view: str) -> bool:
    try:
        apply_view(split, view)
    except (DataError, InputError):
        # A bound that no image reaches, or a column with gaps: nothing to compare with.
        return False
    return True
