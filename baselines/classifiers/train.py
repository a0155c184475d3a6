"""Classifiers of a recipe: timm's architectures, trained by cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from pydantic import JsonValue
from torch.nn import functional

from imagenet_g.baselines.classifiers.data import TrainingImages
from imagenet_g.baselines.classifiers.export import CARD, export_classifier, format_card
from imagenet_g.baselines.classifiers.specs import ClassifierRecipe, ClassifierSpec, NetworkSpec
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.storage import write_text
from imagenet_g.benchmark.training.loop import Trained, run_training
from imagenet_g.benchmark.training.records import (
    TrainingRecord,
    TrainingStageRecord,
    identify_data,
    write_record,
)

MEAN = STD = (0.5, 0.5, 0.5)
STAGE = "classifier"
# Interpolation needs floats, four bytes for each stored one: the whole set at once would not fit in memory.
_RESIZE_BATCH = 1024
_PACKAGES = ("imagenet-g", "numpy", "pillow", "safetensors", "timm", "torch")


@dataclass(frozen=True, slots=True)
class ClassifierTraining:
    """Where and from what a recipe's models are trained.

    Attributes:
        recipe: The recipe.
        images: Training images.
        folder: Finished models, one folder each; checkpoints in `training/`.
        device: "cpu" or "cuda".
        say: Receives lines of progress.
    """

    recipe: ClassifierRecipe
    images: TrainingImages
    folder: Path
    device: str
    say: Callable[[str], None]


class ClassifierTask:
    """Learns which class an image shows.

    Args:
        model: Maps normalised images to `(N, K)` logits.
        images: Training images.
        size_px: Side of the model's input.
        flip: Whether half the images are mirrored.
        device: Where.
    """

    def __init__(
        self, model: torch.nn.Module, images: TrainingImages, *, size_px: int, flip: bool, device: str
    ) -> None:
        # A third faster on a CPU, and the same weights.
        moved: torch.nn.Module = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._model = moved
        # Once for all steps, not in every batch: an image is drawn many times.
        self._pixels = resize_pixels(images.pixels, size_px)
        self._targets = images.targets
        self._flip = flip
        self._device = device

    @property
    def module(self) -> torch.nn.Module:
        """The classifier."""
        return self._model

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Cross-entropy of a random batch, and the share that is right."""
        # The generator is on the CPU on every device, so a step sees the same images with and without a GPU.
        rows = torch.randint(len(self._pixels), (batch_size,), generator=numbers)
        pixels = normalize_pixels(self._pixels[rows])
        if self._flip:
            mirrored = torch.rand(batch_size, generator=numbers) < 0.5
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
        targets = self._targets[rows].to(self._device)
        # Before the loss: a softmax over values of 8 bits has ties, whatever type a model computes in.
        logits = self._model(pixels.to(self._device)).float()
        return {
            "loss": functional.cross_entropy(logits, targets),
            "right": (logits.argmax(dim=1) == targets).float().mean(),
        }


def resize_pixels(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 `(N, 3, S, S)` at another size, as evaluation resizes: bicubic, smoothed where it shrinks.

    Example:
        >>> resize_pixels(torch.full((2, 3, 8, 8), 200, dtype=torch.uint8), 4).unique().tolist()
        [200]
    """
    if pixels.shape[-1] == side:
        return pixels
    parts = [
        functional.interpolate(part.float(), (side, side), mode="bicubic", antialias=True)
        for part in torch.split(pixels, _RESIZE_BATCH)
    ]
    # Bicubic overshoots at edges, and a cast to uint8 wraps: 256 would become black.
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])


def normalize_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 `(N, 3, S, S)` as the input of a model: float32 in [-1, 1].

    Example:
        >>> black_and_white = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
        >>> normalize_pixels(black_and_white)[:, 0].flatten().tolist()
        [-1.0, 1.0]
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def make_model(spec: NetworkSpec, num_outputs: int, *, seed: int) -> torch.nn.Module:
    """An untrained model.

    Raises:
        UnknownNameError: timm has no such architecture.
        InputError: The architecture does not take these arguments.
    """
    if not timm.is_model(spec.architecture):
        raise UnknownNameError("timm architecture", spec.architecture, timm.list_models())
    # timm draws initial weights from torch's global generator; it takes none as an argument.
    torch.manual_seed(seed)
    try:
        model: torch.nn.Module = timm.create_model(
            spec.architecture, pretrained=False, num_classes=num_outputs, **spec.arguments
        )
    # timm hands the arguments to the architecture unchecked, and each architecture fails in its own way.
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise InputError(
            f"'{spec.name}': {spec.architecture} cannot be made with {spec.arguments}: {error}"
        ) from error
    return model


def train_classifier(training: ClassifierTraining, spec: ClassifierSpec) -> Path:
    """Train a model to its schedule's end and write its folder; nothing where that is done already.

    Returns:
        The folder, which `timm:local-dir:FOLDER` loads.

    Raises:
        ImagenetGError: As `make_model` and `run_training`.
    """
    recipe = training.recipe
    model = make_model(spec, len(training.images.wnids), seed=recipe.seed)
    size_px = recipe.choose_size(spec)
    task = ClassifierTask(model, training.images, size_px=size_px, flip=recipe.flip, device=training.device)
    trained = run_training(
        task,
        recipe.choose_schedule(spec),
        training.folder / "training" / spec.name,
        seed=recipe.seed,
        inputs=list_inputs(training, spec),
        say=lambda text: training.say(f"{spec.name}: {text}"),
    )
    # The running mean of the weights, not the last ones, which the model holds after the loop.
    model.cpu().load_state_dict(trained.weights)
    folder = training.folder / spec.name
    record = make_record(training, spec, trained)
    export_classifier(model.eval(), spec, recipe, training.images.wnids, folder, mean=MEAN, std=STD)
    write_text(folder / CARD, format_card(record, spec, recipe))
    write_record(folder, record)
    return folder


def list_inputs(training: ClassifierTraining, spec: ClassifierSpec) -> dict[str, JsonValue]:
    """All that decides a model's weights besides seed and schedule."""
    return {
        "architecture": spec.architecture,
        "arguments": spec.arguments,
        "size_px": training.recipe.choose_size(spec),
        "flip": training.recipe.flip,
        "classes": hash_json(list(training.images.wnids)),
        "data": identify_data(training.images.record),
    }


def make_record(training: ClassifierTraining, spec: ClassifierSpec, trained: Trained) -> TrainingRecord:
    """The record of a trained model."""
    stage = TrainingStageRecord(
        stage=STAGE,
        steps=trained.steps,
        seconds=round(trained.seconds, 1),
        device=trained.device,
        seed=training.recipe.seed,
        recipe_sha256=hash_json(describe_model(training.recipe, spec)),
        data=training.images.record,
        versions=list_versions(_PACKAGES),
    )
    return TrainingRecord(schema_version=1, name=spec.name, license=training.recipe.license, stages=(stage,))


def describe_model(recipe: ClassifierRecipe, spec: ClassifierSpec) -> dict[str, object]:
    """The part of the recipe that decides one model's weights."""
    # Another model added to the recipe, or a better title, must leave the hash of this one alone.
    whole = recipe.model_dump(mode="json", exclude={"models", "schedule", "title"})
    schedule = recipe.choose_schedule(spec)
    return whole | {"model": spec.model_dump(mode="json") | {"schedule": schedule.model_dump(mode="json")}}
