"""What a release filters by: its views over a scorer's columns, and the models behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.filters.quality import SCORES, is_same_scorer
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    EqualsView,
    Manifest,
    ScorerRecord,
    ThresholdView,
    ViewSpec,
    list_parts,
)

# Of the image an image was made from: real images have none.
_NEEDS_SOURCE = ("source_similarity", "other_similarity")
_WITHOUT_SOURCE = tuple(measure for measure in SCORES if measure not in _NEEDS_SOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFilters:
    """The filters of a release, or of one split of it.

    Attributes:
        like: "v1" or "v1/sd-l".
        scorers: The models, by the name that ends their columns.
        views: Views over these columns, by name.
    """

    like: str
    scorers: Mapping[str, ScorerRecord]
    views: Mapping[str, ViewSpec]


def list_filters(manifest: Manifest, split: str | None) -> ReleaseFilters:
    """The filters of a release, the same for all its splits, or those of one split.

    Args:
        manifest: The release's.
        split: One of its splits; None for all of them.

    Raises:
        InputError: It has no such view, or its splits mean different filters by one name.
        UnknownNameError: It has no such split.
    """
    if split is not None and split not in manifest.splits:
        known = [f"{manifest.version}/{name}" for name in manifest.splits]
        raise UnknownNameError("split", f"{manifest.version}/{split}", known)
    like = manifest.version if split is None else f"{manifest.version}/{split}"
    scorers: dict[str, ScorerRecord] = {}
    views: dict[str, ViewSpec] = {}
    for name in manifest.splits if split is None else [split]:
        known_scorers = manifest.splits[name].list_scorers()
        for view_name, view in _list_scored_views(manifest.splits[name].views, known_scorers).items():
            own = {scorer: known_scorers[scorer] for scorer in _find_scorers(view)}
            same = all(_is_one(scorers.setdefault(scorer, record), record) for scorer, record in own.items())
            if views.setdefault(view_name, view) != view or not same:
                raise InputError(
                    f"The splits of '{like}' mean different filters by '{view_name}'. Name one of them, such "
                    f"as --like {like}/{name}."
                )
    if not views:
        raise InputError(
            f"'{like}' has no view that a scorer's column decides, so there is nothing to filter by. "
            "'imagenet-g splits' lists the views of each release."
        )
    return ReleaseFilters(like=like, scorers=scorers, views=views)


def _is_one(first: ScorerRecord, other: ScorerRecord) -> bool:
    return first is other or is_same_scorer(first, other)


def _list_scored_views(
    views: Mapping[str, ViewSpec], scorers: Mapping[str, ScorerRecord]
) -> dict[str, ViewSpec]:
    """Views of which scorers decide every part, and none needs a source."""
    return {
        name: view
        for name, view in views.items()
        if not any(isinstance(part, ClassView) for part in list_parts(view))
        and set(_find_scorers(view)) <= set(scorers)
        and not {column.partition(".")[0] for column in _list_columns(view)} - set(_WITHOUT_SOURCE)
    }


def _list_columns(view: ViewSpec) -> tuple[str, ...]:
    return tuple(part.column for part in list_parts(view) if isinstance(part, ThresholdView | EqualsView))


def _find_scorers(view: ViewSpec) -> tuple[str, ...]:
    return tuple(column.partition(".")[2] for column in _list_columns(view))
