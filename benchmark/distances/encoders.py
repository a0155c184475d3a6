"""Image features of any model by its name: the image side of a CLIP, or the input of a classifier's head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from imagenet_g.benchmark.distances.embeddings import ImageEncoder
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, Transform, load_classifier
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.models.zero_shot import ImageTower, split_head
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.quality.inception import fetch_inception, load_inception
from imagenet_g.benchmark.records import ClipRecord

INCEPTION = "inception"


class HeadInput(torch.nn.Module):
    """A classifier as a function from images to the input of its last linear layer.

    Args:
        module: Maps `(N, 3, H, W)` to `(N, K)` logits, with a last linear layer that runs once.

    Raises:
        InputError: It has no linear layer.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2), torch.nn.Linear(2, 5))
        >>> HeadInput(net).encode_image(torch.ones(4, 3, 1, 1)).shape
        torch.Size([4, 2])
    """

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.visual = module
        heads = [part for part in module.modules() if isinstance(part, torch.nn.Linear)]
        if not heads:
            raise InputError("The model has no linear layer whose input could serve as features.")
        self._seen: list[torch.Tensor] = []
        heads[-1].register_forward_pre_hook(self._take)

    def encode_image(self, images: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """`(N, D)` features of `(N, 3, H, W)` images, as the model gives them.

        Raises:
            ModelError: The last linear layer does not run exactly once, or not on one vector an image.
        """
        # A run that failed may have left a vector behind.
        self._seen.clear()
        self.visual(images)
        # A layer that runs on every token, or twice, has no vector that stands for the image.
        if len(self._seen) != 1 or self._seen[0].ndim != 2 or len(self._seen[0]) != len(images):
            raise ModelError("The model's last linear layer is given no single vector an image.")
        return self._seen.pop()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As `encode_image`."""
        return self.encode_image(images)

    def _take(self, _module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._seen.append(inputs[0])


@dataclass(frozen=True, slots=True)
class RawEncoder:
    """A model whose features are taken as it gives them, of whatever length.

    Attributes:
        encoder: The same model, whose own vectors have length 1.
    """

    encoder: ClipEncoder

    @property
    def record(self) -> ClipRecord:
        """Which one."""
        return self.encoder.record

    @property
    def model(self) -> torch.nn.Module:
        """The module; `visual` is its part for images."""
        return self.encoder.model  # type: ignore[no-any-return]

    @property
    def transform(self) -> Transform:
        """PIL RGB image to `(3, H, W)` float32."""
        return self.encoder.transform

    @property
    def architecture_sha256(self) -> str:
        """Hash of its layers and settings."""
        return self.encoder.architecture_sha256

    @property
    def behaviour_sha256(self) -> str:
        """Hash of what it makes of fixed inputs, and that nothing is divided by a length."""
        # Another hash than that of the scaled features: both are kept in one cache, under a key of it.
        return hash_json(["as given", self.encoder.behaviour_sha256])

    def encode_tensors(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 features on the CPU, from `(N, 3, H, W)` on the model's device."""
        with torch.inference_mode():
            features: torch.Tensor = self.encoder.model.encode_image(inputs, normalize=False)
        return features.float().cpu()


def load_raw_encoder(requested: str, *, checkpoint: Path | None = None) -> RawEncoder:
    """A model that gives features of images as it computes them: no length is taken out.

    Args:
        requested: Any model that `evaluate --model` takes.
        checkpoint: Own weights in place of the pretrained ones.

    Raises:
        InputError: It has no linear layer whose input could serve as features.
        ModelError: That layer is given no single vector an image.
        ImagenetGError: As `classifiers.load_classifier`.
    """
    spec = parse_model_spec(requested)
    # Without a class name: a CLIP's image features follow from no text.
    if spec.scheme == "open_clip" and checkpoint is None:
        return RawEncoder(load_clip_encoder(requested))
    return RawEncoder(
        wrap_classifier(load_classifier(ModelRequest(requested=requested, spec=spec, checkpoint=checkpoint)))
    )


def load_encoder(requested: str, *, cache: Path) -> ImageEncoder:
    """A model that gives features of images: of length 1, but for those of the Inception of FID.

    Args:
        requested: A model spec, such as "open_clip:ViT-B-32/openai" or "timm:resnet50"; "inception" for the
            Inception that defines FID, whose weights are fetched once, or "inception:FILE".
        cache: Where fetched weights of the Inception are kept.

    Raises:
        FetchError: Weights are needed and cannot be fetched.
        InputError: It has no linear layer whose input could serve.
        ImagenetGError: As `classifiers.load_classifier`.
    """
    if (path := find_inception(requested)) is not None:
        return load_inception(path if path != Path() else fetch_inception(cache / "inception"))
    spec = parse_model_spec(requested)
    if spec.scheme == "open_clip":
        return load_clip_encoder(requested)
    return wrap_classifier(load_classifier(ModelRequest(requested=requested, spec=spec)))


def find_inception(requested: str) -> Path | None:
    """The file of weights that features name; an empty path for the published one, None for other features.

    Example:
        >>> find_inception("inception:w.pth"), find_inception("inception"), find_inception("timm:resnet50")
        (PosixPath('w.pth'), PosixPath('.'), None)
    """
    name, _, path = requested.partition(":")
    return Path(path) if name == INCEPTION else None


class TowerInput(torch.nn.Module):
    """The image side of a zero-shot classifier, with the same two names as a CLIP of open_clip.

    Args:
        tower: Its image side.
    """

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.visual = tower.model

    def encode_image(self, images: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """`(N, D)` features of `(N, 3, H, W)` images, as the model gives them."""
        features: torch.Tensor = self.visual.encode_image(images, normalize=normalize)  # type: ignore[operator]
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As `encode_image`."""
        return self.encode_image(images)


def make_feature_module(module: torch.nn.Module) -> HeadInput | TowerInput:
    """What gives a classifier's features: its image side where the head is made of texts.

    Raises:
        InputError: It has no linear layer whose input could serve.
    """
    sides = split_head(module)
    # The last linear layer of a CLIP may be its text side's, or one inside a block of the image side.
    return (HeadInput(module) if sides is None else TowerInput(sides[0])).eval()


def wrap_classifier(classifier: Classifier) -> ClipEncoder:
    """A classifier as what embeds images.

    Raises:
        InputError: It has no linear layer whose input could serve.
        ModelError: That layer is given no single vector an image.
    """
    record, module = classifier.record, make_feature_module(classifier.module)
    size = record.preprocessing.input_size_px
    with torch.no_grad():
        num_dimensions = module.encode_image(torch.zeros(1, 3, *size)).shape[1]
    return ClipEncoder(
        record=ClipRecord(
            requested=record.requested,
            spec=record.spec,
            weights_sha256=record.weights_sha256,
            revision=record.revision,
            num_parameters=record.num_parameters,
            num_dimensions=num_dimensions,
            preprocessing=record.preprocessing,
        ),
        model=module,
        tokenizer=None,
        transform=classifier.transform,
        architecture_sha256=hash_architecture(classifier.module),
        tokens_sha256=hash_json([]),
        behaviour_sha256=hash_behaviour(module, (classifier.transform,)),
    )
