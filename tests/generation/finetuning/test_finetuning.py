"""The network of a Stable Diffusion learns from a split, and is a part of the pipeline it came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from build_specs import format_toml, make_stage
from PIL import Image
from safetensors.torch import load_file

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.generation.finetuning.pictures import PictureStream, cut_square
from imagenet_g.generation.finetuning.run import load_base
from imagenet_g.generation.finetuning.specs import FinetuneSpec, ViewSpec, load_finetune_spec
from imagenet_g.generation.finetuning.task import FinetuneTask
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.inputs import PromptSpec

Tiny = Callable[[str], Path]
WEIGHTS = "diffusion_pytorch_model.safetensors"


def make_recipe(base: Path, **changes: object) -> FinetuneSpec:
    """A recipe over a tiny pipeline and the embedded composites: three steps of four images."""
    schedule = {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 0, "decay_share": 0,
                "weight_decay": 0.01, "average": 0, "save_every": 1}  # fmt: skip
    return FinetuneSpec.model_validate(
        {
            "schema_version": 1, "name": "tiny", "title": "Tiny", "license": "CC0-1.0", "seed": 0,
            "data": "mini/real", "view": {"size_px": 32, "crop": "random", "flip": True},
            "schedule": schedule,
            "base": {"pipeline": "StableDiffusionPipeline", "repo": str(base), "revision": "local",
                     "dtype": "float32"},
            **changes,
        }
    )  # fmt: skip


def write_recipe(path: Path, spec: FinetuneSpec) -> Path:
    """As the TOML file of a user."""
    tables = spec.model_dump(mode="json", exclude_none=True)
    path.write_text("".join(f"{key} = {format_toml(value)}\n" for key, value in tables.items()))
    return path


@pytest.fixture(scope="module")
def trained(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that three steps of the command filled."""
    root = tmp_path_factory.mktemp("finetune")
    recipe = write_recipe(root / "recipe.toml", make_recipe(tiny("sd")))
    assert main(["finetune", str(recipe), "--out", str(root / "run")]) == 0
    return root


def draw(folder: Path, **stage: object) -> bytes:
    """Pixels of one image."""
    table = make_stage("StableDiffusionPipeline", folder, **stage)
    generator = make_generator(DiffusersSpec.model_validate(table))
    generator.load("cpu")
    return generator.render([RenderRow("i", 1, "n0", "a photo of a tench.", 7)])[0].image.tobytes()


def test_the_network_is_a_part_of_the_pipeline_it_came_from(tiny: Tiny, trained: Path) -> None:
    """It loads into a spec as the drafts of fine-tuned generators have it, and draws other images."""
    part = {"unet": {"repo": str(trained / "run" / "unet"), "revision": "local"}}
    assert draw(tiny("sd"), parts=part) != draw(tiny("sd"))


def test_a_record_says_what_was_learnt_from(trained: Path) -> None:
    """Split, steps, seed and recipe, beside the weights."""
    record = json.loads((trained / "run" / "unet" / "training.json").read_text())
    (stage,) = record["stages"]
    assert (stage["data"]["ref"], stage["steps"], stage["seed"]) == ("mini/real", 3, 0)


def test_an_interrupted_run_ends_at_the_same_weights(trained: Path, tmp_path: Path) -> None:
    """Two steps, and then the third from the checkpoint."""
    for steps in ("2", "3"):
        main(["finetune", str(trained / "recipe.toml"), "--out", str(tmp_path / "run"), "--steps", steps])
    whole, resumed = (load_file(place / "run" / "unet" / WEIGHTS) for place in (trained, tmp_path))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_step_lowers_the_loss_and_moves_the_network_alone(tiny: Tiny) -> None:
    """Of the same images, times and noise."""
    spec = make_recipe(tiny("sd"))
    split = load_split(parse_split_ref(spec.data), data={}, cache=None)
    pipe = load_base(spec)
    task = FinetuneTask(spec, pipe, PictureStream(split, spec), device="cpu")
    losses = []
    optimizer = torch.optim.SGD(task.module.parameters(), lr=0.01)
    for _ in range(2):
        loss = task.compute_loss(torch.Generator().manual_seed(0), 4)["loss"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[1] < losses[0]
    assert all(
        weights.grad is None for part in (pipe.vae, pipe.text_encoder) for weights in part.parameters()
    )


def test_captions_are_the_images_own_or_made_from_their_classes(tiny: Tiny) -> None:
    """The stored prompts without [prompts]; otherwise the class's name in a pattern."""
    split = load_split(parse_split_ref("mini/real"), data={}, cache=None)
    _, own = PictureStream(split, make_recipe(tiny("sd"))).draw(torch.Generator().manual_seed(0), 4)
    assert set(own) <= set(split.reader.read_column("prompt"))
    prompts = PromptSpec(recipe="template", template="a photo of a {c}.", class_names="open_clip")
    _, made = PictureStream(split, make_recipe(tiny("sd"), prompts=prompts)).draw(
        torch.Generator().manual_seed(0), 4
    )
    assert all(text.startswith("a photo of a ") for text in made) and made != own


@pytest.mark.parametrize("share", [0.0, 0.999])
def test_a_square_is_cut_from_the_resized_picture(share: float) -> None:
    """The middle, or a corner, mirrored where the share says so; never past an edge."""
    ramp = Image.fromarray(np.tile(np.arange(0, 240, 2, dtype=np.uint8), (60, 1))).convert("RGB")
    view = ViewSpec(size_px=60, crop="random", flip=True)
    square = cut_square(ramp, view, (share, share, 0.9, 0.0))
    left = 0 if share == 0.0 else 60
    expected = torch.arange(2 * left, 2 * left + 120, 2).float() / 127.5 - 1
    torch.testing.assert_close(square[0, 0], expected)
    torch.testing.assert_close(cut_square(ramp, view, (share, share, 0.1, 0.0))[0, 0], expected.flip(0))
    middle = cut_square(ramp, view.model_copy(update={"crop": "center", "flip": False}), (0.0, 0.0, 0.0, 0.0))
    torch.testing.assert_close(middle[0, 0], torch.arange(60, 180, 2).float() / 127.5 - 1)


def test_the_shipped_recipe_has_the_settings_of_the_script() -> None:
    """512 px, random crops, AdamW at 1e-4 constant, an epoch of the training set."""
    spec = load_finetune_spec("sd15-imagenet")
    assert (spec.view.size_px, spec.view.crop, spec.schedule.learning_rate) == (512, "random", 1e-4)
    assert (spec.schedule.weight_decay, spec.schedule.decay_share, spec.schedule.average) == (0.01, 0, 0)
    assert (spec.schedule.steps - 1) * spec.schedule.batch_size < 1_281_167 <= spec.schedule.steps * 16


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sd15-imagenet"], "--out DIR"),
        (["sd15-imagenet", "--out", "run"], "which is no commit"),
        (["sd16", "--out", "run"], "sd15-imagenet"),
    ],
)
def test_a_mistake_is_one_message(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No folder, weights at a branch, no such recipe; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["finetune", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_images_without_prompts_need_a_recipe_of_captions(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says which table."""
    words = [
        "finetune",
        str(trained / "recipe.toml"),
        "--out",
        str(tmp_path / "run"),
        "--images",
        "mini/renditions",
    ]
    assert main(words) == 2
    assert "[prompts]" in capsys.readouterr().err


def test_without_a_recipe_those_that_ship_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """By name and title."""
    assert main(["finetune"]) == 0
    assert "sd15-imagenet" in capsys.readouterr().out
