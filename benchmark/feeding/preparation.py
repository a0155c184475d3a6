"""How an image becomes a model's input, in two steps where the transform can be split.

Pixels are a quarter as large as uint8, and a whole batch is normalised faster than its images one by one. So
a transform is split in front of its normalisation where that is certain to give the same bits; any other
runs whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.models.classifiers import Transform


@dataclass(frozen=True, slots=True)
class Normalisation:
    """From uint8 pixels to a model's input: `(pixels / 255 - mean) / std`.

    Attributes:
        mean: Of each channel, on the scale of 0 to 1.
        std: Of each channel, on the scale of 0 to 1.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preparation:
    """The steps from an image to the input of a model.

    Attributes:
        prepare: From an RGB image to `(3, H, W)` float32; with a normalisation, to `(H, W, 3)` uint8.
        normalisation: The steps that are left to the batch; None where nothing is left.
    """

    prepare: Transform
    normalisation: Normalisation | None = None
