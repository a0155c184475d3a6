"""A backend whose module gives features, and the head that makes logits of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imagenet_g.benchmark.backends.backend import Backend, BackendReport, Pending
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.models.classifiers import FeatureHead


class HeadedBackend:
    """Answers with logits, and hands each batch's features to the head to keep.

    Args:
        backend: Runs the module; its answers are `(N, D)` features.
        head: Makes logits of them.
    """

    def __init__(self, backend: Backend, head: FeatureHead) -> None:
        self._backend = backend
        self._head = head
        self.depth = backend.depth

    @property
    def settings(self) -> InferenceSettings:
        """As the inner backend's."""
        return self._backend.settings

    @property
    def logits_dtype(self) -> str | None:
        """float32 once something ran: the head computes in it, whatever the module's type."""
        return None if self._backend.logits_dtype is None else "float32"

    @property
    def report(self) -> BackendReport:
        """As the inner backend's."""
        return self._backend.report

    def submit(self, inputs: torch.Tensor) -> Pending:
        """Begin to answer a batch.

        Raises:
            ModelError: As the inner backend.
        """
        return _PendingLogits(self._backend.submit(inputs), self._head)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` of one batch in one pass; its features are not kept.

        Raises:
            Exception: Whatever the model's own code raises.
        """
        return self._head.score(self._backend.forward(inputs))

    def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """As `forward`, of each of several batches.

        Raises:
            Exception: As `forward`.
        """
        return [self._head.score(features) for features in self._backend.forward_each(batches)]

    def close(self) -> None:
        """Free what the inner backend holds."""
        self._backend.close()


class _PendingLogits:
    """Features that may still be computed, and the head for them."""

    def __init__(self, features: Pending, head: FeatureHead) -> None:
        self._features = features
        self._head = head

    def result(self) -> torch.Tensor:
        """Logits `(N, 1000)` float32; the features go to the head on the way."""
        features = self._features.result()
        # Here and not in `submit`: answers are taken in the order of the batches.
        self._head.keep(features)
        return self._head.score(features)
