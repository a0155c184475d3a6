"""DINOv2 and DINOv3 with a linear head from a file.

A head's file holds a matrix and no word about what it is multiplied with. Its width says that: the three
kinds of features in use have one, two and five times the width of the backbone. Source:
facebookresearch/dinov2, `dinov2/hub/classifiers.py`, whose heads "linear" and "linear4" take the latter two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
from imagenet_g.benchmark.checkpoints.reading import list_weight_files
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import make_classifier
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.transformers_models.building import (
    assemble_model,
    build_model,
    describe_settings,
)
from imagenet_g.benchmark.transformers_models.processors import load_processor
from imagenet_g.benchmark.transformers_models.sources import CheckpointFiles

BACKBONES = ("dinov2", "dinov2_with_registers", "dinov3_vit")
"""Kinds of models, as `config.json` calls them."""
_FEATURES = {
    1: "the class token of the last layer",
    2: "the class token of the last layer and the mean of its patch tokens",
    5: "the class tokens of the last four layers and the mean of the last one's patch tokens",
}
"""By how many times the width of the backbone they have."""
_FOUR_LAYERS = 5


class LinearProbe(torch.nn.Module):
    """A frozen backbone and a linear classifier.

    Args:
        backbone: Of transformers; its answer has `last_hidden_state` after the last norm: class token, then
            registers, then patches.
        head: From features to logits.
        settings: The configuration of the backbone in words.
    """

    def __init__(self, backbone: Any, head: torch.nn.Linear, settings: str) -> None:  # noqa: ANN401
        super().__init__()
        self.backbone: Any = backbone
        self.head = head
        self.settings = settings
        self.times = head.in_features // backbone.config.hidden_size
        # Registers stand between the class token and the patches, and belong to no mean.
        self.first_patch = 1 + int(getattr(backbone.config, "num_register_tokens", 0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, K)` logits of `(N, 3, H, W)` inputs."""
        logits: torch.Tensor = self.head(self.encode(images))
        return logits

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, F)` features, in the order in which the head was trained on them."""
        made = self.backbone(pixel_values=images, output_hidden_states=self.times == _FOUR_LAYERS)
        last: torch.Tensor = made.last_hidden_state
        if self.times == 1:
            return last[:, 0]
        patches = last[:, self.first_patch :].mean(dim=1)
        return torch.cat([*self._list_earlier(made), last[:, 0], patches], dim=1)

    def _list_earlier(self, made: Any) -> list[torch.Tensor]:  # noqa: ANN401
        """Class tokens of the three layers before the last one, after the last norm; none for other heads."""
        if self.times != _FOUR_LAYERS:
            return []
        # DINOv2's layer is called otherwise than DINOv3's.
        norm = getattr(self.backbone, "layernorm", None) or self.backbone.norm
        return [norm(state)[:, 0] for state in made.hidden_states[-4:-1]]


@dataclass(frozen=True, slots=True)
class HeadTensors:
    """A linear head as its file holds it.

    Attributes:
        weight: `(K, F)`, K outputs.
        bias: `(K,)`, or None.
        notes: What was taken from the file: clauses.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    notes: tuple[str, ...]


def load_linear_probe(request: ModelRequest, files: CheckpointFiles, *, spec: str) -> Classifier:
    """A backbone with the head that `--checkpoint` names.

    Raises:
        InputError: There is no head.
        ModelError: It does not fit the backbone, or the weights do not fit.
        ImagenetGError: As `classifiers.load_classifier`.
    """
    from transformers import AutoModel

    if request.checkpoint is None:
        raise InputError(f"'{spec}' is a backbone; give its linear head with --checkpoint FILE.")
    processor = load_processor(files, spec=spec)
    tensors = read_head(request.checkpoint, request.checkpoint_key)
    built = build_model(AutoModel, files, spec=spec)
    width: int = built.model.config.hidden_size
    head = make_head(tensors, width, source=str(request.checkpoint))
    # In float32, as the head is: halves of a file in half precision would not multiply.
    module = LinearProbe(built.model.float(), head, describe_settings(built.model.config))
    loaded = assemble_model(files, built, module, processor, spec=f"{spec}{OWN_WEIGHTS}")
    return make_classifier(
        request,
        replace(
            loaded,
            # The head first: it is the file that notes are about.
            files=(*list_weight_files(request.checkpoint), *loaded.files),
            notes=(*tensors.notes, *loaded.notes),
            assumptions=(_describe_features(request.checkpoint, head.in_features, width),),
        ),
    )


def read_head(path: Path, key: str | None = None) -> HeadTensors:
    """The one matrix and the one vector of a file of weights, whatever they are called.

    Raises:
        DataError: There is no such file, or it is damaged.
        UntrustedFileError: Reading it would run code.
        ModelError: It holds something else than a linear layer.
    """
    weights = load_checkpoint(path, key)
    matrices = [name for name, tensor in weights.state.items() if tensor.ndim == 2]
    vectors = [name for name, tensor in weights.state.items() if tensor.ndim == 1]
    whole = len(matrices) + len(vectors) == len(weights.state)
    if len(matrices) != 1 or len(vectors) > 1 or not whole:
        raise ModelError(
            f"'{path}' is no linear head: it holds {len(weights.state)} tensors "
            f"({', '.join(weights.state)}), and one matrix and at most one vector are needed."
        )
    weight = weights.state[matrices[0]]
    bias = weights.state[vectors[0]] if vectors else None
    if bias is not None and len(bias) != len(weight):
        raise ModelError(
            f"'{path}' is no linear head: {len(weight)} rows do not match a bias of {len(bias)}."
        )
    if not weight.is_floating_point() or (bias is not None and not bias.is_floating_point()):
        raise ModelError(f"'{path}' holds whole numbers; a linear head is of floating-point ones.")
    return HeadTensors(weight, bias, weights.notes)


def make_head(tensors: HeadTensors, width: int, *, source: str) -> torch.nn.Linear:
    """The layer of a head, in float32.

    Args:
        tensors: From the file.
        width: Of the backbone's tokens.
        source: What to call the file in messages.

    Raises:
        ModelError: Its features are of another width than any that the backbone gives.

    Example:
        >>> tensors = HeadTensors(torch.zeros(1000, 8), None, ())
        >>> make_head(tensors, 4, source="a.pth").in_features
        8
    """
    outputs, features = tensors.weight.shape
    if features not in (times * width for times in _FEATURES):
        wanted = ", ".join(f"{times * width} ({what})" for times, what in _FEATURES.items())
        raise ModelError(f"'{source}' takes {features} features, and this backbone gives {wanted}.")
    head = torch.nn.Linear(features, outputs, bias=tensors.bias is not None)
    state = {"weight": tensors.weight.float()}
    if tensors.bias is not None:
        state["bias"] = tensors.bias.float()
    head.load_state_dict(state)
    return head


def _describe_features(path: Path, features: int, width: int) -> str:
    return (
        f"The head '{path.name}' does not say what its {features} features are; by their number they are "
        f"{_FEATURES[features // width]}."
    )
