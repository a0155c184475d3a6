"""A CLIP as a classifier: its image encoder, and a head made from text."""

from __future__ import annotations

import torch


class ZeroShotClassifier(torch.nn.Module):
    """A CLIP image encoder with a fixed head made from text.

    Args:
        model: CLIP, with `encode_image(images, normalize=False)` of shape `(N, D)`.
        head: `(D, 1000)` class embeddings, each of length 1.
    """

    head: torch.Tensor

    def __init__(self, model: torch.nn.Module, head: torch.Tensor) -> None:
        super().__init__()
        self.model = model
        # Not persistent: the head follows from weights and texts, and those two are hashed.
        self.register_buffer("head", head, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, 1000)` cosine similarities on the scale (and with the bias) the model was trained with."""
        features = self.encode(images)
        logits: torch.Tensor = self.model.logit_scale.exp() * features @ self.head  # type: ignore[operator]
        bias = getattr(self.model, "logit_bias", None)
        return logits if bias is None else logits + bias

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1, whatever the precision of the encoder."""
        return encode_images(self.model, images)


class ImageTower(torch.nn.Module):
    """A CLIP as a function of images alone.

    Args:
        model: As for `ZeroShotClassifier`.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1."""
        return encode_images(self.model, images)


class TextHead:
    """The head of a zero-shot classifier, by itself.

    Args:
        classifier: In float32, as it was loaded.
    """

    def __init__(self, classifier: ZeroShotClassifier) -> None:
        self.num_features = classifier.head.shape[0]
        bias = getattr(classifier.model, "logit_bias", None)
        # Copies: the model itself may be lowered or moved to a device.
        self._scaled = _copy(classifier.model.logit_scale).exp() * _copy(classifier.head)  # type: ignore[arg-type]
        self._bias = None if bias is None else _copy(bias)

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` float32 of `(N, D)` features, each rounded once.

        The products are summed in float64, so that they do not depend on how images are batched.
        """
        logits = features.double() @ self._scaled
        return (logits if self._bias is None else logits + self._bias).float()

    def keep(self, features: torch.Tensor) -> None:
        """Nothing: a run that keeps features has a head that does."""


def encode_images(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """`(N, D)` float32 embeddings of length 1 by a CLIP, whatever its precision."""
    features: torch.Tensor = model.encode_image(images, normalize=False)  # type: ignore[operator]
    # Before the division: in bfloat16 a length of 1 is one of 0.996 to 1.004.
    return torch.nn.functional.normalize(features.float(), dim=-1)


def split_head(module: torch.nn.Module) -> tuple[ImageTower, TextHead] | None:
    """The image side and the head of a zero-shot classifier; None for any other model."""
    if not isinstance(module, ZeroShotClassifier):
        return None
    return ImageTower(module.model), TextHead(module)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().double().clone()
