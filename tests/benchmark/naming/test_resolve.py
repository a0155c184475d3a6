"""Short names resolve to the usual checkpoint, by a pure rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.naming.offered import (
    PretrainedName,
    list_timm_weights,
    list_torchvision_tags,
    load_aliases,
    natural_key,
)
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import ModelSpec, parse_model_spec
from imagenet_g.benchmark.naming.tagged_names import resolve_tagged_name
from imagenet_g.benchmark.naming.timm_names import is_trained_on_imagenet_1k, resolve_timm_name

OFFERED = (
    PretrainedName("alpha50.a1_in1k", 1000, True),
    PretrainedName("alpha50.tv_in1k", 1000, False),
    PretrainedName("alpha101_4d.ssl_yfcc_ft_in1k", 1000, True),
    PretrainedName("alpha101_8d.tv_in1k", 1000, True),
    PretrainedName("alpha101_16d.tv_in1k", 1000, True),
    PretrainedName("beta_base.in21k", 21841, True),
    PretrainedName("beta_base.in1k", 1000, False),
    PretrainedName("betamax_base.in1k", 1000, True),
)
ARCHITECTURES = (
    "alpha50",
    "alpha101_4d",
    "alpha101_8d",
    "alpha101_16d",
    "beta_base",
    "betamax_base",
    "gamma",
)


@pytest.mark.parametrize(
    ("typed", "resolved"),
    [
        ("timm:resnext101", "timm:resnext101_32x8d.tv_in1k"),
        ("timm:resnet50", "timm:resnet50.a1_in1k"),
        ("timm:ResNet-50", "timm:resnet50.a1_in1k"),
        ("timm:resnet50.tv2_in1k", "timm:resnet50.tv2_in1k"),
        ("timm:vit_base", "timm:vit_base_patch16_224.augreg2_in21k_ft_in1k"),
        ("timm:densenet", "timm:densenet121.ra_in1k"),
        ("timm:wide_resnet50", "timm:wide_resnet50_2.racm_in1k"),
        ("timm:hf-hub:timm/some_model", "timm:hf-hub:timm/some_model"),
        ("timm:local-dir:/a/b", "timm:local-dir:/a/b"),
        ("open_clip:ViT-B-32", "open_clip:ViT-B-32-quickgelu/openai"),
        ("open_clip:ViT-B/32", "open_clip:ViT-B-32-quickgelu/openai"),
        ("open_clip:vit-b-32/laion2b-s34b-b79k", "open_clip:ViT-B-32/laion2b_s34b_b79k"),
        ("open_clip:hf-hub:org/name", "open_clip:hf-hub:org/name"),
        ("torchvision:resnet50", "torchvision:resnet50/IMAGENET1K_V2"),
        ("torchvision:ResNet50/imagenet1k_v1", "torchvision:resnet50/IMAGENET1K_V1"),
        ("torchvision:resnet50/DEFAULT", "torchvision:resnet50/IMAGENET1K_V2"),
        ("wheel:efficientnet-lite0", "wheel:efficientnet-lite0"),
        ("python:a.b:make", "python:a.b:make"),
    ],
)
def test_names_resolve_to_what_is_meant(typed: str, resolved: str) -> None:
    """On the names of the installed libraries, without a network."""
    assert str(resolve_model_spec(parse_model_spec(typed)).spec) == resolved


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("timm:rsnet50", "resnet50"),
        ("timm:resnet50.a1_in2k", "a1_in1k"),
        ("open_clip:ViT-B-33/openai", "ViT-B-32"),
        ("open_clip:ViT-B-32/openia", "openai"),
        ("torchvision:resnet5", "resnet50"),
        ("torchvision:resnet50/IMAGENET1K_V3", "IMAGENET1K_V2"),
        ("wheel:efficientnet-lite3", "efficientnet-lite2"),
    ],
)
def test_unknown_names_get_did_you_mean(typed: str, suggestion: str) -> None:
    """The nearest known names are offered."""
    with pytest.raises(UnknownNameError) as caught:
        resolve_model_spec(parse_model_spec(typed))
    assert suggestion in caught.value.suggestions


def test_quantized_torchvision_models_are_not_offered() -> None:
    """They run on the CPU only, in other arithmetic."""
    assert not [name for name in list_torchvision_tags() if "quantized" in name]


def test_torchvision_weights_without_a_classifier_are_not_offered() -> None:
    """vgg16's feature weights have an untrained head."""
    assert list_torchvision_tags()["vgg16"] == ("IMAGENET1K_V1",)


@pytest.mark.parametrize("typed", ["timm:botnet50ts_256", "open_clip:ViT-S-16"])
def test_an_architecture_without_weights_asks_for_a_checkpoint(typed: str) -> None:
    """Random weights are never scored by accident."""
    with pytest.raises(ModelError, match="--checkpoint"):
        resolve_model_spec(parse_model_spec(typed))
    assert str(resolve_model_spec(parse_model_spec(typed), own_weights=True).spec) == typed


def test_own_weights_are_not_taken_for_a_pretrained_tag() -> None:
    """`open_clip:ViT-B-32 --checkpoint` means the architecture, not OpenAI's weights."""
    spec = resolve_model_spec(parse_model_spec("open_clip:ViT-B-32"), own_weights=True).spec
    assert spec == ModelSpec("open_clip", "ViT-B-32", None)


def test_the_choice_is_said_with_its_alternatives() -> None:
    """One line names the pick and the rest."""
    line = resolve_model_spec(parse_model_spec("timm:resnext101")).format_choice("timm:resnext101")
    assert line.startswith("'timm:resnext101' resolves to 'timm:resnext101_32x8d.tv_in1k'")
    assert "timm:resnext101_64x4d.c1_in1k" in line


def test_a_full_name_leaves_nothing_to_say() -> None:
    """No chatter where nothing was left open."""
    assert resolve_model_spec(parse_model_spec("timm:resnet50.a1_in1k")).format_choice("x") == ""


def test_every_alias_leads_to_weights_with_a_head_of_1000() -> None:
    """The reviewed table does not rot."""
    offered = {weights.name: weights for weights in list_timm_weights()}
    for alias in load_aliases():
        resolved = resolve_model_spec(ModelSpec("timm", alias, None)).spec.name
        assert offered[resolved].num_outputs == 1000, alias


@pytest.mark.parametrize(
    ("typed", "resolved"),
    [
        ("alpha50", "alpha50.a1_in1k"),
        ("alpha50.tv_in1k", "alpha50.tv_in1k"),
        ("alpha101", "alpha101_8d.tv_in1k"),
        ("ALPHA_50", "alpha50.a1_in1k"),
        ("beta_base", "beta_base.in1k"),
        ("a", "alpha101_8d.tv_in1k"),
    ],
)
def test_the_rule_on_a_small_table(typed: str, resolved: str) -> None:
    """Default of 1000 first, then ImageNet-1k alone, then the lowest number."""
    assert resolve_timm_name(typed, OFFERED, ARCHITECTURES, {"a": "alpha101_8d"}).name == resolved


def test_a_family_ends_at_a_word_boundary() -> None:
    """`beta` is not betamax."""
    with pytest.raises(UnknownNameError, match="timm model 'betam'"):
        resolve_timm_name("betam", OFFERED, ARCHITECTURES, {})


@given(st.sampled_from(OFFERED), st.permutations(OFFERED))
def test_a_full_name_resolves_to_itself_in_any_order(
    weights: PretrainedName, offered: list[PretrainedName]
) -> None:
    """Nothing in the table can shadow an exact name."""
    assert resolve_timm_name(weights.name, offered, ARCHITECTURES, {}).name == weights.name


@given(st.text(max_size=20), st.permutations(OFFERED))
def test_any_text_resolves_to_an_offered_name_or_a_clear_error(
    typed: str, offered: list[PretrainedName]
) -> None:
    """No input crashes the rule, and the order of the table does not matter to families."""
    try:
        resolved = resolve_timm_name(typed, offered, ARCHITECTURES, {})
    except (UnknownNameError, ModelError):
        return
    assert resolved.name in {weights.name for weights in OFFERED}


@given(st.text(max_size=12), st.none() | st.text(max_size=12))
def test_any_tagged_name_resolves_to_an_offered_pair_or_a_clear_error(name: str, tag: str | None) -> None:
    """No input crashes the rule for open_clip and torchvision."""
    tags = {"Net-B": ("one", "two"), "Net-C": ()}
    try:
        spec = resolve_tagged_name(ModelSpec("open_clip", name, tag), tags).spec
    except (UnknownNameError, ModelError):
        return
    assert spec.weights in tags[spec.name]


@pytest.mark.parametrize(
    ("tag", "alone"),
    [
        ("tv_in1k", True), ("in1k", True), ("r160_in1k", True), ("fb_in22k_ft_in1k", False),
        ("augreg2_in21k_ft_in1k", False), ("ns_jft_in1k", False), ("fb_ssl_yfcc100m_ft_in1k", False),
        ("fb_dist_in1k", False), ("in21k", False), ("openai", False), ("", False),
    ],
)  # fmt: skip
def test_tags_tell_imagenet_1k_alone(tag: str, alone: bool) -> None:
    """Further data or a teacher in the tag counts against it."""
    assert is_trained_on_imagenet_1k(tag) is alone


def test_numbers_in_names_sort_by_value() -> None:
    """32x4d, 32x8d, 32x16d."""
    assert sorted(["r_32x16d", "r_32x4d", "r_32x8d"], key=natural_key) == ["r_32x4d", "r_32x8d", "r_32x16d"]
