"""The generators inside the package, and the splits that ship with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from silent_verification import SilentListener

from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.packaged import find_packaged_model
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.training.records import load_record
from imagenet_g.generation.training.specs import load_training_spec
from imagenet_g.generation.verifying.regeneration import RegenerationSettings
from imagenet_g.generation.verifying.verify import VerifyRequest, run_verify

DATA = Path(__file__).parents[3] / "benchmark" / "data"
GENERATORS = (("mini-sd", "diffusers"), ("mini-sd-2", "diffusers-part"), ("mini-sd-3", "diffusers-part"))
DRAWN = tuple(f"{version}/{split}" for version in ("mini", "mini-v2") for split in ("sd-i", "sd-l", "sd-li"))


@pytest.mark.parametrize(("name", "library"), GENERATORS)
def test_a_shipped_generator_is_of_its_recipe(name: str, library: str) -> None:
    """Its record names the recipe that ships, and as many steps."""
    recipe = load_training_spec(name).diffusion
    record = load_record(find_packaged_model(name, library)).find_stage("diffusion")
    assert recipe is not None and record is not None
    assert record.recipe_sha256 == hash_json(recipe.model_dump(mode="json"))
    assert record.steps == recipe.schedule.steps


@pytest.mark.parametrize("name", ["mini-sd-3", "mini-sd-3-autoencoder"])
def test_every_stage_on_plain_drawings_has_a_recipe_that_ships(name: str) -> None:
    """So that the weights can be trained again; the stages before them are those of other generators."""
    recipes = [load_training_spec(recipe) for recipe in ("mini-sd-3-plain", "mini-sd-3")]
    stages = load_record(find_packaged_model(name, "diffusers-part")).stages
    found = [stage for stage in stages if stage.data["version"] == "mini-v3-train"]
    assert [stage.data["ref"] for stage in found] == [recipe.data for recipe in recipes]
    for stage, recipe in zip(found, recipes, strict=True):
        part = getattr(recipe, stage.stage)
        assert stage.recipe_sha256 == hash_json(part.model_dump(mode="json"))
        assert stage.steps == part.schedule.steps


@pytest.mark.parametrize(("name", "library"), GENERATORS)
def test_the_card_of_a_shipped_generator_says_whether_it_copies(name: str, library: str) -> None:
    """Beside the data that its last stage learnt from."""
    folder = find_packaged_model(name, library)
    record = load_record(folder).find_stage("diffusion")
    assert record is not None
    assert f"beside {record.data['ref']}\n" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("ref", [*DRAWN, "mini-v3/sd-l"])
def test_a_shipped_split_is_drawn_again_by_its_generator(ref: str) -> None:
    """One batch of its probe: the same pixels on the same kind of machine, nearly the same elsewhere."""
    version, _, split = ref.partition("/")
    settings = RegenerationSettings(device="cpu")
    request = VerifyRequest(release=DATA / version, splits=(split,), settings=settings, num_batches=1)
    report = run_verify(request, SilentListener())
    assert not report.damaged
    assert report.splits[0].level in ("R0", "R1")


def test_two_versions_of_a_split_differ_in_their_generator_alone() -> None:
    """The same classes, prompts and sources."""
    for split in ("sd-i", "sd-l", "sd-li"):
        first, second = (load_manifest(DATA / version).splits[split] for version in ("mini", "mini-v2"))
        assert first.class_indices == second.class_indices
        assert first.num_images == second.num_images
        assert first.views == second.views
