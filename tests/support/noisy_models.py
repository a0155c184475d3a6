"""Six models of known accuracy, for baselines that are measured for real.

An image says its class in red and green, as for the colour model, and how hard it is in blue. A model is
right where the image is no harder than it can do, and says the next class elsewhere.
"""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from pathlib import Path

import numpy as np
import torch
from baseline_cases import write_model_list
from PIL import Image
from toy_models import make_factory

from imagenet_g.baselines.commands import COMMANDS
from imagenet_g.benchmark.classes import load_classes

NUM_MODELS = 6


class NoisyModel(torch.nn.Module):
    """Right on images up to a difficulty in 0..255."""

    def __init__(self, skill: int) -> None:
        super().__init__()
        self.skill: torch.Tensor
        self.register_buffer("skill", torch.tensor(float(skill)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        pixel = (images[:, :, 0, 0] * 255).round()
        said = (pixel[:, :2].sum(1) + (pixel[:, 2] > self.skill)).long() % 1000
        return 8 - (torch.arange(1000)[None] - said[:, None]).abs().float()


make_model_0, make_model_1, make_model_2, make_model_3, make_model_4, make_model_5 = (
    make_factory(partial(NoisyModel, skill)) for skill in (110, 130, 150, 170, 190, 210)
)


def write_noisy_folder(folder: Path, *, num_classes: int, per_class: int, easy: float, seed: int) -> Path:
    """A folder split whose images are harder the smaller `easy` is, in [0, 1]."""
    rng = np.random.default_rng(seed)
    for index in range(num_classes):
        shift = rng.normal(0, 20)
        for number in range(per_class):
            blue = int(np.clip(rng.uniform(0, 255) + 100 * (1 - easy) + shift, 0, 255))
            path = folder / load_classes()[index].wnid / f"{number:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (min(index, 255), max(0, index - 255), blue)).save(path)
    return folder


def write_noisy_baseline(folder: Path, num_models: int = NUM_MODELS) -> Path:
    """A set of these models, to be measured; returns its header."""
    models = [f"noisy_models:make_model_{number}" for number in range(num_models)]
    return write_model_list(folder, "noisy", models, training_data="imagenet-1k")


def run_command(*words: str) -> int:
    """Run one of the baselines' commands as the command line would."""
    module = {command.name: command for command in COMMANDS}[words[0]].load()
    parser = ArgumentParser(prog=f"imagenet-g {words[0]}")
    module.add_arguments(parser)
    return module.run(parser.parse_args(words[1:]))
