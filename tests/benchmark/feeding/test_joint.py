"""Inputs of several models that travel together."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.joint import join_preparations, split_joint
from imagenet_g.benchmark.feeding.preparation import Preparation


def to_pixels(image: Image.Image) -> torch.Tensor:
    """(H, W, 3) uint8."""
    return torch.from_numpy(np.array(image))


def to_floats(image: Image.Image) -> torch.Tensor:
    """(3, W, H) float32, not contiguous."""
    return to_pixels(image).permute(2, 1, 0) / 3


def to_halves(image: Image.Image) -> torch.Tensor:
    """(3, 1, 1) float16."""
    return to_pixels(image)[:1, :1].permute(2, 0, 1).half()


STEPS = (to_pixels, to_floats, to_halves)


def make_images(*sizes: tuple[int, int]) -> list[Image.Image]:
    """Noise of these sizes."""
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 255, (height, width, 3), np.uint8)) for width, height in sizes]


def join(images: list[Image.Image]) -> Batch:
    """A batch of the joined inputs."""
    prepare = join_preparations([Preparation(step) for step in STEPS]).prepare
    inputs = torch.stack([prepare(image) for image in images])
    return Batch(tuple(range(len(images))), inputs, (None,) * len(images))


def test_each_model_gets_its_inputs_back_bit_by_bit() -> None:
    """Of odd sizes, types and layouts."""
    images = make_images((5, 3), (5, 3))
    for step, batch in zip(STEPS, split_joint(join(images), 3), strict=True):
        wanted = torch.stack([step(image) for image in images])
        assert batch.inputs is not None
        assert batch.inputs.dtype == wanted.dtype
        assert torch.equal(batch.inputs, wanted)


def test_inputs_of_several_shapes_are_refused_where_their_bytes_are_as_many() -> None:
    """3 x 5 pixels take the room of 5 x 3."""
    with pytest.raises(ModelError, match="several shapes"):
        split_joint(join(make_images((5, 3), (3, 5))), 3)


def test_a_single_preparation_is_left_as_it_is() -> None:
    """A run of one model pays nothing."""
    preparation = Preparation(to_pixels)
    assert join_preparations([preparation]) is preparation


def test_joined_transforms_can_be_sent_to_another_process() -> None:
    """As each of them can."""
    import pickle

    buffer = BytesIO()
    pickle.dump(join_preparations([Preparation(step) for step in STEPS]), buffer)
    (image,) = make_images((5, 3))
    again = pickle.loads(buffer.getvalue())
    assert torch.equal(again.prepare(image), join([image]).inputs[0])  # type: ignore[index]
