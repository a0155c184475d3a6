"""Versions that are another one by another generator."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import CLASSES, TRANSFORMS, build, format_toml, make_spec, make_split, make_stage, write_spec
from image_sets import write_class_folders

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.extending import list_family_names, load_family
from imagenet_g.generation.specs.pins import pin_version_spec
from imagenet_g.generation.specs.pipeline_classes import find_pipeline_class
from imagenet_g.generation.specs.version import load_version_spec, parse_version_spec

Tiny = Callable[[str], Path]
V2 = 'schema_version = 1\nversion = "v2"\nextends = "v1"\ngenerator = "sdxl"\n'


@pytest.mark.parametrize("family", list_family_names())
def test_v2_with_the_three_strategies_of_v1_is_one_line(family: str) -> None:
    """The splits of v1 but for their generators, batches and titles."""
    v1, v2 = load_version_spec("v1"), parse_version_spec(V2.replace("sdxl", family), source="v2.toml")
    assert (v2.version, v2.status, list(v2.splits)) == ("v2", "draft", ["sd-l", "sd-i", "sd-li"])
    for name, split in v2.splits.items():
        changed = {key: getattr(split, key) for key in ("generator", "title", "batch_size")}
        assert v1.splits[name].model_copy(update=changed) == split
        assert v2.generators[split.generator].inputs == v1.generators[v1.splits[name].generator].inputs


@pytest.mark.parametrize("family", list_family_names())
def test_families_are_of_classes_that_diffusers_has_and_keep_something_of_a_source(family: str) -> None:
    """A flow model at full strength, or with no step left out, would draw from noise alone."""
    for generator in load_family(family).generators.values():
        assert isinstance(generator, DiffusersSpec)
        assert find_pipeline_class(generator.pipeline).__name__ == generator.pipeline
        if "image" not in generator.inputs or (family, generator.inputs) == ("sdxl", "prompt+image"):
            continue
        strength = generator.strength or generator.arguments["strength"]
        assert isinstance(strength, float) and generator.steps is not None
        assert int(generator.steps - generator.steps * strength) >= 1


def write_family(path: Path, tiny: Tiny, name: str, pipelines: tuple[str, str], **both: object) -> Path:
    """A family over one tiny pipeline."""
    empty = {"arguments": {"prompt": "", "strength": 0.5}, "guidance": 1.0, "source": TRANSFORMS["pil"]}
    mixed = {"strength": 0.5, "source": TRANSFORMS["pil"], **both}
    generators = {
        "a": make_stage(pipelines[0], tiny(name)),
        "a-i": make_stage(pipelines[1], tiny(name), inputs="image", **empty),
        "a-li": make_stage(pipelines[1], tiny(name), inputs="prompt+image", **mixed),
    }
    tables = {"schema_version": 1, "title": "Tiny", "license": "CC0-1.0", "batch_size": 2}
    lines = [f"{key} = {format_toml(value)}\n" for key, value in {**tables, "generators": generators}.items()]
    path.write_text("".join(lines))
    return path


def write_base(folder: Path, tiny: Tiny) -> Path:
    """A version with the three strategies of v1."""
    given = {"ref": f"folder:{write_class_folders(folder / 'sources', CLASSES, per_class=2)}"}
    image, empty = {"source": TRANSFORMS["pil"]}, {"arguments": {"prompt": ""}}
    generators = {
        "l": make_stage("StableDiffusionPipeline", tiny("sd")),
        "i": make_stage("StableDiffusionImg2ImgPipeline", tiny("sd"), inputs="image", **image, **empty),
        "li": make_stage("StableDiffusionImg2ImgPipeline", tiny("sd"), inputs="prompt+image", **image),
    }
    splits = {
        "sd-l": make_split("l", images_per_class=2),
        "sd-i": make_split("i", images_per_class=2, prompts=None, sources=given),
        "sd-li": make_split("li", images_per_class=2, sources=given),
    }
    for split in splits.values():
        if split["prompts"] is None:
            del split["prompts"]
    return write_spec(folder / "base.toml", make_spec(generators, splits))


@pytest.mark.parametrize(("name", "pipelines"), [
    ("sdxl", ("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline")),
    ("sd3", ("StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline")),
])  # fmt: skip
def test_a_version_is_built_by_another_generator_from_one_line(
    tiny: Tiny, tmp_path: Path, name: str, pipelines: tuple[str, str]
) -> None:
    """All three strategies; prompts and sources are those of the base, and no image is there twice."""
    family = write_family(tmp_path / "family.toml", tiny, name, pipelines)
    base, out = write_base(tmp_path, tiny), tmp_path / "out"
    words = ["build", "new", "--from", str(base), "--generator", str(family), "--no-scores"]
    assert main([*words, "--out", str(out)]) == 0
    manifest = load_manifest(out)
    assert (manifest.version, sorted(manifest.splits)) == ("new", ["sd-i", "sd-l", "sd-li"])
    build(load_version_spec(str(base)), tmp_path / "old")
    for split in manifest.splits:
        plans = [pq.read_table(root / "plan" / f"{split}.parquet") for root in (out, tmp_path / "old")]
        assert all(plans[0][key] == plans[1][key] for key in ("wnid", "prompt", "source_image_id"))
    made = pq.read_table(next((out / "data" / "sd-i").glob("*.parquet")))
    assert len(set(np.asarray(made["pixel_sha256"]).tolist())) == made.num_rows == 4


def test_pin_writes_the_new_version_and_its_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit for all generators of the family; the file is then a whole version."""
    path = tmp_path / "v2.toml"
    path.write_text(V2)
    pin_version_spec(str(path), resolve=lambda repo, revision: "a" * 40)
    assert path.read_text().startswith(V2)
    found = load_version_spec(str(path))
    assert {one.revision for made in found.generators.values() for one in made.all_repositories} == {"a" * 40}
    stable = path.read_text().replace('version = "v2"', 'version = "v2"\nstatus = "stable"')
    assert parse_version_spec(stable, source="v2").status == "stable"


def test_an_unpinned_version_says_how_to_pin_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the words that were typed."""
    words = ["build", "v2", "--from", "v1", "--generator", "sdxl", "--out", str(tmp_path / "v2")]
    assert main(words) == 2
    assert "imagenet-g build pin v2 --from v1 --generator sdxl" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new", "told"), [
    ('extends = "v1"', 'extends = "v2.toml"', "extends itself"),
    ('extends = "v1"', 'extends = "draft-dit"', "inputs = 'class', and 'sdxl' has generators for"),
    ('"v2"', '"v2"\nsplits = {}', "unknown key 'splits'"),
])  # fmt: skip
def test_extensions_that_cannot_be_read_are_refused(
    old: str, new: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key, the inputs or the circle."""
    monkeypatch.chdir(tmp_path)
    Path("v2.toml").write_text(V2.replace(old, new, 1))
    with pytest.raises(InputError, match=told):
        load_version_spec("v2.toml")


def test_an_unknown_family_is_named() -> None:
    """With those that there are."""
    with pytest.raises(UnknownNameError, match="sdlx"):
        parse_version_spec(V2.replace("sdxl", "sdlx"), source="v2.toml")


@pytest.mark.parametrize("name", ["v1", "v1-imagenet-100"])
def test_a_version_is_not_stable_before_it_is_pinned(name: str) -> None:
    """Two people could get two versions under one name."""
    from imagenet_g.generation.specs.version import find_version_spec

    text = find_version_spec(name).read_text()
    assert load_version_spec(name).status == "draft"
    with pytest.raises(InputError, match="status = 'stable' needs commits"):
        parse_version_spec(text.replace('status = "draft"', 'status = "stable"'), source=name)


def test_pins_stand_in_the_file_so_that_everybody_gets_one_version(tmp_path: Path) -> None:
    """v1 with the commits of its weights is stable for whoever reads the file, wherever branches move to."""
    from imagenet_g.generation.specs.pins import list_repositories
    from imagenet_g.generation.specs.version import find_version_spec

    path = Path(shutil.copy(find_version_spec("v1"), tmp_path / "v1.toml"))
    pin_version_spec(str(path), resolve=lambda repo, revision: hash_bytes(repo.encode())[:40])
    path.write_text(path.read_text().replace('status = "draft"', 'status = "stable"'))
    first = load_version_spec(str(path))
    assert {found.revision for found in list_repositories(first)} == {
        hash_bytes(name.encode())[:40]
        for name in (
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
            "lambdalabs/sd-image-variations-diffusers",
        )
    }
    # A branch that has moved since changes nothing: nothing is asked again.
    pin_version_spec(str(path), resolve=lambda repo, revision: "0" * 40)
    assert load_version_spec(str(path)) == first


def test_a_stable_version_names_no_folder_of_one_machine() -> None:
    """What lies in a folder is known to its owner alone; a shipped model is everybody's."""
    from imagenet_g.generation.specs.version import find_version_spec

    text = find_version_spec("draft-ldm").read_text().replace('status = "draft"', 'status = "stable"')
    with pytest.raises(InputError, match="'cin256-v2' is at 'local'"):
        parse_version_spec(text, source="ldm")
    text = find_version_spec("mini").read_text().replace('status = "draft"', 'status = "stable"')
    assert parse_version_spec(text, source="mini").status == "stable"


def test_families_have_the_settings_of_the_examples_of_diffusers() -> None:
    """Where its files say some; those that they do not say are named as unchecked in the families."""
    from diffusers.pipelines.flux import pipeline_flux, pipeline_flux_img2img

    from imagenet_g.generation.specs.pipeline_classes import find_call_defaults

    flux, qwen = load_family("flux-schnell").generators, load_family("qwen-image").generators
    for module in (pipeline_flux, pipeline_flux_img2img):
        assert "FLUX.1-schnell" in module.EXAMPLE_DOC_STRING
        assert re.search(r"num_inference_steps=4,.* guidance_scale=0\.0", module.EXAMPLE_DOC_STRING)
    tables = [one.model_dump() for one in flux.values()]
    assert {(one["steps"], one["guidance"], one["dtype"]) for one in tables} == {(4, 0.0, "bfloat16")}
    defaults = find_call_defaults("QwenImagePipeline")
    table = qwen["qwen-image"].model_dump()
    assert (table["steps"], table["arguments"]["true_cfg_scale"]) == (
        defaults["num_inference_steps"], defaults["true_cfg_scale"],
    )  # fmt: skip
