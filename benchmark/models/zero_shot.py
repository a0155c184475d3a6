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
        features: torch.Tensor = self.model.encode_image(images, normalize=False)  # type: ignore[operator]
        # Before the division: in bfloat16 a length of 1 is one of 0.996 to 1.004.
        return torch.nn.functional.normalize(features.float(), dim=-1)
