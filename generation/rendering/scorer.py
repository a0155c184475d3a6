"""What a scorer is: a model that images pass, and numbers from its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from pydantic import JsonValue

    from imagenet_g.benchmark.models.classifiers import Transform

BATCH_SIZE = 32
"""Images a forward pass; fixed, because the last bits of a score depend on it."""
SOURCE_COLUMNS = ("source_similarity", "other_similarity")
Columns = dict[str, list[float]]


@dataclass(frozen=True, slots=True, eq=False)
class ImageModel:
    """The part of a scorer that takes images; scorers of one model share it, and each batch passes it once.

    Attributes:
        transform: From a PIL RGB image to `(3, H, W)` float32.
        forward: From `(N, 3, H, W)` on the device to `(N, D)` float32 on the CPU: logits, or embeddings.
        device: Where it runs.
    """

    transform: Transform
    forward: Callable[[torch.Tensor], torch.Tensor]
    device: str

    def encode(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """`(N, D)` float32 outputs on the CPU of N transformed images, in one forward pass."""
        import torch

        return self.forward(torch.stack(list(inputs)).to(self.device))


class Scorer(Protocol):
    """Scores images by the outputs of its model.

    Attributes:
        model: The model that the images pass.
        compares_sources: Whether `rate` takes outputs of source images too.
    """

    model: ImageModel
    compares_sources: bool

    def describe(self) -> dict[str, JsonValue]:
        """Which model, with which weights."""

    def identify(self) -> str:
        """Hash of weights, code and behaviour: scores of another one are computed again."""

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """Numbers by column, one per image.

        Args:
            outputs: `(N, D)`, what the model makes of at most `BATCH_SIZE` images.
            labels: N class indices.
            sources: The same of the source each image was made from and of another image's source; empty
                for a split without.
        """


def score_images(scorer: Scorer, images: Sequence[Image.Image], labels: Sequence[int]) -> Columns:
    """Numbers by column, one for each of at most `BATCH_SIZE` images, without sources."""
    outputs = scorer.model.encode([scorer.model.transform(image) for image in images])
    return scorer.rate(outputs, labels)
