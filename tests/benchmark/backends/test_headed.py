"""A module that gives features, and the head behind it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imagenet_g.benchmark.backends.backend import BackendReport, Pending
from imagenet_g.benchmark.backends.headed import HeadedBackend
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import Done


class Doubling:
    """A backend whose features are twice its inputs, with several batches in flight."""

    depth = 3
    logits_dtype: str | None = None
    settings = InferenceSettings(device="cpu", dtype="float32", batch_size=2, workers=1)
    report = BackendReport(precision="bfloat16")
    closed = False

    def submit(self, inputs: torch.Tensor) -> Pending:
        """At once."""
        self.logits_dtype = "bfloat16"
        return Done(self.forward(inputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Twice the inputs."""
        return inputs * 2

    def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Twice each."""
        return [self.forward(batch) for batch in batches]

    def close(self) -> None:
        """Write it down."""
        self.closed = True


class Head:
    """Adds one, and keeps what it is given."""

    num_features = 2

    def __init__(self) -> None:
        self.kept: list[float] = []

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """One more."""
        return features + 1

    def keep(self, features: torch.Tensor) -> None:
        """The first number of each batch."""
        self.kept.append(float(features[0, 0]))


def test_logits_are_the_heads_of_the_features() -> None:
    """For submitted batches and for single ones."""
    backend = HeadedBackend(Doubling(), Head())
    inputs = torch.ones(2, 2)
    assert torch.equal(backend.submit(inputs).result(), inputs * 3)
    assert torch.equal(backend.forward(inputs), inputs * 3)
    for found, number in zip(backend.forward_each([inputs, -inputs]), (3, -1), strict=True):
        assert torch.equal(found, inputs * number)


def test_features_are_kept_in_the_order_in_which_answers_are_taken() -> None:
    """Several batches are in flight; what checks compute is no part of the run."""
    head = Head()
    backend = HeadedBackend(Doubling(), head)
    pending = [backend.submit(torch.full((1, 2), float(number))) for number in range(3)]
    backend.forward(torch.ones(1, 2))
    backend.forward_each([torch.ones(1, 2)])
    assert head.kept == []
    _ = [one.result() for one in pending]
    assert head.kept == [0.0, 2.0, 4.0]


def test_it_runs_as_the_inner_backend_does() -> None:
    """Its depth and settings, and it closes it; the logits are float32 whatever the features were."""
    inner = Doubling()
    backend = HeadedBackend(inner, Head())
    assert (backend.depth, backend.settings, backend.logits_dtype) == (3, inner.settings, None)
    backend.submit(torch.ones(1, 2))
    assert backend.logits_dtype == "float32"
    backend.close()
    assert inner.closed
