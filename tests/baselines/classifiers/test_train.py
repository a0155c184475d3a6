"""Small classifiers: they learn, go on after a kill, and load as any timm model does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from image_sets import make_image, write_class_folders
from noisy_models import run_command
from PIL import Image
from pydantic import JsonValue
from safetensors.torch import load_file

from imagenet_g.baselines.classifiers.data import (
    TrainingImages,
    choose_rows,
    load_training_images,
    select_training_images,
)
from imagenet_g.baselines.classifiers.export import halve_weights
from imagenet_g.baselines.classifiers.specs import (
    ClassifierRecipe,
    ClassifierSpec,
    TrainingDataSpec,
    list_recipes,
    load_recipe,
)
from imagenet_g.baselines.classifiers.train import (
    ClassifierTask,
    ClassifierTraining,
    make_model,
    normalize_pixels,
    resize_pixels,
    train_classifier,
)
from imagenet_g.benchmark.classes import ClassSet, load_class_set, load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.models.packaged import find_packaged_model, list_packaged_models
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.benchmark.training.records import load_record
from imagenet_g.benchmark.training.schedules import ScheduleSpec

THREE = ClassSet("three", (7, 30, 500))
SIDE = 32
SCHEDULE = ScheduleSpec(
    steps=6, batch_size=8, learning_rate=1e-2, warmup_steps=0, decay_share=0.0, weight_decay=0.0, average=0.5,
    log_every=1, save_every=2,
)  # fmt: skip
MODEL = ClassifierSpec(name="small", family="efficientnet", architecture="test_efficientnet")


def make_pictures(ref: str = "v9/real", per_class: int = 4, side: int = SIDE) -> Pictures:
    """Pictures of three classes and of one outside, each class of its own brightness, with noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat([*THREE.indices, 900], per_class)
    base = np.repeat([20, 120, 220, 70], per_class)[:, None, None, None]
    pixels = np.clip(base + rng.integers(-9, 10, (len(labels), 3, side, side)), 0, 255).astype(np.uint8)
    record: dict[str, JsonValue] = {"ref": ref, "content_sha256": "0" * 64}
    return Pictures(torch.from_numpy(pixels), torch.from_numpy(labels), (), record)


def make_school(folder: Path, *, schedule: ScheduleSpec = SCHEDULE) -> ClassifierTraining:
    """A training of one model and three classes."""
    recipe = ClassifierRecipe(
        schema_version=1, name="trained", title="A test", license="MIT", class_set="three", size_px=SIDE,
        flip=True, seed=0, data=(TrainingDataSpec(ref="v9/real"),), schedule=schedule, models=(MODEL,),
    )  # fmt: skip
    return ClassifierTraining(recipe, make_images(), folder, "cpu", lambda text: None)


def make_images() -> TrainingImages:
    """The three classes."""
    return select_training_images([(TrainingDataSpec(ref="v9/real"), make_pictures())], THREE)


def read_losses(folder: Path) -> list[float]:
    """The loss at each step, from the log."""
    lines = (folder / "training" / MODEL.name / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_learning_lowers_the_loss(tmp_path: Path) -> None:
    """Three brightnesses are learnt in a few steps."""
    train_classifier(make_school(tmp_path, schedule=SCHEDULE.model_copy(update={"steps": 25})), MODEL)
    losses = read_losses(tmp_path)
    # The median: with so few images one step of Adam may go astray and come back.
    assert np.median(losses[-9:]) < 0.5 * np.mean(losses[:3])


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """As if nothing had happened, bit for bit."""
    whole = train_classifier(make_school(tmp_path / "whole"), MODEL)

    def stop(text: str) -> None:
        if "step 5 of" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(replace(make_school(tmp_path / "killed"), say=stop), MODEL)
    heard: list[str] = []
    again = train_classifier(replace(make_school(tmp_path / "killed"), say=heard.append), MODEL)
    assert heard[0] == "small: resuming at step 4"
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": replace(make_images(), record={"content_sha256": "1" * 64})}, "data.content_sha256"),
        ({"recipe": make_school(Path()).recipe.model_copy(update={"flip": False})}, "flip: True became"),
        ({"recipe": make_school(Path()).recipe.model_copy(update={"seed": 1})}, "seed: 0 became 1"),
    ],
)
def test_a_finished_model_of_other_data_or_another_recipe_is_not_taken(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    """The record beside the weights would name what they never learnt from."""
    training = make_school(tmp_path)
    train_classifier(training, MODEL)
    with pytest.raises(DataError, match=words):
        train_classifier(replace(training, **changes), MODEL)  # type: ignore[arg-type]


def test_a_finished_model_loads_as_a_timm_folder_with_the_same_outputs(tmp_path: Path) -> None:
    """Preprocessing and the places of its outputs included; the weights are those of half precision."""
    folder = train_classifier(make_school(tmp_path), MODEL)
    spec = f"timm:local-dir:{folder}"
    request = ModelRequest(requested=spec, spec=parse_model_spec(spec), class_map=folder / "classes.txt")
    classifier = load_classifier(request)
    image = Image.fromarray(make_pictures(side=48).pixels[0].permute(1, 2, 0).numpy())
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None]
    model = make_model(MODEL, 3, seed=0).eval()
    model.load_state_dict(
        {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    )
    with torch.no_grad():
        expected = model(normalize_pixels(resize_pixels(pixels, SIDE)))[0]
        found = classifier.module(classifier.transform(image)[None])[0]
    # Pillow and torch round a resized value differently by one step of 255 now and then.
    torch.testing.assert_close(found[list(THREE.indices)], expected, atol=0.02, rtol=0.02)
    assert torch.isinf(found).sum() == 997


def test_a_finished_model_says_what_it_learnt_from(tmp_path: Path) -> None:
    """The record, and the card for people."""
    folder = train_classifier(make_school(tmp_path), MODEL)
    (stage,) = load_record(folder).stages
    assert (stage.data["ref"], stage.data["images"], stage.steps) == ("v9/real", 12, 6)
    assert "v9/real (content sha256 000000000000): 6 steps of 8 images" in (folder / "README.md").read_text()


def test_pictures_are_resized_as_evaluation_does() -> None:
    """Against Pillow's bicubic filter, where no overshoot is cut off between its two passes."""
    rng = np.random.default_rng(3)
    picture = rng.integers(70, 190, (48, 48, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
    found = resize_pixels(torch.from_numpy(picture).permute(2, 0, 1)[None], SIDE)[0].permute(1, 2, 0).numpy()
    assert np.abs(found.astype(np.int16) - expected).max() <= 2


def test_half_the_pictures_are_mirrored() -> None:
    """Which ones, the step's numbers decide."""
    pictures = make_pictures()
    half = pictures.pixels.clone()
    half[..., : SIDE // 2] = 0
    seen: list[torch.Tensor] = []

    class Watcher(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return images.mean((2, 3))

    images = replace(make_images(), pixels=half[:12])
    task = ClassifierTask(Watcher(), images, size_px=SIDE, flip=True, device="cpu")
    task.compute_loss(torch.Generator().manual_seed(0), 64)
    mirrored = (seen[0][:, 0, 0, -1] == -1).sum()
    assert 16 < mirrored < 48


def test_a_low_precision_output_meets_the_loss_in_float32() -> None:
    """As PyTorch's own cross-entropy of the output, cast before it."""
    outputs: list[torch.Tensor] = []

    class Low(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            outputs.append((9 * images.mean((2, 3))).bfloat16())
            return outputs[-1]

    images = replace(make_images(), targets=torch.zeros(len(make_images().targets), dtype=torch.long))
    task = ClassifierTask(Low(), images, size_px=SIDE, flip=False, device="cpu")
    loss = task.compute_loss(torch.Generator().manual_seed(0), 8)["loss"]
    wanted = -outputs[0].float().log_softmax(dim=1)[:, 0].mean()
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(wanted), rel=1e-6)


def test_only_the_first_images_of_a_class_are_taken() -> None:
    """Up to the limit, and none of other classes."""
    assert choose_rows([1, 1, 2, 1, 3, 2], {1: 0, 2: 1}, 1) == [0, 2]
    assert choose_rows([1, 1, 2, 1, 3, 2], {1: 0, 2: 1}, None) == [0, 1, 2, 3, 5]


def test_parts_are_learnt_together_and_recorded_apart() -> None:
    """Each with its own limit."""
    parts = [
        (TrainingDataSpec(ref="v9/real", images_per_class=1), make_pictures("v9/real")),
        (TrainingDataSpec(ref="v9/sd-l"), make_pictures("v9/sd-l", per_class=2)),
    ]
    images = select_training_images(parts, THREE)
    assert images.targets.tolist() == [0, 1, 2, 0, 0, 1, 1, 2, 2]
    assert images.record["ref"] == "v9/real + v9/sd-l"
    parts_record = images.record["parts"]
    assert isinstance(parts_record, list)
    assert [part["images"] for part in parts_record if isinstance(part, dict)] == [3, 6]


def test_data_without_the_classes_give_one_clear_message(tmp_path: Path) -> None:
    """How many are missing, and one of them."""
    wnids = [load_classes()[index].wnid for index in THREE.indices[:2]]
    parts = [TrainingDataSpec(ref=f"folder:{write_class_folders(tmp_path, wnids)}")]
    with pytest.raises(DataError, match=r"no image of 1 of the 3 classes of 'three', such as n\d+ \("):
        load_training_images(parts, THREE, data={}, cache=None, say=lambda text: None)


def test_parts_of_two_sizes_are_refused(tmp_path: Path) -> None:
    """Both are named."""
    wnids = [load_classes()[index].wnid for index in THREE.indices]
    small = write_class_folders(tmp_path / "small", wnids)
    large = write_class_folders(tmp_path / "large", wnids)
    for path in large.rglob("*.png"):
        make_image(size=(16, 16)).save(path)
    parts = [TrainingDataSpec(ref=f"folder:{small}"), TrainingDataSpec(ref=f"folder:{large}")]
    with pytest.raises(DataError, match=r"differ in size \(pixels\): .*small 8, .*large 16"):
        load_training_images(parts, THREE, data={}, cache=None, say=lambda text: None)


def test_an_unknown_architecture_is_one_message() -> None:
    """With the nearest name."""
    with pytest.raises(UnknownNameError, match=r"test_resnett.*Did you mean.*test_resnet"):
        make_model(MODEL.model_copy(update={"architecture": "test_resnett"}), 3, seed=0)


def test_arguments_that_do_not_fit_are_one_message() -> None:
    """The architecture, and what it was given."""
    wrong = MODEL.model_copy(update={"arguments": {"wings": 2}})
    with pytest.raises(InputError, match=r"'small': test_efficientnet cannot be made with.*wings"):
        make_model(wrong, 3, seed=0)


def test_a_model_listed_twice_is_refused(tmp_path: Path) -> None:
    """Its folder would be written twice."""
    path = tmp_path / "own.toml"
    shipped = (Path(__file__).parents[3] / "baselines/data/classifiers/mini.toml").read_text(encoding="utf-8")
    path.write_text(shipped.replace('"mini-convnext-m"', '"mini-vit-s"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.toml.*models.*'mini-vit-s' is listed twice"):
        load_recipe(str(path))


def test_an_unknown_recipe_names_the_known() -> None:
    """And says that a file will do."""
    with pytest.raises(UnknownNameError, match=r"your own \.toml file"):
        load_recipe("maxi")


def test_the_command_refuses_a_model_the_recipe_does_not_have(tmp_path: Path) -> None:
    """Before any data are read."""
    with pytest.raises(UnknownNameError, match="mini-resnet-x"):
        run_command("baselines", "train", "mini", "--out", str(tmp_path), "--model", "mini-resnet-x")


@pytest.mark.parametrize("action", ["train", "replay"])
def test_no_threads_at_all_is_one_clear_message(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As for every option that takes a whole number."""
    assert main(["baselines", action, "--threads", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "argument --threads: '0' is not a whole number of at least 1" in line


@pytest.mark.parametrize("name", list_recipes())
def test_the_models_of_a_shipped_recipe_are_many_kinds_and_small(name: str) -> None:
    """At least eight, of five families, at most 1 MiB each in half precision."""
    recipe = load_recipe(name)
    num_outputs = len(load_class_set(recipe.class_set).indices)
    assert len(recipe.models) >= 8
    assert len({model.family for model in recipe.models}) >= 5
    for model in recipe.models:
        weights = halve_weights(make_model(model, num_outputs, seed=0).state_dict())
        assert sum(value.numel() * value.element_size() for value in weights.values()) <= 1 << 20


@pytest.mark.parametrize("name", list_packaged_models("timm"))
def test_a_shipped_model_is_of_its_recipe(name: str) -> None:
    """Architecture, input and outputs are those of the recipe that is shipped with it."""
    (recipe,) = (
        recipe
        for recipe in map(load_recipe, list_recipes())
        if name in [model.name for model in recipe.models]
    )
    (model,) = recipe.choose_models([name])
    folder = find_packaged_model(name, "timm")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    wnids = (folder / "classes.txt").read_text(encoding="utf-8").split()
    assert config["architecture"] == model.architecture
    assert config["pretrained_cfg"]["input_size"] == [3, *[recipe.choose_size(model)] * 2]
    assert wnids == [load_classes()[index].wnid for index in load_class_set(recipe.class_set).indices]
    spec = parse_model_spec(f"timm:packaged:{name}")
    record = load_classifier(ModelRequest(requested=str(spec), spec=spec)).record
    assert (record.num_outputs, record.training_data) == (len(wnids), recipe.data[0].ref)
