"""What a classifier is, and how a request for one is met.

Each library has a module of its own (`timm_models`, `clip_models`, ...) with one function,
`load_model(request) -> Classifier`; `LOADERS` names them by scheme, so that asking for one library never
imports another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.naming.specs import ModelSpec
from imagenet_g.benchmark.records import ModelRecord

if TYPE_CHECKING:
    import torch
    from PIL import Image

LOADERS = {
    "timm": "imagenet_g.benchmark.models.timm_models",
    "open_clip": "imagenet_g.benchmark.models.clip_models",
    "torchvision": "imagenet_g.benchmark.models.torchvision_models",
    "wheel": "imagenet_g.benchmark.models.wheel_models",
    "python": "imagenet_g.benchmark.models.python_models",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A model as asked for on the command line.

    Attributes:
        requested: The text as typed.
        spec: The parsed text.
        checkpoint: Own weights to load in place of the pretrained ones.
        class_map: File that says which class each output is, for heads that are not ImageNet's 1000.
        templates: Zero-shot template set: "openai-80" or "single".
        text_device: Where zero-shot prompts are encoded; 80,000 of them are slow on a CPU.
        head_cache: Folder for zero-shot heads, so that prompts are encoded once; None to keep none.
    """

    requested: str
    spec: ModelSpec
    checkpoint: Path | None = None
    class_map: Path | None = None
    templates: str = "openai-80"
    text_device: str = "cpu"
    head_cache: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A model ready to score images.

    Attributes:
        record: What goes into results.
        module: Maps `(N, 3, H, W)` float inputs to `(N, 1000)` logits in ImageNet order, in eval mode, on the
            CPU and in float32 until moved. An output the model does not have is -inf.
        transform: PIL RGB image to `(3, H, W)` float32.
        precropped_transform: The same for images already cropped at 224: resized to the input size if that
            differs, never cropped again.
        files: Files the weights were read from; empty when unknown (python factories).
    """

    record: ModelRecord
    module: torch.nn.Module
    transform: Callable[[Image.Image], torch.Tensor]
    precropped_transform: Callable[[Image.Image], torch.Tensor]
    files: tuple[Path, ...]


def load_classifier(request: ModelRequest) -> Classifier:
    """Load the model behind a request.

    Raises:
        UnknownNameError: No such model.
        FetchError: Weights are not on hand and cannot be fetched.
        ModelError: The weights do not fit, or the head is not one of 1000 classes.
        UntrustedFileError: A checkpoint that would run code when loaded.
    """
    loader = import_module(LOADERS[request.spec.scheme])
    classifier: Classifier = loader.load_model(request)
    return classifier
