"""A replay in small: models that read their answer off the image, and splits of a few hundred images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from baseline_cases import write_model_list
from PIL import Image
from toy_models import make_factory

from imagenet_g.benchmark.classes import load_class_set, load_classes

CLASS_SET = "drawn-104"
NUM_MODELS = 5
SIDE = 8


class ReadingModel(torch.nn.Module):
    """Red and green say the class; right where blue, the difficulty, is no more than its skill."""

    def __init__(self, skill: int) -> None:
        super().__init__()
        self.skill: torch.Tensor
        self.register_buffer("skill", torch.tensor(float(skill)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        pixel = (images[:, :, 0, 0] * 255).round()
        said = 4 * pixel[:, 0] + pixel[:, 1]
        said = torch.where(pixel[:, 2] > self.skill, 999.0, said)
        return -(torch.arange(1000)[None] - said[:, None]).abs()


make_model_0, make_model_1, make_model_2, make_model_3, make_model_4 = (
    make_factory(partial(ReadingModel, skill)) for skill in (110, 140, 170, 200, 230)
)


def write_split(folder: Path, *, harder: int, seed: int, per_class: int = 2) -> str:
    """A folder split of the class set, its images harder by so much; its reference."""
    rng = np.random.default_rng(seed)
    for index in load_class_set(CLASS_SET).indices:
        for number in range(per_class):
            blue = int(np.clip(rng.uniform(0, 255) + harder, 0, 255))
            path = folder / load_classes()[index].wnid / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (SIDE, SIDE), (index // 4, index % 4, blue)).save(path)
    return f"folder:{folder}"


def write_recipe(path: Path, data: str) -> Path:
    """A classifier recipe of one model and three steps."""
    path.write_text(
        f"""
schema_version = 1
name = "tiny"
title = "A test"
license = "MIT"
class_set = "{CLASS_SET}"
size_px = 32
flip = false
seed = 0
data = [{{ ref = "{data}" }}]
models = [{{ name = "tiny-net", family = "efficientnet", architecture = "test_efficientnet" }}]

[schedule]
steps = 3
batch_size = 8
learning_rate = 1e-3
warmup_steps = 0
decay_share = 0.0
weight_decay = 0.0
average = 0.5
"""
    )
    return path


def write_replay(folder: Path) -> Path:
    """A replay whose second column is harder than its first, and whose filter leaves easy images."""
    clean = write_split(folder / "clean", harder=0, seed=1)
    easy = write_split(folder / "easy", harder=60, seed=2)
    hard = write_split(folder / "hard", harder=140, seed=3)
    kept = write_split(folder / "kept", harder=-60, seed=4)
    shifted = write_split(folder / "shifted", harder=50, seed=5)
    recipe = write_recipe(folder / "recipe.toml", clean)
    names = [f"replay_cases:make_model_{number}" for number in range(NUM_MODELS)]
    models = [f"python:{name}" for name in names]
    baseline = write_model_list(folder, "tiny-models", names, training_data="reference-train")
    path = folder / "replay.toml"
    path.write_text(
        f"""
schema_version = 1
name = "tiny"
title = "A test"
notice = "Numbers that mean nothing."
reference = "{clean}"
link = "linear"

[gaps]
published = "imagenet-g-paper/table-9"
models = {models[2:4]}
splits = [{{ column = "A", ref = "{easy}" }}, {{ column = "B", ref = "{hard}" }}]

[filtered]
published = "imagenet-g-paper/table-10"
reference = "{clean}"
splits = [{{ column = "B", ref = "{kept}" }}]

[training]
published = ["imagenet-g-paper/table-1"]
recipe = "{recipe}"
model = "tiny-net"
baseline = "{baseline}"
mixtures = [
    {{ name = "real", data = [{{ ref = "{clean}", images_per_class = 1 }}], generators = [] }},
    {{ name = "both of them", data = [{{ ref = "{clean}" }}, {{ ref = "{easy}" }}], generators = ["toy"] }},
]
shifts = [{{ column = "Shift", ref = "{shifted}" }}]

[[claims]]
kind = "gap"
text = "They fall"
source = "a test"

[[claims]]
kind = "order"
first = "B"
second = "A"
text = "B is harder"
source = "a test"

[[claims]]
kind = "filtered-gap"
text = "They fall on filtered images too"
source = "a test"

[[claims]]
kind = "exempt"
text = "The best one is exempt on A"
source = "a test"
models = ["{models[3]}"]
columns = ["A"]

[[claims]]
kind = "accuracy"
first = "both of them"
second = "real"
text = "More helps"
source = "a test"

[[claims]]
kind = "robustness"
order = ["both of them", "real"]
text = "More is more robust"
source = "a test"
"""
    )
    return path
