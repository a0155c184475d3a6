"""The tables of training sets, families of generators and known encoders."""

from __future__ import annotations

import re

import open_clip
import pytest
from safetensors.torch import load_file

from imagenet_g.benchmark.fingerprints.towers import hash_tower
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.lineage.families import find_family, load_families, normalize_generator
from imagenet_g.benchmark.lineage.roles import load_known_encoders
from imagenet_g.benchmark.lineage.training_sets import (
    find_last_day,
    find_published_data,
    find_tag_set,
    load_table,
    load_training_sets,
)
from imagenet_g.benchmark.models.packaged import find_packaged_model
from imagenet_g.benchmark.splits.registry import load_versions

TAGS = sorted({tag for _, tag in open_clip.list_pretrained()})


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_of_open_clip_has_a_training_set_or_says_unknown(tag: str) -> None:
    """A new version of open_clip brings tags that somebody must look up."""
    unknown = {row.tag for row in load_table().unknown}
    assert (find_tag_set(tag) is not None) != (tag in unknown)


def test_every_pattern_of_a_tag_fits_one_that_open_clip_has() -> None:
    """One that fits none is misspelt."""
    dead = [
        pattern
        for spec in load_table().set
        for pattern in spec.open_clip
        if not any(re.fullmatch(pattern.replace("*", ".*"), tag) for tag in TAGS)
    ]
    assert dead == []


def test_every_row_has_its_source() -> None:
    """And no name twice."""
    assert all(spec.source for spec in load_training_sets().values())
    assert all(family.source for family in load_families())
    assert len(load_training_sets()) == len(load_table().set)


@pytest.mark.parametrize(
    ("spec", "data"),
    [
        ("open_clip:ViT-B-32-256/datacomp_s34b_b86k", "datacomp-1b"),
        ("open_clip:ViT-B-32/datacomp_s_s13m_b4k", "datacomp"),
        ("open_clip:ViT-B-16-SigLIP/webli", "webli"),
        ("open_clip:nllb-clip-base/v1", None),
        ("open_clip:hf-hub:someone/laion2b_e16", None),
        ("open_clip:ViT-B-32/laion2b_e16+checkpoint", None),
        ("timm:vit_base_patch16_clip_224.openai_ft_in1k", "openai + imagenet-1k"),
        ("timm:vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", None),
        ("timm:resnet50.a1_in1k", None),
    ],
)
def test_a_published_name_says_what_its_weights_saw(spec: str, data: str | None) -> None:
    """Weights of the user's own, and sets without a date, are unknown."""
    assert find_published_data(spec) == data


def test_a_training_of_which_one_set_is_unknown_has_no_last_day() -> None:
    """The unknown set may be newer."""
    assert find_last_day("laion-2b + my own") is None
    assert find_last_day("my own") is None


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("CompVis/stable-diffusion-v1-4", "stable-diffusion-1"),
        ("Stable Diffusion 1.5", "stable-diffusion-1"),
        ("SimianLuo/LCM_Dreamshaper_v7", "stable-diffusion-1"),
        ("latent-consistency/lcm-lora-sdv1-5", "stable-diffusion-1"),
        ("lambdalabs/sd-image-variations-diffusers", "stable-diffusion-1"),
        ("hbXNov/ucla-mint-finetune-sd-im1k", "stable-diffusion-1"),
        ("XCLIU/instaflow_0_9B_from_sd_1_5", "stable-diffusion-1"),
        ("stabilityai/sd-turbo", "stable-diffusion-2"),
        ("stabilityai/stable-diffusion-2-1-base", "stable-diffusion-2"),
        ("stabilityai/sdxl-turbo", "stable-diffusion-xl"),
        ("ByteDance/SDXL-Lightning", "stable-diffusion-xl"),
        ("stabilityai/stable-diffusion-3.5-large", "stable-diffusion-3"),
        ("black-forest-labs/FLUX.1-schnell", "flux-1"),
        ("PixArt-alpha/PixArt-XL-2-512x512", "pixart"),
        ("packaged:mini-sd-2", "mini-sd"),
        ("stable-diffusion", None),
        ("my-own-gan", None),
    ],
)
def test_the_family_of_a_generator_follows_from_its_name(name: str, family: str | None) -> None:
    """A name that does not say which version is of no known family."""
    found = find_family(name)
    assert (None if found is None else found.name) == family


def test_no_name_is_of_two_families() -> None:
    """Neither by its whole name nor by a pattern."""
    for family in load_families():
        assert all(member == normalize_generator(member) for member in family.members), family.name
        assert all(find_family(member) is family for member in family.members), family.name


def test_every_generator_of_a_known_version_has_a_family() -> None:
    """Otherwise kin of it would be unknown."""
    names = [name for spec in load_versions().values() for name in spec.generators]
    assert [name for name in names if find_family(name) is None] == []


def test_known_encoders_are_those_of_the_shipped_generator() -> None:
    """Their hashes follow from the files."""
    folder = find_packaged_model("mini-sd", "diffusers")
    text, image = (folder / name / "model.safetensors" for name in ("text_encoder", "image_encoder"))
    assert {row.file: row.tower for row in load_known_encoders().encoder} == {
        hash_file(text): hash_tower(load_file(text), "text"),
        hash_file(image): hash_tower(load_file(image), "image"),
    }


def test_known_clips_are_those_of_the_shipped_models() -> None:
    """Results older than towers have their weights' hash alone."""
    model = open_clip.create_model(f"local-dir:{find_packaged_model('mini-clip', 'open_clip')}")
    state = model.state_dict()
    towers = {row.weights: (row.text, row.image) for row in load_known_encoders().clip}
    assert towers == {hash_state_dict(state): (hash_tower(state, "text"), hash_tower(state, "image"))}
