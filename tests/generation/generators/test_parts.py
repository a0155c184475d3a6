"""Parts of a pipeline from other repositories: a network trained on in place of the first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pyarrow.parquet as pq
import pytest
import torch
from build_specs import make_spec, make_split, make_stage, write_spec
from tiny_pipelines import build_unet

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError, UntrustedFileError
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.pins import pin_version_spec
from imagenet_g.generation.specs.repos import is_available
from imagenet_g.generation.specs.version import load_version_spec

Tiny = Callable[[str], Path]
COMMIT = "1" * 40
EMBEDDED = Path(__file__).parents[3] / "benchmark" / "data"
ROWS = [RenderRow("i", 1, "n0", "a photo of a tench.", 7)]


@pytest.fixture
def unet(tmp_path: Path) -> Path:
    """A UNet of other weights, alone in its folder."""
    torch.manual_seed(5)
    build_unet().save_pretrained(tmp_path / "unet-2")
    return tmp_path / "unet-2"


def make_parts(place: Path | str, *, name: str = "unet", **changes: str) -> dict[str, object]:
    """The table of one part, a local folder unless changed."""
    return {name: {"repo": str(place), "revision": "local", **changes}}


def draw(folder: Path, parts: dict[str, object]) -> bytes:
    """Pixels of one image."""
    stage = make_stage("StableDiffusionPipeline", folder, parts=parts)
    generator = make_generator(DiffusersSpec.model_validate(stage))
    generator.load("cpu")
    return generator.render(ROWS)[0].image.tobytes()


def test_a_part_draws_as_a_pipeline_that_holds_it(tiny: Tiny, unet: Path, tmp_path: Path) -> None:
    """And otherwise than the pipeline without it."""
    whole = Path(shutil.copytree(tiny("sd"), tmp_path / "whole"))
    shutil.rmtree(whole / "unet")
    shutil.copytree(unet, whole / "unet")
    made = draw(tiny("sd"), make_parts(unet))
    assert made == draw(whole, {})
    assert made != draw(tiny("sd"), {})


def test_a_part_may_lie_in_a_folder_of_another_pipeline(tiny: Tiny, unet: Path, tmp_path: Path) -> None:
    """Named by the folder's name there."""
    whole = Path(shutil.copytree(tiny("sd"), tmp_path / "whole"))
    shutil.copytree(unet, whole / "unet", dirs_exist_ok=True)
    assert draw(tiny("sd"), make_parts(whole, subfolder="unet")) == draw(whole, {})


def test_a_part_the_pipeline_does_not_have_suggests_the_nearest(tiny: Tiny, unet: Path) -> None:
    """Of the networks it has."""
    with pytest.raises(UnknownNameError, match=r"'unett'.*unet"):
        draw(tiny("sd"), make_parts(unet, name="unett"))


@pytest.mark.parametrize(
    "config", [None, "{}", '{"_class_name": "logging"}', '{"_class_name": ["UNet"]}', "["]
)
def test_a_folder_without_a_network_of_the_library_is_one_message(
    tiny: Tiny, tmp_path: Path, config: str | None
) -> None:
    """Whatever its configuration names, only networks are loaded."""
    folder = tmp_path / "odd"
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match=r"odd' (has no config\.json|is a )"):
        draw(tiny("sd"), make_parts(folder))


def test_a_network_of_another_shape_is_one_message(tiny: Tiny, tmp_path: Path) -> None:
    """Weights that do not fit their own configuration."""
    build_unet().save_pretrained(tmp_path / "bent")
    config = json.loads((tmp_path / "bent" / "config.json").read_text())
    (tmp_path / "bent" / "config.json").write_text(json.dumps({**config, "block_out_channels": [32, 96]}))
    with pytest.raises(ModelError, match="bent' cannot be loaded as UNet2DConditionModel"):
        draw(tiny("sd"), make_parts(tmp_path / "bent"))


def test_a_part_with_code_of_its_own_is_refused(tiny: Tiny, unet: Path) -> None:
    """It is never run."""
    (unet / "modeling.py").write_text("raise SystemExit")
    with pytest.raises(UntrustedFileError, match=r"contains code \(modeling\.py\)"):
        draw(tiny("sd"), make_parts(unet))


def test_a_part_on_the_hub_is_taken_from_its_cache_at_the_commit(
    tiny: Tiny, unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real client, with the Hub switched off."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    parts = make_parts("org/unet", revision=COMMIT, subfolder="inner")
    spec = DiffusersSpec.model_validate(make_stage("StableDiffusionPipeline", tiny("sd"), parts=parts))
    assert not is_available(spec.parts["unet"])
    shutil.copytree(unet, tmp_path / "hub" / "models--org--unet" / "snapshots" / COMMIT / "inner")
    assert is_available(spec.parts["unet"])
    assert draw(tiny("sd"), parts) == draw(tiny("sd"), make_parts(unet))


def test_a_release_made_with_a_part_is_made_again_from_its_manifest(
    tiny: Tiny, unet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R0 with the part it names, which `inspect` names too; another of the same name is refused."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), parts=make_parts(unet))
    spec = write_spec(tmp_path / "spec.toml", make_spec({"sd": stage}, {"sd-l": make_split("sd")}))
    out, cache = str(tmp_path / "release"), ["--cache", str(tmp_path / "cache")]
    assert main(["build", str(spec), "--out", out, *cache]) == 0
    recipe = parse_split_recipe(load_manifest(Path(out)), "sd-l")
    assert recipe.recipe["generator"]["parts"]["unet"]["repo"] == "local/unet-2"  # type: ignore[index,call-overload]
    report = tmp_path / "report.json"
    words = ["verify", out, "--pipeline", str(tiny("sd")), "--pipeline", str(unet), "--json", str(report)]
    assert main([*words, *cache]) == 0
    assert json.loads(report.read_text())["splits"][0]["level"] == "R0"
    image_id = pq.read_table(next(Path(out).glob("data/sd-l/*.parquet")), columns=["image_id"])["image_id"][0]
    assert main(["inspect", str(image_id), "--release", out]) == 0
    assert "unet of local/unet-2 @ local" in capsys.readouterr().out
    build_unet().save_pretrained(unet)
    main([*words, *cache])
    assert "holds other files" in json.loads(report.read_text())["splits"][0]["reason"]


def test_parts_are_pinned_in_tables_of_their_own(tmp_path: Path) -> None:
    """Like the pipeline they belong to."""
    path = tmp_path / "own.toml"
    text = 'parts.vae = { repo = "org/vae", revision = "main" }'
    path.write_text(write_parts_spec(text))
    with pytest.raises(InputError, match="could not be replaced"):
        pin_version_spec(str(path), resolve=lambda repo, revision: COMMIT)
    path.write_text(write_parts_spec('[generators.sd.parts.vae]\nrepo = "org/vae"\nrevision = "main"'))
    pin_version_spec(str(path), resolve=lambda repo, revision: COMMIT)
    assert path.read_text().count(COMMIT) == 2


def write_parts_spec(parts: str) -> str:
    """TOML of a version whose pipeline has parts."""
    return f"""
schema_version = 1
version = "own"
title = "Own"
status = "draft"
license = "CC0-1.0"
encoding = {{ format = "png" }}
[splits.sd-l]
title = "T"
generator = "sd"
classes = "imagenet-100"
images_per_class = 1
batch_size = 1
prompts = {{ recipe = "openai-80", class_names = "open_clip" }}
[generators.sd]
kind = "diffusers"
pipeline = "StableDiffusionPipeline"
repo = "org/sd"
revision = "main"
dtype = "float32"
inputs = "prompt"
{parts}
"""


def test_recipes_of_shipped_splits_are_those_that_are_written_today() -> None:
    """A new word in the spec of a generator must not change the hash of what was made before it."""
    spec = load_version_spec("mini")
    manifest = load_manifest(EMBEDDED / "mini")
    for name, split in spec.splits.items():
        written = parse_split_recipe(manifest, name).recipe["generator"]
        assert written == spec.generators[split.generator].describe_recipe()
