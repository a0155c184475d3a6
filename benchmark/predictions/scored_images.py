"""What a metric is computed from: images with their labels, and a model's best five answers to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS


@dataclass(frozen=True, slots=True)
class ScoredImages:
    """N images and the answers to them under one choice of outputs.

    Attributes:
        labels: `(N, L)` int16 acceptable class indices, padded with -1.
        top5: Best five answers; an image without a prediction has none, and counts as wrong.
        num_outputs: How many classes the model chose among.
    """

    labels: npt.NDArray[np.int16]
    top5: TopFive
    num_outputs: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """`(N,)` the class of each image; one with several labels counts for its first."""
        return np.asarray(self.labels[:, 0], dtype=np.int64)

    @property
    def has_probabilities(self) -> bool:
        """Whether answers have probabilities: those that come from elsewhere may have none, stored as 0.

        The best of a softmax is never 0.
        """
        answered = self.top5.indices[:, 0] != NO_CLASS
        return bool((self.top5.probabilities[answered, 0] > 0).all())

    @property
    def has_ranks(self) -> bool:
        """Whether there is more than a first answer to some image, where there could be."""
        first, second = self.top5.indices[:, 0] != NO_CLASS, self.top5.indices[:, 1] != NO_CLASS
        return self.num_outputs == 1 or bool(second.any() or not first.any())

    def take(self, rows: npt.NDArray[np.intp]) -> ScoredImages:
        """The given images, in the given order."""
        return ScoredImages(self.labels[rows], self.top5.take(rows), self.num_outputs)
