"""Real pipeline classes of diffusers, with random weights, from spec to a release that is evaluated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from build_specs import (
    CLASSES,
    TRANSFORMS,
    build,
    kill_build,
    make_spec,
    make_split,
    make_stage,
    read_release,
    write_spec,
)
from datasets import ClassLabel, Image, load_dataset
from image_sets import write_class_folders

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.image_checks.watermarks import read_recorded
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.version import VersionSpec

Tiny = Callable[[str], Path]
SPLITS = ("sd-l", "sd-i", "sd-li", "if", "sdxl", "sd3", "dit")


def make_all_spec(tiny: Tiny, sources: Path) -> VersionSpec:
    """Every strategy, each with the pipeline class that v1 or a draft uses."""
    upscaler = {
        key: value
        for key, value in make_stage("IFSuperResolutionPipeline", tiny("if-superresolution")).items()
        if key not in ("kind", "inputs")
    }
    given = {"ref": f"folder:{sources}"}
    generators = {
        "sd": make_stage("StableDiffusionPipeline", tiny("sd"), clip_token_limit=77),
        "variation": make_stage(
            "StableDiffusionImageVariationPipeline",
            tiny("image-variation"),
            inputs="image",
            guidance=3.0,
            source=TRANSFORMS["clip"],
        ),
        "img2img": make_stage(
            "StableDiffusionImg2ImgPipeline",
            tiny("sd"),
            inputs="prompt+image",
            strength=1.0,
            source=TRANSFORMS["pil"],
        ),
        "if": make_stage("IFPipeline", tiny("if"), upscalers=[upscaler]),
        "sdxl": make_stage("AutoPipelineForText2Image", tiny("sdxl")),
        "sd3": make_stage("StableDiffusion3Pipeline", tiny("sd3")),
        "dit": make_stage("DiTPipeline", tiny("dit"), inputs="class"),
    }
    splits = {
        "sd-l": make_split("sd"),
        "sd-i": make_split("variation", prompts=None, sources=given),
        "sd-li": make_split("img2img", sources=given),
        "if": make_split("if"),
        "sdxl": make_split("sdxl"),
        "sd3": make_split("sd3"),
        "dit": make_split("dit", prompts=None),
    }
    return make_spec(generators, splits)


@pytest.fixture(scope="module")
def release(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All strategies in one release."""
    sources = write_class_folders(tmp_path_factory.mktemp("sources"), CLASSES, per_class=4)
    out = tmp_path_factory.mktemp("release")
    build(make_all_spec(tiny, sources), out)
    return out


@pytest.mark.parametrize("split", SPLITS)
def test_every_strategy_builds_a_split_that_datasets_reads(release: Path, split: str, tmp_path: Path) -> None:
    """Twelve images of three classes, 32 pixels, with Image and ClassLabel."""
    loaded = load_dataset(str(release), split, split="validation", cache_dir=str(tmp_path))
    assert isinstance(loaded.features["image"], Image)
    assert isinstance(loaded.features["label"], ClassLabel)
    assert [loaded.features["label"].int2str(label) for label in loaded["label"]] == sorted(CLASSES * 4)
    assert {image.size for image in loaded["image"]} == {(32, 32)}
    assert len(set(loaded["pixel_sha256"])) == 12


def test_evaluate_scores_every_strategy(release: Path, tmp_path: Path) -> None:
    """Through the ordinary command, by reference."""
    words = [word for split in SPLITS for word in ("--split", f"tiny/{split}")]
    command = ["evaluate", "--model", "python:toy_models:make_colour_model", "--data", f"tiny={release}"]
    code = main([*command, *words, "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")])
    result = json.loads(next((tmp_path / "out").glob("*/result.json")).read_text())
    assert code == 0
    assert [(entry["split"]["ref"], entry["n"]) for entry in result["entries"]] == [
        (f"tiny/{split}", 12) for split in SPLITS
    ]


def test_rows_of_sd_i_and_sd_li_name_their_sources(release: Path) -> None:
    """By id and by the hash of its pixels; others have none."""
    for split in SPLITS:
        rows = pq.read_table(release / f"data/{split}/validation-00000-of-00003.parquet").to_pylist()
        has_source = split in ("sd-i", "sd-li")
        assert all((row["source_image_id"] is not None) == has_source for row in rows)
        assert all((row["source_pixel_sha256"] is not None) == has_source for row in rows)


def test_the_manifest_says_whether_each_pipeline_marks_its_images(release: Path) -> None:
    """The XL pipeline does where a package is installed, and the tiny ones of IF have no watermarker."""
    splits = load_manifest(release).splits
    found = {split: read_recorded(splits[split].recipe)[0] for split in SPLITS}
    marked = {"sdxl": "marks"} if find_spec("imwatermark") is not None else {}
    assert found == dict.fromkeys(SPLITS, "does not mark") | marked


def test_the_manifest_records_what_made_the_images(release: Path) -> None:
    """Classes, scheduler configuration, defaults that applied, a hash of every weight file, no path."""
    recipe = parse_split_recipe(load_manifest(release), "sd-l")
    described: Any = recipe.generator
    planned: Any = recipe.recipe
    stage = described["stages"][0]
    assert stage["scheduler"]["class"] == "DDIMScheduler"
    assert stage["scheduler"]["config"]["beta_schedule"] == "scaled_linear"
    assert stage["defaults"]["guidance_scale"] == 7.5
    assert stage["components"]["unet"] == "UNet2DConditionModel"
    assert "unet/diffusion_pytorch_model.safetensors" in stage["files"]
    assert (stage["repo"], planned["generator"]["repo"]) == ("local/sd", "local/sd")
    assert str(release.parent) not in (release / "manifest.json").read_text()


def test_prompts_over_the_encoders_limit_are_counted(release: Path) -> None:
    """77 tokens of CLIP; unknown where the tokenizer is not CLIP's."""
    manifest = load_manifest(release)
    clip, other = (parse_split_recipe(manifest, name).prompts for name in ("sd-l", "if"))
    assert clip is not None and (clip.token_limit, clip.num_over_limit) == (77, 0)
    assert other is not None and other.num_over_limit is None


def test_a_build_killed_in_another_process_and_resumed_gives_the_same_bytes(
    tiny: Tiny, tmp_path: Path
) -> None:
    """Kill -9 at a random moment of the rendering; this process goes on, and the straight build ran in it."""
    split = make_split("sd", images_per_class=8, batch_size=2)
    spec = make_spec({"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}, {"sd-l": split},
                     rows_per_shard=2)  # fmt: skip
    path = write_spec(tmp_path / "tiny.toml", spec)
    build(spec, tmp_path / "straight")
    kill_build(path, tmp_path / "killed", after_shards=random.randint(1, 8))
    assert main(["build", str(path), "--out", str(tmp_path / "killed")]) == 0
    assert read_release(tmp_path / "killed") == read_release(tmp_path / "straight")
