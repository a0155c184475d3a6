"""Run one classifier over one split, and store its outputs.

Rows are kept in parts as they are done; an interrupted run resumes at the first missing part, with the same
batches as an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.answers.softmax import compute_top_five
from imagenet_g.benchmark.answers.top_five import TopFive, blank_rows, stack_top_five
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.evaluation.batch_check import check_batch
from imagenet_g.benchmark.evaluation.cache import PartStore
from imagenet_g.benchmark.evaluation.precision import hold_head, lower_precision
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.predictions.predictions import Predictions, concatenate_predictions
from imagenet_g.benchmark.records import BatchCheck
from imagenet_g.benchmark.splits.decode_ahead import PreparedImage, prepare_ahead, stack_inputs
from imagenet_g.benchmark.splits.splits import Split

PART_ROWS = 256
"""Fewest rows of a part: what an interruption costs at most, plus one batch."""
NOT_FINITE = "the model's output is not finite"

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceSettings:
    """How to run; nothing here should change a prediction beyond rounding.

    Attributes:
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: "float32", "bfloat16" or "float16": of weights and inputs; the head is always in float32.
        batch_size: Images per forward pass; halved when memory runs out.
        workers: Threads that decode and transform.
    """

    device: str
    dtype: str
    batch_size: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOutcome:
    """What a run returned.

    Attributes:
        predictions: In the order of the requested rows.
        settings: The settings, with the batch size that memory allowed in the end.
        seconds: How long this run took.
        num_computed: How many rows this run computed; fewer than all when it resumed an earlier one.
        logits_dtype: Type of the logits as the model gave them, such as "float32"; None where nothing ran.
        batch_check: That no answer depends on its batch, as measured; None where it could not be.
    """

    predictions: Predictions
    settings: InferenceSettings
    seconds: float
    num_computed: int
    logits_dtype: str | None
    batch_check: BatchCheck | None


def run_inference(
    classifier: Classifier,
    split: Split,
    rows: Sequence[int],
    *,
    class_sets: Mapping[str, ClassSet],
    settings: InferenceSettings,
    parts: PartStore,
    on_progress: Progress,
) -> InferenceOutcome:
    """Predict the given rows, resuming where a killed run stopped.

    Args:
        classifier: The model.
        split: The images.
        rows: Which rows to run, in order.
        class_sets: Class sets to store restricted outputs for, by stored name.
        settings: How to run.
        parts: Where finished stretches are kept.
        on_progress: Called after every batch.

    Raises:
        ModelError: The model fails on a batch, or memory does not hold even one image.
        StorageError: Parts cannot be written.
    """
    started = time.perf_counter()
    done = parts.load_parts()
    first = resumed_at = sum(len(part) for part in done)
    on_progress(first, len(rows))
    runner = _Runner(classifier, split, class_sets, settings)
    with ThreadPoolExecutor(max(1, settings.workers)) as pool:
        try:
            for part in runner.predict_parts(pool, rows, first, on_progress):
                parts.write_part(first, part)
                first += len(part)
                done.append(part)
        except BaseException:
            # Without this, Ctrl-C would wait for every image in the queue.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return InferenceOutcome(
        predictions=concatenate_predictions(done),
        settings=runner.settings,
        seconds=time.perf_counter() - started,
        num_computed=first - resumed_at,
        logits_dtype=runner.logits_dtype,
        batch_check=runner.batch_check,
    )


class _Runner:
    """The state of one run: the model on its device and the batch size that memory allows."""

    def __init__(
        self,
        classifier: Classifier,
        split: Split,
        class_sets: Mapping[str, ClassSet],
        settings: InferenceSettings,
    ) -> None:
        self.settings = settings
        self.split = split
        self.class_sets = class_sets
        self.transform = classifier.precropped_transform if split.precropped else classifier.transform
        self.dtype = getattr(torch, settings.dtype)
        self.logits_dtype: str | None = None
        self.name = classifier.record.requested
        self.batch_check: BatchCheck | None = None
        self.device = torch.device(settings.device)
        if self.device.type == "cuda":
            # TF32 rounds to 10 bits; float32 must mean float32.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cuda.matmul.allow_tf32 = False
        size = classifier.record.preprocessing.input_size_px
        module = lower_precision(classifier.module, self.dtype, size).to(device=self.device)
        self.module = module.to(memory_format=torch.channels_last).eval()

    def predict_parts(
        self, pool: ThreadPoolExecutor, rows: Sequence[int], first: int, on_progress: Progress
    ) -> Iterator[Predictions]:
        """Predictions of rows[first:], in parts of whole batches."""
        batch_size = self.settings.batch_size
        # Whole batches, so that a resumed run forms the batches of an uninterrupted one.
        part_rows = batch_size * -(-PART_ROWS // batch_size)
        prepared = prepare_ahead(
            pool, self.split, rows[first:], transform=self.transform, window=2 * batch_size
        )
        while first < len(rows):
            stop = min(first + part_rows, len(rows))
            outputs: list[tuple[Mapping[str, TopFive], list[str | None]]] = []
            for start in range(first, stop, batch_size):
                batch = [next(prepared) for _ in range(min(batch_size, stop - start))]
                labels = self.split.rows.labels[np.asarray(rows[start : start + len(batch)], dtype=np.intp)]
                outputs.append(self._predict_batch(batch, labels))
                on_progress(start + len(batch), len(rows))
            yield self._assemble(rows[first:stop], outputs)
            first = stop

    def _predict_batch(
        self, batch: list[PreparedImage], labels: npt.NDArray[np.int16]
    ) -> tuple[Mapping[str, TopFive], list[str | None]]:
        tensors = [image.tensor for image in batch if image.tensor is not None]
        # NaN marks what was not predicted; a row of zeros would pass for an answer.
        logits = torch.full((len(batch), 1000), torch.nan)
        # A batch of unreadable images only would reach the model empty, which many refuse.
        if tensors:
            readable = torch.tensor([image.tensor is not None for image in batch])
            inputs = stack_inputs(tensors)
            logits[readable] = answers = self._forward(inputs)
            if self.batch_check is None:
                self.batch_check = self._check_batch(inputs, answers)
        errors = [image.error for image in batch]
        # -inf for some classes is legitimate (`MappedOutputs` gives it to classes without an output); for all
        # of them it is a failure.
        broken = torch.isnan(logits).any(1) | torch.isposinf(logits).any(1) | torch.isneginf(logits).all(1)
        for number in torch.nonzero(broken).flatten().tolist():
            errors[number] = errors[number] or NOT_FINITE
        sets: dict[str, ClassSet | None] = {"all": None, **self.class_sets}
        top5 = {name: compute_top_five(logits, one, labels=labels) for name, one in sets.items()}
        return top5, errors

    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` float32 on the CPU; in smaller pieces when memory runs out."""
        pieces = []
        start = 0
        while start < len(inputs):
            size = min(self.settings.batch_size, len(inputs) - start)
            try:
                pieces.append(self._forward_once(inputs[start : start + size]))
                start += size
            except Exception as error:
                # The model may be the user's own and raise anything.
                if not _is_out_of_memory(error):
                    raise ModelError(
                        f"The model failed on a batch of {size} images: {type(error).__name__}: {error}"
                    ) from error
                self._halve_batch_size(size)
        return torch.cat(pieces)

    def _check_batch(self, inputs: torch.Tensor, logits: torch.Tensor) -> BatchCheck | None:
        try:
            return check_batch(self._forward_once, inputs, logits, name=self.name, dtype=self.settings.dtype)
        except Exception as error:
            # A single image in a batch, where memory does not hold two: nothing to compare with.
            if not _is_out_of_memory(error):
                if isinstance(error, ModelError):
                    raise
                raise ModelError(
                    f"The model failed on a batch of one or two images: {type(error).__name__}: {error}"
                ) from error
            return None

    @torch.inference_mode()
    def _forward_once(self, inputs: torch.Tensor) -> torch.Tensor:
        batch = inputs.to(device=self.device, dtype=self.dtype, memory_format=torch.channels_last)
        with hold_head(self.module):
            output = torch.as_tensor(self.module(batch))
        self.logits_dtype = str(output.dtype).removeprefix("torch.")
        logits = output.float().cpu()
        if logits.shape != (len(inputs), 1000):
            raise ValueError(f"outputs of shape {tuple(logits.shape)} where ({len(inputs)}, 1000) is needed")
        return logits

    def _halve_batch_size(self, size: int) -> None:
        if size <= 1:
            raise ModelError(
                f"Memory on '{self.settings.device}' does not hold a single image of this model. "
                "Use --device cpu, a smaller --dtype, or a machine with more memory."
            )
        self.settings = InferenceSettings(
            device=self.settings.device,
            dtype=self.settings.dtype,
            batch_size=size // 2,
            workers=self.settings.workers,
        )
        # Blocks cached for the larger batch would stand in the way of the smaller one.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _assemble(
        self, rows: Sequence[int], outputs: list[tuple[Mapping[str, TopFive], list[str | None]]]
    ) -> Predictions:
        chosen = np.asarray(rows, dtype=np.intp)
        labels = self.split.rows.labels[chosen]
        top5 = {
            name: stack_top_five([output[0][name] for output in outputs])
            for name in ("all", *self.class_sets)
        }
        return Predictions(
            image_ids=tuple(self.split.rows.image_ids[row] for row in rows),
            labels=labels,
            source_image_ids=tuple(self.split.rows.source_image_ids[row] for row in rows),
            top5=top5.pop("all"),
            errors=tuple(error for output in outputs for error in output[1]),
            restricted={name: _blank_outside(t, labels, self.class_sets[name]) for name, t in top5.items()},
        )


def _is_out_of_memory(error: BaseException) -> bool:
    # torch has OutOfMemoryError for CUDA; its allocators for CPU and MPS raise RuntimeError with these words.
    message = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        "out of memory" in message or "not enough memory" in message or "can't allocate memory" in message
    )


def _blank_outside(top5: TopFive, labels: npt.NDArray[np.int16], class_set: ClassSet) -> TopFive:
    # Nothing is stored where no label lies in the set: the question does not arise there, and no score may
    # count it.
    return blank_rows(top5, np.asarray(np.isin(labels, class_set.indices).any(axis=1)))
