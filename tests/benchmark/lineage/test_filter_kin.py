"""What a model has in common with the filter of a split."""

from __future__ import annotations

import pytest

from factories import make_model_record
from imagenet_g.benchmark.lineage.filter_kin import find_filter_kinship
from imagenet_g.benchmark.lineage.roles import load_known_encoders
from imagenet_g.benchmark.records import ModelRecord, OriginModel, SplitOrigin

FILTER = "a" * 64


def make_origin(spec: str = "open_clip:ViT-B-32/openai", weights: str | None = FILTER) -> SplitOrigin:
    """A split with one filtered view."""
    part = OriginModel(
        role="filter", spec=spec, weights_sha256=weights, view="clip-filtered", detail="at least 0.3"
    )
    return SplitOrigin(generators=(), models=(part,), sources=None, released=None)


def make_model(spec: str, weights: str = "b" * 64, data: str | None = None) -> ModelRecord:
    """A model with its training data."""
    return make_model_record(spec, weights).model_copy(update={"training_data": data})


def test_equal_weights_are_the_filter_under_any_name() -> None:
    """Whichever view is looked at: the whole split names its filters too."""
    found = find_filter_kinship(make_model("python:mine:build", FILTER), make_origin())
    assert found.relation == "is-filter"
    assert "at least 0.3" in found.reason


@pytest.mark.parametrize(
    ("spec", "data", "relation"),
    [
        ("open_clip:ViT-L-14/openai", None, "kin"),
        ("timm:vit_base_patch16_clip_224.openai_ft_in1k", None, "kin"),
        ("open_clip:ViT-B-16/laion2b_s34b_b88k", None, "other"),
        ("timm:resnet50.a1_in1k", "imagenet-1k", "other"),
    ],
)
def test_kin_are_models_of_the_same_training_set(spec: str, data: str | None, relation: str) -> None:
    """ImageNet-1k, which most classifiers share, makes no kin."""
    assert find_filter_kinship(make_model(spec, data=data), make_origin()).relation == relation


def test_a_filter_of_unrecorded_weights_leaves_clips_unknown() -> None:
    """And says what is lacking."""
    found = find_filter_kinship(make_model("open_clip:RN50/yfcc15m"), make_origin(weights=None))
    assert found.relation == "unknown"
    assert "does not record the weights" in found.reason


def test_without_an_origin_nothing_is_claimed() -> None:
    """A folder of images says nothing of how they were chosen."""
    assert find_filter_kinship(make_model("timm:resnet50.a1_in1k"), None).relation == "unknown"


def test_a_release_without_a_filter_makes_no_kin() -> None:
    """There is nothing to resemble."""
    origin = SplitOrigin(generators=(), models=(), sources=None, released=None)
    assert find_filter_kinship(make_model("timm:resnet50.a1_in1k"), origin).relation == "other"


def test_a_filter_by_safety_makes_no_kin() -> None:
    """The class has no part in its score, so that it favours no model's recognition."""
    part = make_origin().models[0].model_copy(update={"detail": "safe_probability.nsfw of at least 0.8"})
    origin = SplitOrigin(generators=(), models=(part,), sources=None, released=None)
    assert find_filter_kinship(make_model("python:mine:build", FILTER), origin).relation == "other"


def test_a_shared_tower_makes_kin() -> None:
    """A classifier on the filter's image side sees what it sees."""
    row = load_known_encoders().clip[0]
    model = make_model("open_clip:own/x").model_copy(
        update={"towers": {"image": row.image, "text": "c" * 64}}
    )
    found = find_filter_kinship(model, make_origin("open_clip:own/y", row.weights))
    assert found.relation == "kin"
    assert "image side" in found.reason


def test_the_training_data_of_a_shipped_filter_are_known_without_its_record() -> None:
    """They ship with it; a name that does not ship, or a path, says nothing."""
    model = make_model("timm:packaged:mini-resnet-s", data="mini-train/real")
    found = find_filter_kinship(model, make_origin("open_clip:packaged:mini-clip"))
    assert found.relation == "kin"
    assert "mini-train/real" in found.reason
    for spec in ("open_clip:packaged:none", "open_clip:packaged:../models/mini-clip"):
        assert find_filter_kinship(model, make_origin(spec)).relation == "other"


def test_the_training_data_of_the_filter_are_read_from_its_own_record() -> None:
    """Its name alone says nothing of them."""
    origin, model = make_origin("open_clip:own/filter"), make_model("timm:own/a", data="own-photos")
    itself = make_model("open_clip:own/filter", FILTER, data="own-photos")
    assert find_filter_kinship(model, origin).relation == "other"
    assert find_filter_kinship(model, origin, known=[itself]).relation == "kin"
