"""The backend of OpenVINO: the module compiled for the CPU, in float32, several batches at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.backends.agreement import compare_answers
from imagenet_g.benchmark.backends.backend import BackendRefusedError, BackendReport, Pending
from imagenet_g.benchmark.backends.kept_models import KeptModels
from imagenet_g.benchmark.backends.openvino_model import (
    CompiledShape,
    compile_module,
    export_compiled,
    load_compiled,
    load_openvino,
)
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.devices import is_out_of_memory
from imagenet_g.benchmark.environment import count_cores
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import fill_batch
from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.models.classifiers import Classifier

if TYPE_CHECKING:
    import openvino

Array = npt.NDArray[np.generic]
_NOISE_SCALES = (0.1, 1.0, 4.0)


class OpenVINOBackend:
    """Compiles a classifier's module at the first batch, and compares its answers with those of PyTorch.

    Args:
        classifier: The model; its module stays on the CPU and in float32.
        settings: How to run it. Smaller batches are filled up to the batch size.
        normalisation: What is left to do for uint8 inputs; None for inputs that are ready.
        kept: Where the compiled model is kept; None to keep it nowhere.
    """

    def __init__(
        self,
        classifier: Classifier,
        settings: InferenceSettings,
        normalisation: Normalisation | None,
        kept: KeptModels | None = None,
    ) -> None:
        self.settings = settings
        self.logits_dtype: str | None = None
        self.report = BackendReport(precision="float32")
        # A stream for each core, and a batch that waits for the first of them to be free.
        self._num_streams = count_cores()
        self.depth = self._num_streams + 1
        self._classifier = classifier
        self._normalisation = normalisation
        self._kept = kept
        self._shape: CompiledShape | None = None
        self._requests: list[_Request] = []
        self._next = 0
        self._difference = ""

    def submit(self, inputs: torch.Tensor) -> Pending:
        """Begin to answer a batch; the first one is answered by PyTorch as well.

        Raises:
            BackendRefusedError: The module cannot be compiled, its answers are not those of PyTorch, or
                the batch has images of another size than the first one.
            ModelError: The model fails on the batch.
        """
        if self._shape is None:
            self._open(inputs)
        pieces = [self._start(piece) for piece in torch.split(inputs, self.settings.batch_size)]
        return pieces[0] if len(pieces) == 1 else _Joined(pieces)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The module's outputs `(N, K)` float32 for one batch.

        Raises:
            ModelError: As `submit`.
        """
        return self.submit(inputs).result()

    def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """As `forward`, of each of several batches, on all streams.

        Raises:
            ModelError: As `submit`.
        """
        pending = [self.submit(batch) for batch in batches]
        return [answers.result() for answers in pending]

    def close(self) -> None:
        """Wait for what is computed, and free what is not kept open for the next split."""
        for request in self._requests:
            request.settle()
        self._requests, self._shape = [], None

    def _start(self, inputs: torch.Tensor) -> Pending:
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        return request.start(self._fill(inputs), len(inputs))

    def _fill(self, inputs: torch.Tensor) -> Array:
        """The batch at the size that the model is compiled for."""
        if self._shape is None or tuple(inputs.shape[1:]) != self._shape.batch[1:]:
            raise BackendRefusedError(
                "it is compiled for images of one size, and the transform gives several"
            )
        return fill_batch(inputs, self.settings.batch_size).contiguous().numpy()

    def _open(self, inputs: torch.Tensor) -> None:
        """Load or compile the model for batches like this one, and compare its answers."""
        inputs = inputs[: self.settings.batch_size]
        batch = (self.settings.batch_size, *inputs.shape[1:])
        self._shape = CompiledShape(
            batch=batch, normalisation=self._normalisation, num_streams=self._num_streams
        )
        key = "" if self._kept is None else self._shape.make_key(self._kept.identity)
        model = self._find_kept(key, self._shape)
        try:
            if model is None or not self._take(model, [inputs]):
                model = self._compile(inputs)
                if not self._take(model, make_probes(inputs)):
                    raise BackendRefusedError(self._difference)
                if self._kept is not None:
                    self._kept.write(key, export_compiled(model))
        except BaseException:
            self._shape, self._requests = None, []
            raise
        if self._kept is not None:
            self._kept.opened[key] = model

    def _find_kept(self, key: str, shape: CompiledShape) -> openvino.CompiledModel | None:
        if self._kept is None:
            return None
        if (model := self._kept.opened.get(key)) is not None:
            return model
        content = self._kept.load(key)
        return None if content is None else load_compiled(content, shape)

    def _compile(self, inputs: torch.Tensor) -> openvino.CompiledModel:
        if self._shape is None:
            raise ModelError("There is no batch to compile for.")
        filled = torch.from_numpy(self._fill(inputs))
        return compile_module(self._classifier.module, filled, self._shape)

    def _take(self, model: openvino.CompiledModel, probes: Iterable[torch.Tensor]) -> bool:
        """Use a compiled model, if it gives the answers of PyTorch; the first probe is of real images."""
        self._requests = [_Request(model, self._classifier.num_columns) for _ in range(self.depth)]
        self._next = 0
        for number, probe in enumerate(probes):
            expected = self._run_torch(probe, is_real=number == 0)
            if expected is None:
                continue
            check, self._difference = compare_answers(self._score(self._answer(probe)), self._score(expected))
            if check is None:
                return False
            if number == 0:
                self.report = BackendReport(precision="float32", check=check)
        self.logits_dtype = self._requests[0].dtype
        return True

    def _answer(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._start(inputs).result()

    def _run_torch(self, inputs: torch.Tensor, *, is_real: bool) -> torch.Tensor | None:
        """PyTorch's outputs; None where the module does not take inputs that are no images."""
        try:
            with torch.inference_mode():
                return torch.as_tensor(
                    self._classifier.module(normalise(inputs, self._normalisation))
                ).float()
        except Exception as error:
            if not is_real:
                return None
            raise ModelError(
                f"The model failed on a batch of {len(inputs)} images: {type(error).__name__}: {error}"
            ) from error

    def _score(self, outputs: torch.Tensor) -> torch.Tensor:
        head = self._classifier.head
        return outputs if head is None else head.score(outputs)


def make_probes(inputs: torch.Tensor) -> Iterator[torch.Tensor]:
    """What a newly compiled model is compared on: a batch, its first image alone, and noise.

    Args:
        inputs: `(N, H, W, 3)` uint8, or `(N, 3, H, W)` float32.
    """
    yield inputs
    yield inputs[:1]
    generator = torch.Generator().manual_seed(0)
    if inputs.dtype == torch.uint8:
        yield torch.randint(0, 256, inputs.shape, generator=generator, dtype=torch.uint8)
        # Darker and brighter than a photograph.
        yield torch.cat([inputs[:1] // 16, 255 - inputs[:1] // 16])[: len(inputs)]
        return
    for scale in _NOISE_SCALES:
        yield torch.randn(inputs[:1].shape, generator=generator) * scale


class _Request:
    """One batch at a time on its way through a compiled model."""

    def __init__(self, model: openvino.CompiledModel, num_columns: int) -> None:
        self._request = model.create_infer_request()
        self._num_columns = num_columns
        self._inputs: Array | None = None
        self._pending: _Answers | None = None
        self.dtype = str(model.outputs[0].get_element_type().to_dtype())

    def start(self, inputs: Array, count: int) -> _Answers:
        """Begin with a batch, of which the first `count` images are wanted."""
        self.settle()
        # Held until the answers are there, because the memory is used in place.
        self._inputs = inputs
        self._request.set_input_tensor(load_openvino().Tensor(inputs, shared_memory=True))
        self._request.start_async()
        self._pending = _Answers(self, count)
        return self._pending

    def settle(self) -> None:
        """Wait for a batch whose answers nobody has taken yet, before its memory is used again."""
        if self._pending is not None:
            self._pending.wait()

    def read(self, count: int) -> torch.Tensor:
        """The answers to the first images of the batch that was started last; waits for them."""
        self._pending = None
        try:
            self._request.wait()
            outputs = np.array(self._request.get_output_tensor().data[:count])
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise BackendRefusedError(f"memory does not hold a batch of {count} images") from error
            raise ModelError(f"The model failed on a batch of {count} images: {error}") from error
        finally:
            self._inputs = None
        if outputs.shape != (needed := (count, self._num_columns)):
            raise ModelError(
                f"The model failed on a batch of {count} images: outputs of shape {outputs.shape} where "
                f"{needed} is needed"
            )
        return torch.from_numpy(outputs).float()


class _Answers:
    """Answers of a request, read once."""

    def __init__(self, request: _Request, count: int) -> None:
        self._request = request
        self._count = count
        self._outputs: torch.Tensor | None = None
        self._error: ModelError | None = None

    def wait(self) -> None:
        """Wait, and hold the answers or the error for `result`."""
        if self._outputs is None and self._error is None:
            try:
                self._outputs = self._request.read(self._count)
            except ModelError as error:
                self._error = error

    def result(self) -> torch.Tensor:
        """Outputs `(N, K)` float32.

        Raises:
            ModelError: The model failed on the batch.
        """
        self.wait()
        if self._outputs is None:
            raise self._error or ModelError("The batch has no answers.")
        return self._outputs


class _Joined:
    """The answers to a batch that was submitted in pieces."""

    def __init__(self, pieces: Sequence[Pending]) -> None:
        self._pieces = pieces

    def result(self) -> torch.Tensor:
        """Outputs `(N, K)` float32 of all pieces."""
        return torch.cat([piece.result() for piece in self._pieces])
