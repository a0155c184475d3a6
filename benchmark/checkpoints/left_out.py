"""Tensors of published files that decide no output: data, each with its reason.

A file may hold them and the model not. Anything else without a partner is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class SpareTensor:
    """A kind of tensor that libraries leave out on purpose.

    Attributes:
        names: Regular expression for the whole name.
        reason: Why no output depends on it.
        layers: Names of the classes of the models that this holds for; empty for all.
    """

    names: str
    reason: str
    layers: tuple[str, ...] = ()


LEFT_OUT = (
    SpareTensor(names=r"(.*\.)?total_(ops|params)", reason="counts that the profiler thop adds"),
    SpareTensor(names=r"n_averaged", reason="the counter of torch.optim.swa_utils"),
    SpareTensor(
        names=r"(AuxLogits|aux1|aux2)\..*",
        reason="auxiliary classifiers, which run only in training",
        layers=("InceptionV3", "Inception3", "GoogLeNet"),
    ),
    SpareTensor(
        # https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/dla.py, DlaTree.__init__
        names=r"level\d\.(tree\d\.)*project\.\d\..*",
        reason="projections that the authors' network has and never runs",
        layers=("DLA",),
    ),
    SpareTensor(
        names=r"(norm[1-4]|aggregate)\..*",
        reason="layers that the authors' network has and never runs",
        layers=("CoaT",),
    ),
    SpareTensor(
        names=r"input_resolution|context_length|vocab_size",
        reason="sizes of the architecture",
        layers=("CLIP", "CustomTextCLIP"),
    ),
    SpareTensor(names=r"mask_token", reason="stands for masked patches, which only pre-training has"),
)


def explain_left_out(
    name: str, tensor: torch.Tensor, kind: str, computed: Mapping[str, torch.Tensor]
) -> str | None:
    """Why a tensor that the model has no place for decides no output; None where it may.

    Args:
        name: Its name in the file, or after the library's conversion.
        tensor: Its values, any shape and dtype.
        kind: Name of the model's class.
        computed: `list_computed` of the model.

    Example:
        >>> explain_left_out("AuxLogits.fc.bias", torch.zeros(9), "InceptionV3", {})
        'auxiliary classifiers, which run only in training'
        >>> explain_left_out("AuxLogits.fc.bias", torch.zeros(9), "ResNet", {}) is None
        True
        >>> explain_left_out("layer1.index", torch.arange(3), "ResNet", {"stages.0.index": torch.arange(3)})
        'the model computes the same values itself'
    """
    for row in LEFT_OUT:
        if re.fullmatch(row.names, name) and (not row.layers or kind in row.layers):
            return row.reason
    # By the last name alone: blocks may have been renamed.
    last = name.rpartition(".")[2]
    if any(other.rpartition(".")[2] == last and _equal(tensor, own) for other, own in computed.items()):
        return "the model computes the same values itself"
    return None


def list_computed(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Tensors that a module computes when it is built and does not store, by name."""
    stored = module.state_dict().keys()
    return {name: buffer for name, buffer in module.named_buffers() if name not in stored}


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    # Saved as another whole number or precision, the values are the same values.
    return first.shape == second.shape and bool(torch.equal(first.to(second.dtype), second))
