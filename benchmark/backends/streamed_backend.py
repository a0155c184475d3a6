"""PyTorch on CUDA: transfer, computation and the way back of several batches at the same time."""

from __future__ import annotations

import torch

from imagenet_g.benchmark.backends.backend import Pending
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import TorchBackend
from imagenet_g.benchmark.devices import is_out_of_memory
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.models.classifiers import Classifier


class StreamedBackend(TorchBackend):
    """Submits without waiting: pinned memory to the device, the module, and the logits into pinned memory.

    Args:
        classifier: As for `TorchBackend`.
        settings: How to run it, on a CUDA device.
        normalisation: As for `TorchBackend`; done on the device.
    """

    # One batch on its way to the device, one that is computed, one on its way back.
    depth = 3

    def __init__(
        self, classifier: Classifier, settings: InferenceSettings, normalisation: Normalisation | None
    ) -> None:
        super().__init__(classifier, settings, normalisation)
        self._arriving = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._leaving = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def submit(self, inputs: torch.Tensor) -> Pending:
        """Begin to answer a batch; when memory runs out, answer it in smaller pieces at once.

        Raises:
            ModelError: As `TorchBackend.submit`.
        """
        if len(inputs) <= self.settings.batch_size:
            try:
                return self._begin(inputs)
            except Exception as error:
                # Memory is taken before anything is launched, so it runs out here and not later. Any other
                # error comes again, with its message.
                if is_out_of_memory(error):
                    torch.cuda.empty_cache()
        return super().submit(inputs)

    @torch.inference_mode()
    def _begin(self, inputs: torch.Tensor) -> Pending:
        # Only from pinned memory does a transfer run beside a computation.
        held = inputs if inputs.is_pinned() else inputs.pin_memory()
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._arriving):
            moved = held.to(self._device, non_blocking=True)
        computing.wait_stream(self._arriving)
        # Taken on one stream and used on another: not to be given away before both are done.
        moved.record_stream(computing)
        logits = self._compute(moved)
        self._leaving.wait_stream(computing)
        with torch.cuda.stream(self._leaving):
            answers = torch.empty(logits.shape, dtype=logits.dtype, pin_memory=True)
            answers.copy_(logits, non_blocking=True)
        logits.record_stream(self._leaving)
        return _OnItsWay(self._leaving.record_event(), answers, held)


class _OnItsWay:
    """Logits that are copied from the device.

    Args:
        event: Happens when the copy is done.
        answers: Pinned memory that the logits are copied into.
        inputs: Pinned memory that the batch is copied from; held until the event.
    """

    def __init__(self, event: torch.cuda.Event, answers: torch.Tensor, inputs: torch.Tensor) -> None:
        self._event = event
        self._answers = answers
        self._inputs: torch.Tensor | None = inputs

    def result(self) -> torch.Tensor:
        """Logits `(N, 1000)` float32 on the CPU.

        Raises:
            ModelError: The device reports an error of this batch or of an earlier one.
        """
        try:
            self._event.synchronize()
        except RuntimeError as error:
            raise ModelError(
                f"The model failed on a batch of {len(self._answers)} images: {error}"
            ) from error
        self._inputs = None
        return self._answers
