"""A split through a disturbed network, as a folder of images by class: a source of any recipe.

What is done to an image follows from its place in an order that the seed decides, and from nothing that was
run before it. So a set that was stopped goes on to the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.baselines.distorting.networks import DisturbedNetwork
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import IntArray
from imagenet_g.benchmark.storage import replace_file, write_text

if TYPE_CHECKING:
    from pydantic import JsonValue

RECORD = "distorting.json"
QUALITY = 95
CHANGED = 0.05
"""How often an image gets new weights; between, weights stay, as in the original."""
_STREAM = 6
"""First word of the seeds; mixing, orders, views, fractals and batches have the ones before it."""
_ORDER, _CHANGES, _WEIGHTS, _IMAGE, _ROWS = 0, 1, 2, 3, 4
_EVERY = 100


@dataclass(frozen=True, slots=True)
class DistortedImage:
    """What is done to an image.

    Attributes:
        row: Of the split.
        weights: Number of the disturbed weights.
    """

    row: int
    weights: int


def choose_rows(labels: IntArray, rows: IntArray, *, per_class: int, seed: int) -> IntArray:
    """So many rows of each class, drawn; all of a class that has fewer.

    Args:
        labels: `(n,)` class of each row.
        rows: `(n,)` of the split.
        per_class: Most of each class.
        seed: Decides which.

    Example:
        >>> choose_rows(np.array([0, 0, 0, 1]), np.array([4, 5, 6, 7]), per_class=2, seed=0).tolist()
        [4, 6, 7]
    """
    chance = np.random.default_rng([_STREAM, _ROWS, seed])
    chosen = [chance.permutation(rows[labels == label])[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def plan_distortions(rows: Sequence[int], *, seed: int) -> list[DistortedImage]:
    """Images in the order in which they are made, and the weights of each.

    The order is random: in the split's own, images of one class would share their weights.

    Example:
        >>> planned = plan_distortions(range(5), seed=0)
        >>> sorted(image.row for image in planned), planned[0].weights
        ([0, 1, 2, 3, 4], 0)
    """
    order = np.random.default_rng([_STREAM, _ORDER, seed]).permutation(np.asarray(rows))
    changes = np.random.default_rng([_STREAM, _CHANGES, seed]).random(len(order)) < CHANGED
    changes[:1] = False
    numbers = np.cumsum(changes)
    return [DistortedImage(int(row), int(number)) for row, number in zip(order, numbers, strict=True)]


def write_distorted(
    split: Split,
    rows: IntArray,
    network: DisturbedNetwork,
    folder: Path,
    *,
    short_px: int,
    seed: int,
    settings: dict[str, JsonValue],
    say: Callable[[str], None],
) -> int:
    """Make what is missing of a set.

    Args:
        split: Where images are read.
        rows: Which of them.
        network: With its trained weights.
        folder: Of the set; a folder for each class is made below it.
        short_px: Short side of the network's input.
        seed: Of order, weights and images.
        settings: What decides the images, for the record.
        say: Receives progress.

    Returns:
        How many images were made now.

    Raises:
        DataError: An image cannot be decoded, or the folder holds a set of other settings.
        StorageError: The folder cannot be written.
    """
    begin_set(folder, settings)
    classes, current, made = load_classes(), -1, 0
    planned = plan_distortions(rows.tolist(), seed=seed)
    for position, image in enumerate(planned):
        path = folder / classes[split.rows.labels[image.row, 0]].wnid / f"{image.row:07d}.jpg"
        if not path.exists():
            if image.weights != current:
                network.disturb(np.random.default_rng([_STREAM, _WEIGHTS, seed, image.weights]))
                current = image.weights
            chance = np.random.default_rng([_STREAM, _IMAGE, seed, image.row])
            changed = network.run(load_image(split, image.row), chance, short_px=short_px)
            with replace_file(path) as temporary:
                # No chroma subsampling: colours are part of what a network did to the image.
                changed.save(temporary, format="jpeg", quality=QUALITY, subsampling=0)
            made += 1
        if (position + 1) % _EVERY == 0 or position + 1 == len(planned):
            say(f"{position + 1} of {len(planned)} images")
    return made


def begin_set(folder: Path, settings: Mapping[str, JsonValue], *, name: str = RECORD) -> None:
    """Record what a set is made by, before its first image.

    Args:
        folder: Of the set.
        settings: What decides its images.
        name: Of the record's file.

    Raises:
        DataError: It was begun with other settings: half of it would be another set.
    """
    path = folder / name
    text = json.dumps(settings, indent=1, sort_keys=True) + "\n"
    if not path.exists():
        write_text(path, text)
        return
    before = path.read_text(encoding="utf-8")
    if before != text:
        try:
            known = json.loads(before)
            differs = sorted(key for key in settings if known.get(key) != settings[key])
        except (ValueError, AttributeError):
            differs = ["the record cannot be read"]
        raise DataError(
            f"'{folder}' holds a set of other settings ({', '.join(differs)}). Name another folder, or "
            "delete it."
        )
