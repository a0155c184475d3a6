"""Models that read their answer off the image, and splits that are easier or harder for all of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from recipe_cases import CLASS_SET
from toy_models import make_factory

from imagenet_g.benchmark.classes import load_class_set, load_classes

SIDE = 8
NUM_MODELS = 5
MODELS = tuple(f"replay_cases:make_model_{number}" for number in range(NUM_MODELS))
"""From the one of least skill to the one of most."""


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


def write_split(folder: Path, *, harder: int, seed: int, per_class: int = 4) -> str:
    """A folder split of the class set, its images harder by so much; its reference."""
    rng = np.random.default_rng(seed)
    for index in load_class_set(CLASS_SET).indices:
        for number in range(per_class):
            blue = int(np.clip(rng.uniform(0, 255) + harder, 0, 255))
            path = folder / load_classes()[index].wnid / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (SIDE, SIDE), (index // 4, index % 4, blue)).save(path)
    return f"folder:{folder}"
