"""How the images of a split were made, read from manifests."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import JsonValue

from imagenet_g.benchmark.catalogue.catalogue import find_release
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.lineage.origins import ScoreFilter, read_origin
from imagenet_g.benchmark.models.packaged import find_packaged_model
from imagenet_g.benchmark.records import SplitOrigin
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.releases import read_split_origin

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
PARTS = ("unet", "vae", "text_encoder", "image_encoder")


def read_shipped(ref: str) -> SplitOrigin:
    """The origin of a split of the embedded edition."""
    parsed = parse_split_ref(ref)
    return read_split_origin(load_manifest(find_release(parsed, {})), parsed.name, "0" * 64)


@pytest.mark.parametrize(
    ("ref", "generators", "roles"),
    [
        ("mini/real", ("imagenet_g.generation.composites:make_generator",), ["filter"]),
        ("mini/renditions", (), []),
        ("mini/sd-l", ("packaged:mini-sd",), ["filter", "text-encoder"]),
        ("mini/sd-i", ("packaged:mini-sd",), ["filter", "image-encoder"]),
        ("mini-v2/sd-l", ("packaged:mini-sd", "packaged:mini-sd-2"), ["filter", "text-encoder"]),
    ],
)
def test_each_split_has_an_origin_of_its_own(ref: str, generators: tuple[str, ...], roles: list[str]) -> None:
    """One release holds composites, drawings, and images of a generator."""
    origin = read_shipped(ref)
    assert (origin.generators, [model.role for model in origin.models]) == (generators, roles)


@pytest.mark.parametrize("generators", [None, (), ("packaged:mini-sd",)])
def test_corrupted_images_were_drawn_by_what_drew_their_sources(generators: tuple[str, ...] | None) -> None:
    """Nothing is known of these where nothing was of those."""
    names: JsonValue = None if generators is None else list(generators)
    made: JsonValue = {"sources": {"ref": "mini/real"}, "generators": names}
    found = read_origin({"kind": "corrupted", "recipe": made}, (), released=None)
    assert (found.generators, found.sources) == (generators, "mini/real")


def test_images_made_from_real_ones_name_their_source() -> None:
    """Image variation reads them."""
    assert (read_shipped("mini/sd-i").sources, read_shipped("mini/sd-l").sources) == ("mini/real", None)


def test_the_file_of_an_encoder_is_found_by_its_hash() -> None:
    """As the manifest records it."""
    path = find_packaged_model("mini-sd", "diffusers") / "text_encoder" / "model.safetensors"
    assert read_shipped("mini/sd-l").models[1].file_sha256 == hash_file(path)


def test_a_part_from_another_repository_counts_where_it_draws() -> None:
    """A network does; an autoencoder and a text encoder do not."""
    parts: JsonValue = {
        name: {"repo": f"org/{name}"} for name in ("unet", "vae", "text_encoder", "image_encoder")
    }
    origin = read_origin({"recipe": {"generator": {"repo": SD15, "parts": parts}}}, [], released=None)
    assert origin.generators == (SD15, "org/unet")


def test_upscalers_and_nested_pipelines_count() -> None:
    """Every stage draws."""
    stages: JsonValue = {"repo": SD15, "upscalers": [{"repo": "org/up"}], "background": {"repo": "org/scene"}}
    origin = read_origin({"recipe": {"generator": stages}}, [], released=None)
    assert origin.generators == (SD15, "org/up", "org/scene")


def test_the_reward_of_captions_is_a_model_behind_the_images() -> None:
    """They were chosen to be far from the class by it."""
    card: JsonValue = {"clip": {"spec": "open_clip:a", "revision": None, "weights_sha256": "1" * 64}}
    origin = read_origin({"captions": {"card": card}}, [], released=None)
    assert [(one.role, one.spec, one.weights_sha256) for one in origin.models] == [
        ("reward", "open_clip:a", "1" * 64)
    ]


def test_a_filter_that_the_release_does_not_name_is_known_by_its_column() -> None:
    """Without a hash."""
    origin = read_origin({}, [ScoreFilter("far", "clip_score.vit", 0.3)], released=date(2026, 1, 2))
    assert (origin.models[0].spec, origin.models[0].weights_sha256) == ("clip_score.vit", None)
    assert origin.released == date(2026, 1, 2)


@pytest.mark.parametrize("recipe", [None, "by hand", ["by hand"], {}])
def test_without_a_recipe_nothing_is_known_of_the_generator(recipe: object) -> None:
    """That is not the same as none."""
    assert read_origin(recipe, [], released=None).generators is None  # type: ignore[arg-type]
