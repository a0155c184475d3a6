"""The networks that DeepAugment disturbs, by name, and an image through one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from imagenet_g.baselines.distorting.cae import build_cae
from imagenet_g.baselines.distorting.cae_weights import disturb_cae
from imagenet_g.baselines.distorting.edsr import build_edsr
from imagenet_g.baselines.distorting.edsr_weights import disturb_edsr
from imagenet_g.benchmark.checkpoints.contents import Weights
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.errors import UnknownNameError

State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class NetworkKind:
    """A kind of image-to-image network.

    Attributes:
        name: In commands.
        short_px: Short side of its input, as the original has it.
        height: Largest value of a pixel of its input and output.
        build: A network of the size that some weights are for.
        disturb: Weights disturbed.
    """

    name: str
    short_px: int
    height: float
    build: Callable[[Mapping[str, torch.Tensor]], torch.nn.Module]
    disturb: Callable[[State, np.random.Generator], State]


KINDS = (
    NetworkKind("edsr", 128, 255.0, build_edsr, disturb_edsr),
    NetworkKind("cae", 512, 1.0, build_cae, disturb_cae),
)


def find_kind(name: str) -> NetworkKind:
    """A kind by its name.

    Raises:
        UnknownNameError: There is no such network.
    """
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        raise UnknownNameError("network", name, [kind.name for kind in KINDS])
    return found


class DisturbedNetwork:
    """A network whose weights are disturbed anew from time to time.

    Args:
        kind: Of the network.
        weights: As they were trained.
        device: Where it runs.

    Raises:
        ModelError: The weights are of another network.
    """

    def __init__(self, kind: NetworkKind, weights: Weights, *, device: str) -> None:
        self._kind, self._device = kind, device
        module = kind.build(weights.state)
        # Every name and shape is checked, and what the module holds then are the file's own weights.
        load_into(module, weights)
        self._trained: State = {name: value.clone() for name, value in module.state_dict().items()}
        self._module = module.to(device).eval()

    def disturb(self, chance: np.random.Generator) -> None:
        """Other disturbances of the trained weights; those before are undone."""
        # On the CPU, because the random numbers are drawn there, and once for some twenty images.
        self._module.load_state_dict(self._kind.disturb(self._trained, chance))

    def run(self, image: Image.Image, chance: np.random.Generator | None, *, short_px: int) -> Image.Image:
        """An image through the network, its states disturbed; without chance they are not.

        Args:
            image: RGB.
            chance: Of this image.
            short_px: Short side of the network's input.
        """
        pixels = to_tensor(resize_to(image, short_px), self._kind.height).to(self._device)
        with torch.inference_mode():
            made: torch.Tensor = self._module(pixels, chance)
        return to_image(made, self._kind.height)


def resize_to(image: Image.Image, short_px: int) -> Image.Image:
    """An image whose short side is so long, its form kept; smaller ones are enlarged, as torchvision does.

    Example:
        >>> resize_to(Image.new("RGB", (500, 375)), 128).size
        (170, 128)
    """
    short = min(image.size)
    width, height = (short_px if side == short else int(short_px * side / short) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def to_tensor(image: Image.Image, height: float) -> torch.Tensor:
    """`(1, 3, H, W)` with values of 0 to `height`."""
    pixels = np.asarray(image, np.float32) * np.float32(height / 255)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def to_image(pixels: Any, height: float) -> Image.Image:  # noqa: ANN401
    """An RGB image of `(1, 3, H, W)`; what lies outside 0 to `height` is clipped.

    Theirs cuts fractions of a level off; here they are rounded.
    """
    # Weights that were enlarged may overflow: such a pixel has no value, and black is what is left of it.
    values = torch.nan_to_num(pixels[0].float(), nan=0.0).clamp(0, height) * (255 / height)
    return Image.fromarray(values.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
