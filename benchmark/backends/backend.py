"""A backend: a model that is ready to answer, wherever it computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.formats.runs import BackendCheck

if TYPE_CHECKING:
    import torch

    from imagenet_g.benchmark.backends.kept_models import KeptModels
    from imagenet_g.benchmark.feeding.preparation import Normalisation
    from imagenet_g.benchmark.models.classifiers import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendReport:
    """What a run records of its backend.

    Attributes:
        precision: In which type the body of the model is computed, read back from the backend where it
            chooses.
        check: How its answers compare with those of PyTorch; None for PyTorch itself.
    """

    precision: str
    check: BackendCheck | None = None


class BackendRefusedError(ModelError):
    """A model that a backend cannot run with the answers of PyTorch; the text is a clause that says why."""


class Pending(Protocol):
    """Answers to a batch that may still be computed."""

    def result(self) -> torch.Tensor:
        """Logits `(N, 1000)` float32 on the CPU; waits for them.

        Raises:
            ModelError: The model failed on the batch, or memory does not hold even one image.
        """


class Backend(Protocol):
    """A model ready to answer.

    Attributes:
        depth: How many batches should be submitted before the first answer is taken.
    """

    depth: int

    @property
    def settings(self) -> InferenceSettings:
        """How it runs, with the batch size that memory has allowed so far."""

    @property
    def logits_dtype(self) -> str | None:
        """Type of the logits as the model gave them, such as "float32"; None before the first."""

    @property
    def report(self) -> BackendReport:
        """What the run records of it; whole after the first batch."""

    def submit(self, inputs: torch.Tensor) -> Pending:
        """Begin to answer a batch; where the classifier has a head, the module's outputs are its features.

        Args:
            inputs: `(N, 3, H, W)` float32; or `(N, H, W, 3)` uint8 where the backend normalises.

        Raises:
            ModelError: As `Pending.result`.
        """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` float32 on the CPU of one batch in one pass, however large it is.

        Raises:
            Exception: Whatever the model's own code raises; nothing is tried again.
        """

    def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """As `forward`, of each of several batches; several at a time where the backend can.

        Raises:
            Exception: As `forward`.
        """

    def close(self) -> None:
        """Free what it holds besides the model."""


def open_backend(
    classifier: Classifier,
    settings: InferenceSettings,
    normalisation: Normalisation | None,
    kept: KeptModels | None = None,
) -> Backend:
    """The backend that runs a classifier.

    Args:
        classifier: The model.
        settings: How to run it, and by what.
        normalisation: What is left to do for uint8 inputs; None for inputs that are ready.
        kept: Where compiled models are kept; None to keep none.
    """
    from imagenet_g.benchmark.backends.headed import HeadedBackend

    backend = _open_inner(classifier, settings, normalisation, kept)
    return backend if classifier.head is None else HeadedBackend(backend, classifier.head)


def _open_inner(
    classifier: Classifier,
    settings: InferenceSettings,
    normalisation: Normalisation | None,
    kept: KeptModels | None,
) -> Backend:
    # Imported here: each of them needs a library that the others do not.
    if settings.backend == "openvino":
        from imagenet_g.benchmark.backends.openvino_backend import OpenVINOBackend

        return OpenVINOBackend(classifier, settings, normalisation, kept)
    if settings.device.startswith("cuda"):
        from imagenet_g.benchmark.backends.streamed_backend import StreamedBackend

        return StreamedBackend(classifier, settings, normalisation)
    from imagenet_g.benchmark.backends.torch_backend import TorchBackend

    return TorchBackend(classifier, settings, normalisation)
