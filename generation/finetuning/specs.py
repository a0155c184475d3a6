"""Recipes of fine-tuning: the pipeline, the images and their captions, and the schedule; TOML."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.training.schedules import ScheduleSpec
from imagenet_g.generation.specs.inputs import PromptSpec
from imagenet_g.generation.specs.stages import Positive, StageSpec
from imagenet_g.generation.specs.version import Name, Title


class ViewSpec(FileModel):
    """How a picture becomes the square that is learnt from."""

    size_px: Positive
    """Side of the square; the shorter side of the picture is resized to it, bilinear and antialiased."""
    crop: Literal["random", "center"]
    flip: bool
    """Whether half of the pictures are mirrored."""


class FinetuneSpec(FileModel):
    """A recipe: the network of a Stable Diffusion learns, its text encoder and autoencoder stay."""

    schema_version: Literal[1]
    name: Name
    title: Title
    license: str
    """SPDX expression of the weights, or "unknown"."""
    seed: int
    data: str
    """Reference of the split that is learnt from."""
    prompts: PromptSpec | None = None
    """Captions from the class, a pattern of the recipe drawn for each use; absent: each image's prompt."""
    base: StageSpec
    """The pipeline: its network is where the training starts."""
    view: ViewSpec
    half_precision: bool = False
    """Whether products are computed in bfloat16; the weights that learn stay float32."""
    gradient_checkpointing: bool = False
    """Half the memory for a fourth more time; changes no weight but for last bits."""
    schedule: ScheduleSpec


def load_finetune_spec(name_or_path: str) -> FinetuneSpec:
    """A shipped recipe, or a TOML file of your own.

    Raises:
        UnknownNameError: No such recipe.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    return load_shipped_spec(FinetuneSpec, name_or_path, _find_folder(), kind="fine-tuning recipe")


def list_finetune_names() -> tuple[str, ...]:
    """Names of the recipes that ship with the package, sorted."""
    return list_shipped_names(_find_folder())


def _find_folder() -> Traversable:
    return files("imagenet_g.generation.data") / "finetuning"
