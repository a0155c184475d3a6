"""Tiny recipes over two folders of noise pictures, each class of its own brightness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imagenet_g.baselines.recipes.specs import RecipeSpec, load_recipe
from imagenet_g.benchmark.classes import load_class_set, load_classes

CLASS_SET = "read-42"
NUM_CLASSES = len(load_class_set(CLASS_SET).indices)
SIDE = 32

RECIPE = """
schema_version = 1
name = "tiny"
title = "A test"
source = "a test"
stated = "own"
license = "MIT"
class_set = "{class_set}"
seeds = [0, 1]
steps = {steps}
batch_size = 6
average = 0.5
label_smoothing = 0.1
cache_px = 24
log_every = 2
save_every = 4
models = [{{ name = "small", family = "{family}", architecture = "{architecture}" }}]
sources = [
  {{ name = "real", ref = "folder:{real}" }},
  {{ name = "drawn", ref = "folder:{drawn}", generators = ["packaged:mini-sd-2"] }},
]
mixes = [
  {{ name = "half", budget = {{ images = {images}, shares = {{ real = 0.5, drawn = 0.5 }} }} }},
  {{ name = "real", proportions = {{ real = 1.0 }} }},
]
optimizer.name = "sgd"
optimizer.weight_decay = 1e-4
optimizer.learning_rate = {{ printed = "not printed", used = 0.02, why = "a test" }}
rate = {{ name = "cyclic", rise_share = 0.2 }}
resolution = {{ size_px = {side} }}
augment = [{{ name = "inception-crop", scale = [0.5, 1.0] }}, {{ name = "flip" }}]
evaluation = {{ size_px = {side} }}
{more}
"""


def write_pictures(root: Path, *, per_class: Sequence[int], seed: int, side: int = 28) -> Path:
    """A folder for each class with so many pictures; each class of its own grey."""
    rng = np.random.default_rng(seed)
    indices = load_class_set(CLASS_SET).indices
    for output, (index, number) in enumerate(zip(indices, per_class, strict=True)):
        folder = root / load_classes()[index].wnid
        folder.mkdir(parents=True)
        for k in range(number):
            noise = rng.integers(-4, 5, (side, side + 6, 3))
            pixels = np.clip(6 * output + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{k}.png")
    return root


def write_recipe(
    folder: Path,
    *,
    steps: int = 16,
    architecture: str = "test_convnext",
    images: int = 2 * NUM_CLASSES + 6,
    more: str = "",
) -> Path:
    """A recipe and its pictures: the first half of the classes have three real ones, the others two."""
    pictures = folder / "pictures"
    if not pictures.exists():
        half = NUM_CLASSES // 2
        write_pictures(pictures / "real", per_class=[3] * half + [2] * (NUM_CLASSES - half), seed=0)
        write_pictures(pictures / "drawn", per_class=[2] * NUM_CLASSES, seed=1)
    path = folder / "tiny.toml"
    path.write_text(
        RECIPE.format(
            class_set=CLASS_SET,
            steps=steps,
            family=architecture.removeprefix("test_"),
            architecture=architecture,
            real=pictures / "real",
            drawn=pictures / "drawn",
            images=images,
            side=SIDE,
            more=more,
        ),
        encoding="utf-8",
    )
    return path


def load_tiny(folder: Path, **options: object) -> RecipeSpec:
    """The recipe of `write_recipe`."""
    return load_recipe(str(write_recipe(folder, **options)))  # type: ignore[arg-type]
