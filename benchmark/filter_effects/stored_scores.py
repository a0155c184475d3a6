"""The scores that a release stores of its images, and the filter that goes by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.filters.quality import is_same_scorer
from imagenet_g.benchmark.lineage.filter_kin import CLASS_SCORES
from imagenet_g.benchmark.splits.manifests import ThresholdView, list_parts
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFilter:
    """The filter of a release.

    Attributes:
        column: Of its scores.
        minimum: Its bound.
        scorer: The model that gave the scores; None for unknown.
    """

    column: str
    minimum: float
    scorer: str | None


def find_filter(split: Split, view: str | None) -> StoredFilter | None:
    """The filter behind a view of a split by a score; None where it has none.

    Of a view that combines several rules, the first score of how well the class is recognised is taken; of a
    view that is named and has no such score, its first score.

    Args:
        split: The split.
        view: The view's name; None for the first by name whose score is of how well the class is recognised.

    Raises:
        UnknownNameError: There is no such view, or it is not by a score.
    """
    filters: dict[str, ThresholdView] = {}
    for known, spec in split.views.items():
        scored = [part for part in list_parts(spec) if isinstance(part, ThresholdView)]
        # A view may ask for safe images, too: that score is none of the class.
        by_class = [part for part in scored if part.column.partition(".")[0] in CLASS_SCORES]
        if parts := by_class or (scored if known == view else []):
            filters[known] = parts[0]
    if view is not None and view not in filters:
        raise UnknownNameError("view by a score", view, sorted(filters), where=f"of '{split.record.ref}'")
    name = view or min(filters, default=None)
    if name is None:
        return None
    chosen = filters[name]
    scorer = split.scorers.get(chosen.column.partition(".")[2])
    return StoredFilter(
        column=chosen.column, minimum=chosen.minimum, scorer=None if scorer is None else scorer.model
    )


def find_alike(found: StoredFilter | None, split: Split, reference: Split) -> StoredFilter | None:
    """The filter, where the reference has scores of the same scorer; of another one they do not compare."""
    if found is None:
        return None
    name = found.column.partition(".")[2]
    ours, theirs = split.scorers.get(name), reference.scorers.get(name)
    # Without a hash two scorers of one name may be two models.
    known = ours is not None and ours.weights_sha256 is not None
    return found if known and is_same_scorer(ours, theirs) else None


def read_scores(split: Split, column: str, image_ids: Sequence[str]) -> FloatArray | None:
    """`(N,)` stored scores in the order of the ids; None where an image has none."""
    by_id = dict(zip(split.rows.image_ids, split.reader.read_column(column), strict=True))
    values = [np.nan if (value := by_id[one]) is None else value for one in image_ids]
    try:
        scores = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Column '{column}' of '{split.record.ref}' has values that are no numbers; a filter needs them."
        ) from error
    # All or none: an image without a score would drop out of every threshold without a word.
    return scores if np.isfinite(scores).all() else None
