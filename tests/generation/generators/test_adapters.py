"""Adapters and quantisation: part of the recipe, read from safetensors alone, and never in vain."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from build_specs import make_spec, make_split, make_stage, write_spec
from safetensors.torch import load_file, save_file

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import ImagenetGError, InputError, ModelError
from imagenet_g.generation.generators import adapters
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.plans.recipe import make_recipe
from imagenet_g.generation.specs.version import VersionSpec, validate_pins

Tiny = Callable[[str], Path]
FILE = "pytorch_lora_weights.safetensors"
ROW = RenderRow("0" * 16, 0, "n01440764", "a photo of a tench.", 7)


@pytest.fixture(scope="module")
def adapter(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the tiny U-Net's attention, made by peft and saved by diffusers, and strong."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(3)
    pipe = StableDiffusionPipeline.from_pretrained(str(tiny("sd")), local_files_only=True)
    pipe.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    folder = tmp_path_factory.mktemp("adapter")
    layers = {key: 4 * value for key, value in get_peft_model_state_dict(pipe.unet).items()}
    StableDiffusionPipeline.save_lora_weights(str(folder), unet_lora_layers=layers, safe_serialization=True)
    return folder


def describe(tiny: Tiny, *loras: dict[str, object], **changes: object) -> VersionSpec:
    """A version by the tiny pipeline with adapters."""
    if loras:
        changes["loras"] = [{"revision": "local", "file": FILE, **lora} for lora in loras]
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), **changes)
    return make_spec({"g": stage}, {"sd-l": make_split("g", classes=["n01440764"], images_per_class=2)})


def draw(spec: VersionSpec) -> bytes:
    """The pixels of one image."""
    generator = make_generator(spec.generators["g"])
    generator.load("cpu")
    return generator.render([ROW])[0].image.tobytes()


def test_an_adapter_changes_the_image_by_its_scale(tiny: Tiny, adapter: Path) -> None:
    """At scale 0 it is the image without; what diffusers draws with the file itself is the reference."""
    from diffusers import StableDiffusionPipeline

    plain, none, half, whole = (
        draw(describe(tiny, *loras))
        for loras in ([], *([{"repo": str(adapter), "scale": scale}] for scale in (0.0, 0.5, 1.0)))
    )
    assert plain == none
    assert len({plain, half, whole}) == 3
    pipe = StableDiffusionPipeline.from_pretrained(str(tiny("sd")), local_files_only=True)
    pipe.safety_checker = None
    pipe.load_lora_weights(str(adapter), weight_name=FILE)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(ROW.seed)
    with torch.inference_mode():
        image = pipe(ROW.prompt, num_inference_steps=2, generator=noise).images[0]
    assert image.tobytes() == whole


def test_an_adapter_is_in_the_recipe_by_its_contents_and_its_scale(tiny: Tiny, adapter: Path) -> None:
    """A recipe without one has no key for it: plans of before keep their hash."""
    recipes = [
        make_recipe(describe(tiny, *loras), "sd-l", None)["generator"]
        for loras in ([], [{"repo": str(adapter)}], [{"repo": str(adapter), "scale": 0.5}])
    ]
    texts = [json.dumps(recipe) for recipe in recipes]
    assert ['"loras"' in text or '"quantization"' in text for text in texts] == [False, True, True]
    assert texts[1] != texts[2]
    text = texts[1]
    assert '"scale": 1.0' in text and '"revision": "sha256:' in text
    assert str(adapter) not in text


def test_a_release_with_an_adapter_is_made_again_only_with_that_file(
    tiny: Tiny, adapter: Path, tmp_path: Path
) -> None:
    """From its manifest, with the places of pipeline and adapter; another file is refused."""
    spec = write_spec(tmp_path / "tiny.toml", describe(tiny, {"repo": str(adapter)}))
    out = tmp_path / "out"
    assert main(["build", str(spec), "--out", str(out), "--device", "cpu"]) == 0
    recipe = json.loads((out / "manifest.json").read_text())["splits"]["sd-l"]["recipe"]
    recorded = recipe["generator"]["stages"][0]["loras"]
    assert [(one["file"], len(one["sha256"])) for one in recorded] == [(FILE, 64)]
    places = ["--pipeline", str(tiny("sd")), "--pipeline"]
    assert main(["verify", str(out), *places, str(adapter), "--expect", "R0"]) == 0
    other = shutil.copytree(adapter, tmp_path / "other" / adapter.name)
    save_file({"unet.nothing": torch.zeros(1)}, other / FILE)
    assert main(["verify", str(out), *places, str(other)]) != 0


def test_an_adapter_that_fits_only_in_part_is_refused(tiny: Tiny, adapter: Path, tmp_path: Path) -> None:
    """The library itself only warns, and draws with what fits."""
    tensors = load_file(adapter / FILE)
    shapes = {"lora_A": (2, 8), "lora_B": (8, 2)}
    odd = {f"unet.no.such.layer.{key}.weight": torch.ones(shape) for key, shape in shapes.items()}
    save_file({**tensors, **odd}, tmp_path / FILE)
    with pytest.raises(
        ModelError, match=f"{len(tensors)} of the {len(tensors) + 2} tensors|is no adapter of"
    ):
        draw(describe(tiny, {"repo": str(tmp_path)}))


@pytest.mark.parametrize("name", ["weights.bin", "../up.safetensors", "weights.safetensors.py"])
def test_only_a_safetensors_file_inside_the_repository_is_read(tiny: Tiny, name: str) -> None:
    """A pickle can run code, and a path can lead anywhere."""
    with pytest.raises(ValueError, match="pattern"):
        describe(tiny, {"repo": "org/lora", "file": name})


def test_an_adapter_at_a_branch_is_not_built(tiny: Tiny) -> None:
    """It may be another one tomorrow."""
    spec = describe(tiny, {"repo": "org/lora", "revision": "main"})
    with pytest.raises(ImagenetGError, match=r"'main' of 'org/lora' is no commit"):
        validate_pins(spec, ("sd-l",), source="tiny.toml")


def test_without_peft_an_adapter_is_refused_with_what_to_install(
    tiny: Tiny, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name."""
    monkeypatch.setattr(adapters, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"imagenet-g\[lora\]"):
        draw(describe(tiny, {"repo": str(adapter)}))


def test_quantisation_is_in_the_recipe_and_says_what_it_needs(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a backend that is not installed, and of a part that the pipeline lacks."""
    table = {"backend": "torchao", "parts": ["unet"], "options": {"quant_type": "Int8WeightOnlyConfig"}}
    spec = describe(tiny, quantization=table)
    recipe = make_recipe(spec, "sd-l", None)["generator"]
    assert isinstance(recipe, dict) and recipe["quantization"] == table
    with pytest.raises(ModelError, match="no part 'transformer' to quantise"):
        draw(describe(tiny, quantization={**table, "parts": ["transformer"]}))
    monkeypatch.setattr(adapters, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install torchao"):
        draw(spec)


def test_quantised_weights_draw_another_image_each_time_the_same(tiny: Tiny) -> None:
    """Where a backend that runs on a CPU is installed."""
    pytest.importorskip("torchao")
    table = {"backend": "torchao", "parts": ["unet"], "options": {"quant_type": "Int8WeightOnlyConfig"}}
    once, again, plain = (
        draw(describe(tiny, **changes)) for changes in ({"quantization": table}, {"quantization": table}, {})
    )
    assert once == again != plain
