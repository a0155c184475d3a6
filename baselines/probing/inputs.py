"""How images are brought to a model's input: as the paper prints, or as the model is evaluated."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from imagenet_g.benchmark.distances.encoders import RawEncoder
from imagenet_g.benchmark.errors import InputError

InputKind = Literal["printed", "model"]


def set_input(encoder: RawEncoder, kind: InputKind) -> RawEncoder:
    """The encoder with the transform of the kind.

    As printed, the short side is resized to the side of the input by bicubic interpolation, and the middle is
    cut out; colours are normalised as the model has them.

    Raises:
        InputError: The model does not say how it normalises colours, or its input is no square.
    """
    if kind == "model":
        return encoder
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

    old = encoder.record.preprocessing
    height, width = old.input_size_px
    if old.mean is None or old.std is None or height != width:
        raise InputError(
            f"'{encoder.record.requested}' has an input that the paper's resizing does not fit. Use --input "
            "model."
        )
    transform = Compose(
        [
            Resize(height, interpolation=InterpolationMode.BICUBIC),
            CenterCrop(height),
            ToTensor(),
            Normalize(old.mean, old.std),
        ]
    )
    made = old.model_copy(
        update={
            "interpolation": "bicubic",
            "crop_fraction": 1.0,
            "crop_mode": "center",
            "description": str(transform),
        }
    )
    # The preprocessing is part of the key of kept features, so that the two kinds are never mixed up.
    record = encoder.record.model_copy(update={"preprocessing": made})
    return RawEncoder(replace(encoder.encoder, record=record, transform=transform))
