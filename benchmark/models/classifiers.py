"""What a classifier is, and how a request for one is met.

Each library has its own module (`timm_models`, `clip_models`, ...) with one function,
`load_model(request) -> Classifier`; the library's row in `naming.libraries` names it, so that asking for one
library never imports another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.fingerprints.kept_hashes import KeptHashes
from imagenet_g.benchmark.naming.libraries import call_function, find_library, list_libraries
from imagenet_g.benchmark.naming.specs import LIVE, ModelSpec
from imagenet_g.benchmark.records import ModelRecord

if TYPE_CHECKING:
    import torch
    from PIL import Image


Transform = Callable[["Image.Image"], "torch.Tensor"]
"""From an RGB image to the input of a model, `(3, H, W)` float32."""


def ignore_progress(done: int, total: int) -> None:
    """Take progress and show none; by name, so that a request can go to another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """A model of this process, in place of a name.

    Attributes:
        name: What its results call it: letters, digits, underscores.
        model: A `torch.nn.Module`, or any callable from a batch to logits.
        transform: PIL RGB image to `(3, H, W)` float32; None for ImageNet's usual one.
    """

    name: str
    model: Callable[..., object]
    transform: Transform | None = None

    @property
    def spec(self) -> str:
        """Its spec in results.

        Example:
            >>> LiveModel(name="mine", model=abs).spec
            'python:live:mine'
        """
        return f"{LIVE}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A model as requested on the command line.

    Attributes:
        requested: The text as typed.
        spec: The parsed text.
        checkpoint: Own weights to load in place of the pretrained ones.
        checkpoint_key: Which of the state dicts in that file; None for the plain weights.
        class_map: File with the class of each output, for heads that are not ImageNet's 1000.
        templates: Zero-shot template set: "openai-80" or "single", or the path of a file with one a line.
        class_names: File with zero-shot names of the 1000 classes; None for the usual ones.
        text_device: Where zero-shot prompts are encoded; 80,000 of them are slow on a CPU.
        head_cache: Folder for zero-shot heads, so that prompts are encoded once; None to keep none.
        kept_hashes: Where hashes of weights are kept, so that a file is hashed once; None to keep none.
        on_prompts: Called with zero-shot prompts encoded and prompts in all, while a head is made.
        live: The model itself, where it is one of this process.
        num_outputs: How many outputs the model has, where an earlier run of the same files counted them; None
            to count them.
    """

    requested: str
    spec: ModelSpec
    checkpoint: Path | None = None
    checkpoint_key: str | None = None
    class_map: Path | None = None
    templates: str = "openai-80"
    class_names: Path | None = None
    text_device: str = "cpu"
    head_cache: Path | None = None
    kept_hashes: KeptHashes | None = None
    on_prompts: Callable[[int, int], None] = ignore_progress
    live: LiveModel | None = None
    num_outputs: int | None = None


class FeatureHead(Protocol):
    """The last step of a model whose module gives features: from them to logits.

    Attributes:
        num_features: Length D of an image's features.
    """

    num_features: int

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` of `(N, D)` features, both float32 on the CPU."""

    def keep(self, features: torch.Tensor) -> None:
        """Take the `(N, D)` float32 features of a batch of the run; in the order of the batches."""


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
        encoder: Maps inputs of the module to `(N, D)` embeddings on a scale of the model's own, on the device
            the module was moved to; None for a model without image embeddings.
        notes: Sentences for the user about choices made in loading: what was taken from a file, what was
            guessed.
        head: Where features are kept: the module then gives `(N, D)` features and this makes them logits, on
            the CPU in float32; None where the module gives logits.
    """

    record: ModelRecord
    module: torch.nn.Module
    transform: Transform
    precropped_transform: Transform
    files: tuple[Path, ...]
    encoder: Callable[[torch.Tensor], torch.Tensor] | None = None
    notes: tuple[str, ...] = ()
    head: FeatureHead | None = None

    @property
    def num_columns(self) -> int:
        """Columns of the module's outputs: the 1000 classes, or the length of an image's features."""
        return NUM_CLASSES if self.head is None else self.head.num_features

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Embeddings of RGB images, in one forward pass.

        Returns:
            `(N, D)` float32 on the CPU, each of length 1.

        Raises:
            ModelError: The model has no image embeddings.
        """
        import torch

        if self.encoder is None:
            raise ModelError(
                f"'{self.record.spec}' has no image embeddings. Choose a CLIP, such as "
                "open_clip:ViT-B-32/openai."
            )
        device = next(self.module.parameters()).device
        with torch.inference_mode():
            inputs = torch.stack([self.transform(image) for image in images]).to(device)
            return torch.nn.functional.normalize(self.encoder(inputs).float(), dim=1).cpu()


def load_classifier(request: ModelRequest) -> Classifier:
    """Load the model behind a request.

    Raises:
        UnknownNameError: No such model.
        InputError: A checkpoint for a library that takes none.
        FetchError: Weights are not available here and cannot be fetched.
        ModelError: The weights do not fit, or the head is not one of 1000 classes.
        UntrustedFileError: A checkpoint that would run code when loaded.
    """
    library = find_library(request.spec.scheme)
    if request.checkpoint is not None and not library.takes_checkpoint:
        others = ", ".join(row.scheme for row in list_libraries()[0] if row.takes_checkpoint)
        raise InputError(
            f"'{request.requested}' brings its own weights; --checkpoint goes with models of {others}."
        )
    classifier: Classifier = call_function(library, library.loader, request)
    return classifier
