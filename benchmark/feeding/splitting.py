"""Transforms split in front of their normalisation, where that is certain to give the same bits.

A transform is split only if every step of it is one of a library's that are known to depend on nothing but
the image, by its exact class: a subclass, or a function of the user's own, may draw random numbers or count
its calls. The split preparation is then compared with the whole transform on images that hold every value
of a pixel; where one bit differs, the transform runs whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.pixel_steps import Step, join_steps
from imagenet_g.benchmark.feeding.preparation import Normalisation, Preparation
from imagenet_g.benchmark.models.classifiers import Classifier, Transform
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from torchvision.transforms._presets import ImageClassification

_PROBE_SIZES = ((500, 375), (67, 90), (230, 226))
"""Width and height: a photograph, one to be enlarged, and one that hardly changes."""


def choose_preparation(classifier: Classifier, split: Split) -> Preparation:
    """The preparation of a split's images for a classifier.

    Args:
        classifier: The model.
        split: The images; those that are cropped already are not cropped again.
    """
    return split_transform(classifier.precropped_transform if split.precropped else classifier.transform)


def split_transform(transform: Transform) -> Preparation:
    """A preparation that gives what a transform gives, to the bit on the CPU.

    Args:
        transform: From an RGB image to `(3, H, W)` float32.

    Returns:
        Pixels and a normalisation where the transform can be split, else the transform as it is.
    """
    try:
        parts = _take_apart(transform)
        split = None if parts is None else Preparation(join_steps(parts[0]), parts[1])
    except Exception:
        # The library takes settings of many more forms than are read here, such as one mean for all channels.
        split = None
    return split if split is not None and gives_same_bits(split, transform) else Preparation(transform)


def gives_same_bits(split: Preparation, transform: Transform) -> bool:
    """Whether a split preparation gives what a transform gives on the probe images."""
    for image in make_probes():
        try:
            pixels, expected = split.prepare(image), transform(image)
            found = normalise(pixels[None], split.normalisation)[0]
        except Exception:
            # A step may refuse an image that no split has; whole, it refuses by its own words.
            return False
        if not torch.equal(found, expected) or found.dtype != expected.dtype:
            return False
    return True


def make_probes() -> Iterator[Image.Image]:
    """Images on which a split preparation is compared with its transform.

    Every value of every channel is among them; a crop may keep only some. The first sums of a resize meet an
    odd width and height.
    """
    rng = np.random.default_rng(0)
    for width, height in _PROBE_SIZES:
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        # Flat squares keep their value through any filter.
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(height // 32, 0).repeat(width // 32, 1)
        noise[: grey.shape[0], : grey.shape[1]] = grey[..., None]
        yield Image.fromarray(noise)


def _take_apart(transform: Any) -> tuple[tuple[Step, ...], Normalisation] | None:  # noqa: ANN401
    # Where torchvision was never imported no transform is its own, and importing it takes two seconds.
    if "torchvision.transforms" not in sys.modules:
        return None
    from torchvision.transforms import Compose
    from torchvision.transforms._presets import ImageClassification

    if type(transform) is ImageClassification:
        return _take_preset_apart(transform) if _is_as_made(transform) else None
    if type(transform) is not Compose or len(transform.transforms) < 2:
        return None
    *steps, to_tensor, last = transform.transforms
    normalisation = _read_normalisation(to_tensor, last)
    if normalisation is None or not all(_is_fixed(step) for step in steps):
        return None
    if not all(_is_as_made(step) for step in transform.transforms):
        return None
    # What only makes an image RGB changes none that is; every image is one here.
    return tuple(step for step in steps if not _keeps_rgb(step)), normalisation


def _take_preset_apart(preset: ImageClassification) -> tuple[tuple[Step, ...], Normalisation] | None:
    from torchvision.transforms import CenterCrop, Resize

    normalisation = _make_normalisation(preset.mean, preset.std)
    if normalisation is None:
        return None
    crop = preset.crop_size * 2 if len(preset.crop_size) == 1 else preset.crop_size
    resize = Resize(preset.resize_size, interpolation=preset.interpolation)
    return (resize, CenterCrop(crop)), normalisation


def _read_normalisation(to_tensor: object, last: Any) -> Normalisation | None:  # noqa: ANN401
    from timm.data.transforms import MaybeToTensor
    from torchvision.transforms import Normalize, ToTensor

    kinds: tuple[type, ...] = (ToTensor, MaybeToTensor, *_list_open_clip("MaybeToTensor"))
    if type(to_tensor) not in kinds or type(last) is not Normalize:
        return None
    return _make_normalisation(last.mean, last.std)


def _make_normalisation(mean: Sequence[Any], std: Sequence[Any]) -> Normalisation | None:
    if len(mean) != 3 or len(std) != 3:
        return None
    first, second = (tuple(float(value) for value in values) for values in (mean, std))
    return Normalisation((first[0], first[1], first[2]), (second[0], second[1], second[2]))


def _is_fixed(step: object) -> bool:
    from timm.data.transforms import CenterCropOrPad, ResizeKeepRatio, TrimBorder
    from torchvision.transforms import CenterCrop, Resize

    if type(step) in (ResizeKeepRatio, *_list_open_clip("ResizeKeepRatio")):
        return not _is_random(step)
    fixed: tuple[type, ...] = (Resize, CenterCrop, CenterCropOrPad, TrimBorder)
    return type(step) in fixed or type(step) in _list_open_clip("CenterCropOrPad") or _keeps_rgb(step)


def _is_as_made(step: object) -> bool:
    """Whether a step does what its class does: a module may have hooks, and a `forward` of its own."""
    put_on = ("forward", "_forward_hooks", "_forward_pre_hooks")
    return not any(vars(step).get(name) for name in put_on)


def _is_random(step: Any) -> bool:  # noqa: ANN401
    chances = (getattr(step, "random_scale_prob", 0), getattr(step, "random_aspect_prob", 0))
    return any(chance > 0 for chance in chances) or isinstance(step.interpolation, list | tuple)


def _keeps_rgb(step: object) -> bool:
    known: tuple[Callable[..., object], ...] = _list_open_clip("_convert_to_rgb")
    # By identity: equality is what the step's own class makes of it.
    return any(step is one for one in known) or type(step) in _list_open_clip("MaybeConvertMode")


def _list_open_clip(name: str) -> tuple[Any, ...]:
    """What open_clip has under a name; nothing where it was never imported, and no transform is its own."""
    module = sys.modules.get("open_clip.transform")
    found = getattr(module, name, None)
    return () if found is None else (found,)
