"""Filters compared whole: measure, rule, bound, and the model that scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from filter_cases import VIEW, make_answers, open_split

from imagenet_g.benchmark.filters.quality import (
    QualityFilter,
    describe_filter,
    find_quality_filter,
    is_filtered_alike,
    make_quality_filter,
)
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.evidence import select_view
from imagenet_g.benchmark.records import PublishedAccuracy
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.splits.manifests import EqualsView, ScorerRecord, SplitManifest, ThresholdView
from imagenet_g.benchmark.splits.references import parse_split_ref

MINI = ScorerRecord(model="open_clip:packaged:mini-clip", weights_sha256="a" * 64, text="a photo of a {c}")


def score(split: str, reference: str) -> Entry:
    """The entry of a split against a reference, each with its view."""
    found = []
    for text in (split, reference):
        ref = parse_split_ref(text)
        whole = make_answers(ref.base)
        found.append(whole if ref.view is None else select_view(whole, open_split(ref.base), ref.view))
    return make_entry(found[0], reference=found[1], published=())


def make_filter(**changes: Any) -> QualityFilter:
    """A CLIP score of at least 0.6 under `MINI`, in a column of some split."""
    found = QualityFilter(
        measure="clip_score",
        rule="at least",
        value=0.6,
        column="clip_score.mini-clip",
        scorer=MINI,
        content_sha256="1" * 64,
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("split", "reference", "alike"),
    [
        ("mini-v2/sd-l", "mini/real", True),
        ("mini-v2/sd-l", f"mini/real:{VIEW}", False),
        (f"mini-v2/sd-l:{VIEW}", "mini/real", False),
        (f"mini-v2/sd-l:{VIEW}", f"mini/real:{VIEW}", True),
        ("mini/renditions:noto", "mini/real", True),
        ("mini/renditions:noto", f"mini/real:{VIEW}", False),
        ("mini/renditions:noto-drawn-104", "mini/real", True),
        ("mini-v2/sd-l:imagenet-r", "mini/real:imagenet-r", True),
        ("mini-v2/sd-l:imagenet-r", f"mini/real:{VIEW}", False),
    ],
)
def test_a_gap_is_of_like_with_like_only_where_both_sets_passed_one_filter(
    split: str, reference: str, alike: bool
) -> None:
    """In both directions, across releases, and through views that keep images of any quality."""
    assert score(split, reference).gaps[0].reference.filtered_alike is alike


def test_the_warning_states_both_filters() -> None:
    """The reader sees which side is filtered, by what, and against which reference."""
    told = " ".join(score("mini-v2/sd-l", f"mini/real:{VIEW}").warnings)
    assert "The split is not filtered" in told
    assert f"'mini/real:{VIEW}' is filtered by clip_score.mini-clip of at least 0.6 (open_clip:" in told
    assert "weights f8241b65" in told


def test_a_published_accuracy_is_of_unfiltered_images() -> None:
    """Its images passed no score, whatever the split's did."""
    whole = make_answers("mini-v2/sd-l")
    figure = PublishedAccuracy(set="imagenet-val", class_set="all", top1=0.8, n=50_000, source="timm")
    found = [
        make_entry(evidence, reference=None, published=[figure]).gaps[0].reference.filtered_alike
        for evidence in (whole, select_view(whole, open_split("mini-v2/sd-l"), VIEW))
    ]
    assert found == [True, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": "label_margin", "column": "label_margin.mini-clip"},
        {"rule": "equal to", "value": "0.6"},
        {"value": 0.601},
        {"scorer": None},
        {"scorer": MINI.model_copy(update={"weights_sha256": "b" * 64})},
        {"scorer": MINI.model_copy(update={"weights_sha256": None})},
        {"scorer": MINI.model_copy(update={"text": "a drawing of a {c}"})},
        {"scorer": MINI.model_copy(update={"preprocessing": "Resize(32)"})},
    ],
)
def test_a_filter_that_differs_in_anything_is_another_one(changes: dict[str, Any]) -> None:
    """Each part alone; the other set's column lies in other images."""
    assert not is_filtered_alike(make_filter(), make_filter(content_sha256="2" * 64, **changes))


def test_a_scorer_counts_by_its_weights_and_not_by_its_name() -> None:
    """Who builds a release names the column and the folder of the weights."""
    renamed = MINI.model_copy(update={"model": "open_clip:local-dir:other"})
    other = make_filter(column="clip_score.other", scorer=renamed, content_sha256="2" * 64)
    assert is_filtered_alike(make_filter(), other)


def test_a_result_of_version_1_is_recomputed_by_its_own_rule() -> None:
    """It asked of the split alone, and said so in its own words."""
    whole = {ref: make_answers(ref) for ref in ("mini-v2/sd-l", "mini/real")}
    kept = {ref: select_view(evidence, open_split(ref), VIEW) for ref, evidence in whole.items()}
    pairs = [(whole, kept), (kept, whole), (kept, kept)]
    entries = [
        make_entry(a["mini-v2/sd-l"], reference=b["mini/real"], published=(), statistics=1) for a, b in pairs
    ]
    assert [entry.gaps[0].reference.filtered_alike for entry in entries] == [True, False, True]
    assert "The split is filtered by a score and the reference is not." in entries[1].warnings


def test_an_unknown_scorer_is_the_same_only_in_one_column() -> None:
    """Two views of one split share the column; nothing shows that two splits do."""
    unknown = make_filter(scorer=None)
    assert is_filtered_alike(unknown, make_filter(scorer=None))
    assert not is_filtered_alike(unknown, make_filter(scorer=None, content_sha256="2" * 64))


@pytest.mark.parametrize(
    ("view", "filtered"),
    [
        (EqualsView(column="label_rank.mini-clip", value="0"), True),
        (EqualsView(column="is_flat", value="False"), True),
        (EqualsView(column="hand", value="noto"), False),
        (ThresholdView(column="beauty", minimum=5.0), True),
    ],
)
def test_what_a_scorer_ranks_first_is_filtered_and_what_shows_one_hand_is_not(
    view: EqualsView | ThresholdView, filtered: bool
) -> None:
    """A top-1 filter is written as an equality on the rank of the label."""
    assert (make_quality_filter(open_split("mini/real"), view) is not None) is filtered


def test_a_recipe_by_other_means_has_no_scorers() -> None:
    """What it states in another form is unknown, and no error."""
    for recipe in (None, "by hand", {"scorers": ["mini-clip"]}, {"scorers": {"mini-clip": "its file"}}):
        described = SplitManifest(files=(), num_images=0, class_indices=(), views={}, recipe=recipe)
        assert described.list_scorers() == {}
    odd = SplitManifest(
        files=(), num_images=0, class_indices=(), views={}, recipe={"scorers": {"b": {"weights_sha256": "x"}}}
    )
    assert odd.list_scorers() == {"b": ScorerRecord(model=None, weights_sha256=None)}


def test_a_whole_split_has_no_filter() -> None:
    """Nor has a view by class."""
    assert find_quality_filter(open_split("mini/real"), None) is None
    assert find_quality_filter(open_split("mini/real"), "imagenet-r") is None
    assert describe_filter(find_quality_filter(open_split("mini/real"), None)) == "not filtered"


def test_a_filter_keeps_the_images_of_its_view() -> None:
    """The figures that the gap is made of: 1004 of 1040 real images."""
    whole = make_answers("mini/real")
    kept = select_view(whole, open_split("mini/real"), VIEW)
    assert (len(kept.predictions), kept.quality_filter is not None) == (1004, True)
    assert np.isin(kept.predictions.image_ids, whole.predictions.image_ids).all()
