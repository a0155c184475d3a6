"""PyTorch on CUDA: transfer, computation and the way back of several batches at the same time."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import torch

from imagenet_g.benchmark.backends.backend import Pending
from imagenet_g.benchmark.backends.choosing import probe_batch_size
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import TorchBackend
from imagenet_g.benchmark.devices import format_device_name, is_out_of_memory
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.storage import write_text

_START, _MOST = 64, 2048
_REPEATS = 3


def find_batch_size(
    classifier: Classifier, settings: InferenceSettings, *, folder: Path, identity: str
) -> int:
    """The batch size at which a model is fastest on a device, measured once and remembered.

    Args:
        classifier: The model.
        settings: How it will run; its batch size does not count.
        folder: Where sizes are remembered.
        identity: Hash of all that decides what the module computes.

    Raises:
        StorageError: The folder cannot be written.
    """
    device = format_device_name(settings.device)
    path = folder / f"{hash_json([identity, device, settings.dtype, torch.__version__])}.txt"
    try:
        known = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        known = 0
    if not _START <= known <= _MOST:
        known = probe_batch_size(
            lambda size: measure_rate(classifier, replace(settings, batch_size=size, compile=False)),
            start=_START,
            most=_MOST,
        )
        write_text(path, str(known))
    return known


def measure_rate(classifier: Classifier, settings: InferenceSettings) -> float | None:
    """Images per second at the batch size of the settings; None where the model does not run at it."""
    size = classifier.record.preprocessing.input_size_px
    backend = TorchBackend(classifier, settings, None)
    try:
        inputs = torch.randn(settings.batch_size, 3, *size, generator=torch.Generator().manual_seed(0))
        inputs = inputs.to(settings.device)
        # The first pass chooses kernels and takes its memory; each ends when its logits are here.
        backend.forward(inputs)
        started = time.perf_counter()
        for _ in range(_REPEATS):
            backend.forward(inputs)
        return _REPEATS * settings.batch_size / (time.perf_counter() - started)
    except Exception:
        # Out of memory; any other error comes again at the first batch of images, with its message.
        return None
    finally:
        if settings.device.startswith("cuda"):
            torch.cuda.empty_cache()


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
