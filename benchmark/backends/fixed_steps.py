"""Whether a module takes the same steps for every image, so that a compiled copy of it can stand for it.

A compiler records the steps for one batch. A module that chooses its steps by the values in an image would be
recorded with one branch, and nothing would show it on images that take the same.
"""

from __future__ import annotations

import copy

import torch


def copy_structure(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of a module that shares its weights: what a run leaves in its attributes stays in the copy.

    Raises:
        Exception: The module holds what cannot be copied.

    Example:
        >>> module = torch.nn.Linear(2, 1)
        >>> copied = copy_structure(module)
        >>> copied is module, copied.weight is module.weight
        (False, True)
    """
    shared = {id(tensor): tensor for tensor in [*module.parameters(), *module.buffers()]}
    return copy.deepcopy(module, shared)


def require_fixed_steps(module: torch.nn.Module, inputs: torch.Tensor) -> None:
    """Run a module once on a batch that has a shape and no values.

    Args:
        module: Where a run leaves tensors in attributes, these become unusable: give a copy.
        inputs: `(N, 3, H, W)`: the shape of the batch.

    Raises:
        Exception: The module asks for a value, or cannot run without values.

    Example:
        >>> require_fixed_steps(torch.nn.Flatten(), torch.rand(2, 3, 4, 4))
        >>> class Dark(torch.nn.Module):
        ...     def forward(self, images):
        ...         return images if images.mean() > 0.5 else -images
        >>> require_fixed_steps(Dark(), torch.rand(2, 3, 4, 4))
        Traceback (most recent call last):
        ...
        torch._subclasses.fake_tensor.DataDependentOutputException: aten._local_scalar_dense.default
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    # Weights are real, and are taken for their shapes.
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.no_grad():
        module(mode.from_tensor(inputs))
