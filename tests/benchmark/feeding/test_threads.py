"""Threads that prepare images."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import torch
from PIL import Image

from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.threads import AHEAD, ThreadFeeder
from imagenet_g.benchmark.splits.folders import load_folder


def test_images_are_prepared_ahead_while_the_first_small_batch_is_held(tmp_path: Path) -> None:
    """Decoding does not wait until a model is opened."""
    folder = tmp_path / "n01440764"
    folder.mkdir()
    for number in range(AHEAD + 8):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number:03}.png")
    prepared, enough = [], Event()

    def prepare(image: Image.Image) -> torch.Tensor:
        prepared.append(image)
        if len(prepared) >= AHEAD:
            enough.set()
        return torch.zeros(3, 8, 8)

    split = load_folder(tmp_path, cache=None)
    with ThreadFeeder(split, Preparation(prepare), workers=2) as feeder:
        batches = iter(feeder.feed(range(AHEAD + 8), 2))
        next(batches)
        # A batch of two is taken, and nobody asks for the next one.
        assert enough.wait(timeout=60)
    assert len(prepared) <= AHEAD + 2
