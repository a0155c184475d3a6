"""How a model behaves: its answers on a few fixed inputs, for the keys under which answers are kept.

A class order in a file beside the code, another tokenizer, a patched operator: none of them is in the weights
or the layers, and each changes what comes out. Outputs are rounded, so that the noise of float32 arithmetic
seldom shows. Where it does, a run is made again; a kept answer is never given for another model.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.identity import hash_json

Transform = Callable[[Image.Image], torch.Tensor]
PICTURE_SIZE_PX = (320, 288)
"""Width and height; not square, so that a transform that mixes them up differs."""
_DIGITS = 3
_LEADERS = 5
_TRIES = 64
"""A step that is taken once in twenty times stays unseen in four of a hundred checks."""
_OTHER_SIZES_PX = ((48, 64), (64, 64), (512, 512), (320, 96))
"""Width and height: upright, square as generated images are, wide. A transform may tell them apart."""


def make_picture() -> Image.Image:
    """The fixed picture: RGB ramps in two directions, stripes, and a fine pattern; the same for ever.

    Example:
        >>> make_picture().size, make_picture().getpixel((100, 50))
        ((320, 288), (79, 44, 45))
    """
    width, height = PICTURE_SIZE_PX
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    # Integer arithmetic and no random generator: generators change between versions of a library.
    red, green = x * 255 // (width - 1), y * 255 // (height - 1)
    blue = (x // 16 + y // 24) % 2 * 128 + (x * 7 + y * 13 + x * y) % 97
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def hash_behaviour(module: torch.nn.Module, transforms: Sequence[Transform]) -> str:
    """sha256 of what transforms make of the fixed picture in five sizes, and of the outputs for two inputs.

    Args:
        module: Maps `(N, 3, H, W)` float32 inputs to `(N, K)` outputs, on the CPU and in eval mode.
        transforms: PIL RGB image to `(3, H, W)` float32; the outputs are those for the first one's input.

    Returns:
        64 hex digits.

    Raises:
        ModelError: A transform makes one picture into different inputs.
    """
    picture = make_picture()
    inputs = [apply_surely(transform, picture) for transform in transforms]
    # Seeded, and beside the picture: a photograph-like input leaves half of the units of a network dark.
    noise = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        # One by one: a batch of two could already depend on its neighbour.
        outputs = [module(tensor[None].float()) for tensor in (inputs[0], noise)]
    # The nearest pixel: other filters may round otherwise in another version of Pillow.
    others = [picture.resize(size, Image.Resampling.NEAREST) for size in _OTHER_SIZES_PX]
    made = [hash_values(tensor) for tensor in inputs]
    made += [_hash_made(transform, other) for transform in transforms for other in others]
    return hash_json([*made, *(_hash_outputs(output) for output in outputs)])


def _hash_made(transform: Transform, picture: Image.Image) -> str:
    """Hash of what a transform makes of a picture of another shape, or the kind of error it raises."""
    try:
        return hash_values(transform(picture))
    except Exception as error:
        # Not every transform takes every size, and the set may have none of this one.
        return type(error).__name__


def apply_surely(transform: Transform, picture: Image.Image) -> torch.Tensor:
    """What a transform makes of a picture, after it was tried again to see that nothing is left to chance.

    Raises:
        ModelError: It makes different inputs of one picture, as the random steps of training do.

    Example:
        >>> from torchvision import transforms
        >>> apply_surely(transforms.PILToTensor(), make_picture()).shape
        torch.Size([3, 288, 320])
        >>> cut = transforms.Compose([transforms.RandomCrop(8), transforms.PILToTensor()])
        >>> apply_surely(cut, make_picture())
        Traceback (most recent call last):
        ...
        imagenet_g.benchmark.errors.ModelError: The transform makes different inputs of one picture...
    """
    before = _read_chance()
    made = transform(picture)
    # A flip shows in every other try only; that random numbers were drawn shows at once.
    tries = _TRIES if _read_chance() != before else 1
    for _ in range(tries):
        again = transform(picture)
        if again.shape != made.shape or not torch.equal(again, made):
            raise ModelError(
                "The transform makes different inputs of one picture: an accuracy would differ from run to "
                "run. Use the transform of evaluation, without random crops, flips or augmentation."
            )
    return made


def _read_chance() -> tuple[object, ...]:
    """The state of the random generators that transforms draw from."""
    # NumPy's old generator beside the others: much code still draws from it.
    _, keys, position, *_ = np.random.get_state(legacy=True)
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), np.asarray(keys).tobytes(), position


def hash_values(tensor: torch.Tensor) -> str:
    """sha256 of a tensor's shape and of its values rounded to three decimals.

    Example:
        >>> hash_values(torch.tensor([0.12301])) == hash_values(torch.tensor([0.12302]))
        True
    """
    values = tensor.detach().double().cpu().numpy()
    return _hash_arrays(np.array(values.shape), _round(values))


def _hash_outputs(outputs: torch.Tensor) -> str:
    values = outputs.detach().double().cpu().numpy().ravel()
    order = np.argsort(-values, kind="stable")[:_LEADERS]
    # Both kinds of digits and the order: the cosines of two classes may differ in the fourth decimal only,
    # and logits near 100 in the fourth digit.
    digits = np.array([f"{value:.{_DIGITS - 1}e}" for value in values])
    return _hash_arrays(_round(values), digits, order)


def _round(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # Adding zero makes -0.0 the same as 0.0.
    return np.round(values, _DIGITS) + 0.0


def _hash_arrays(*arrays: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
