"""The backend of PyTorch: the module as it was loaded, in channels-last memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from imagenet_g.benchmark.backends.allocator import keep_freed_memory
from imagenet_g.benchmark.backends.backend import BackendRefusedError, BackendReport, Pending
from imagenet_g.benchmark.backends.precision import lower_precision
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_compiling import Steps, compile_steps, run_plain
from imagenet_g.benchmark.devices import is_out_of_memory
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import fill_batch
from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.models.classifiers import Classifier


class TorchBackend:
    """Runs a classifier's module.

    Args:
        classifier: The model; its module is moved to the device and, for a low precision, lowered in place.
        settings: How to run it.
        normalisation: What is left to do for uint8 inputs; None for inputs that are ready.
    """

    depth = 1

    def __init__(
        self, classifier: Classifier, settings: InferenceSettings, normalisation: Normalisation | None
    ) -> None:
        self.settings = settings
        self.logits_dtype: str | None = None
        self.report = BackendReport(precision=settings.dtype)
        self._steps: Steps | None = None
        self._compiled_shape = torch.Size()
        self._normalisation = normalisation
        self._num_columns = classifier.num_columns
        self._dtype = getattr(torch, settings.dtype)
        self._device = torch.device(settings.device)
        keep_freed_memory()
        if self._device.type == "cuda":
            # TF32 rounds to 10 bits; float32 must mean float32.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cuda.matmul.allow_tf32 = False
        size = classifier.record.preprocessing.input_size_px
        module = lower_precision(classifier.module, self._dtype, size).to(device=self._device)
        self._module = module.to(memory_format=torch.channels_last).eval()

    def submit(self, inputs: torch.Tensor) -> Pending:
        """Answer a batch, in smaller pieces when memory runs out.

        Raises:
            ModelError: The model fails, or memory does not hold even one image.
        """
        pieces = []
        start = 0
        while start < len(inputs):
            size = min(self.settings.batch_size, len(inputs) - start)
            try:
                pieces.append(self.forward(inputs[start : start + size]))
                start += size
            except Exception as error:
                # The model may be the user's own and raise anything.
                if isinstance(error, BackendRefusedError):
                    raise
                if not is_out_of_memory(error):
                    raise ModelError(
                        f"The model failed on a batch of {size} images: {type(error).__name__}: {error}"
                    ) from error
                self._halve_batch_size(size)
        return Done(torch.cat(pieces))

    def close(self) -> None:
        """Nothing is held besides the model."""

    @torch.inference_mode()
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` float32 on the CPU of one batch in one pass.

        Raises:
            Exception: Whatever the model's own code raises.
            ValueError: The output has another shape.
        """
        return self._compute(inputs.to(self._device)).cpu()

    def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """As `forward`, of one batch after the other.

        Raises:
            Exception: As `forward`.
        """
        return [self.forward(batch) for batch in batches]

    def _compute(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits in float32 of inputs on the device, where they stay."""
        ready = normalise(inputs, self._normalisation)
        batch = ready.to(dtype=self._dtype, memory_format=torch.channels_last)
        output = self._run_compiled(batch) if self.settings.compile else run_plain(self._module, batch)
        self.logits_dtype = str(output.dtype).removeprefix("torch.")
        logits = output.float()
        if logits.shape != (needed := (len(inputs), self._num_columns)):
            raise ValueError(f"outputs of shape {tuple(logits.shape)} where {needed} is needed")
        return logits

    def _run_compiled(self, batch: torch.Tensor) -> torch.Tensor:
        """Outputs of the compiled module, which takes batches of one size: smaller ones are filled up."""
        size = self.settings.batch_size
        if len(batch) > size:
            return torch.cat([self._run_compiled(piece) for piece in torch.split(batch, size)])
        filled = fill_batch(batch, size).contiguous(memory_format=torch.channels_last)
        if self._steps is None or self._compiled_shape != filled.shape:
            self._steps, self._compiled_shape = compile_steps(self._module, filled), filled.shape
        # A copy: a graph writes the next batch into the same memory.
        return self._steps(filled)[: len(batch)].clone()

    def _halve_batch_size(self, size: int) -> None:
        if size <= 1:
            raise ModelError(
                f"Memory on '{self.settings.device}' does not hold a single image of this model. "
                "Use --device cpu, a smaller --dtype, or a machine with more memory."
            )
        self.settings = replace(self.settings, batch_size=size // 2)
        # Blocks cached for the larger batch would stand in the way of the smaller one.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


class Done:
    """Answers that are there.

    Args:
        logits: `(N, 1000)` float32 on the CPU.
    """

    def __init__(self, logits: torch.Tensor) -> None:
        self._logits = logits

    def result(self) -> torch.Tensor:
        """The logits."""
        return self._logits
