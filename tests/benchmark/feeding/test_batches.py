"""Batches are put together from whatever tensors transforms give."""

from __future__ import annotations

import pytest
import torch

from imagenet_g.benchmark.feeding.batches import stack_inputs

INPUT = torch.arange(12, dtype=torch.float32).reshape(3, 2, 2)


@pytest.mark.parametrize(
    "tensor",
    [
        INPUT,
        INPUT.permute(1, 2, 0).contiguous().permute(2, 0, 1),
        INPUT.to(torch.bfloat16),
        INPUT.clone().requires_grad_(),
        torch._neg_view(INPUT),
    ],
    ids=["plain", "channels last", "bfloat16", "with a gradient", "negated view"],
)
def test_inputs_are_stacked_as_torch_stacks_them(tensor: torch.Tensor) -> None:
    """NumPy refuses some of the kinds."""
    found = stack_inputs([tensor, tensor])
    assert torch.equal(found, torch.stack([tensor, tensor]))
    assert found.dtype == tensor.dtype


def test_inputs_of_another_device_stay_there() -> None:
    """A transform may work on a GPU; "meta" is a device that every machine has."""
    assert stack_inputs([torch.empty(3, 2, 2, device="meta")] * 2).device.type == "meta"
