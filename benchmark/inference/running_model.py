"""A model at work on its rows: batches in, parts out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch

from imagenet_g.benchmark.backends.backend import Backend, BackendReport, Pending
from imagenet_g.benchmark.backends.batch_check import check_batch
from imagenet_g.benchmark.backends.kept_models import KeptModels
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.devices import is_out_of_memory
from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.rebatching import Rebatcher
from imagenet_g.benchmark.formats.runs import BatchCheck
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.parts import PartBuilder
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.predictions.predictions import Predictions, concatenate_predictions
from imagenet_g.benchmark.splits.splits import Split

PART_ROWS = 256
"""Fewest rows of a part: what an interruption costs at most, plus the batches in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceTask:
    """What one model has to do on a split.

    Attributes:
        classifier: The model.
        class_sets: Class sets to store restricted outputs for, by stored name.
        settings: How to run.
        parts: Where finished stretches are kept.
        kept: Where the compiled model is kept; None to keep it nowhere.
        bounds: First of the requested rows, and the one behind the last; None for all. They lie between
            batches of a run of all rows.
    """

    classifier: Classifier
    class_sets: Mapping[str, ClassSet]
    settings: InferenceSettings
    parts: PartStore
    kept: KeptModels | None = None
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOutcome:
    """What a run returned.

    Attributes:
        predictions: In the order of the rows.
        settings: The settings, with the batch size that memory allowed in the end.
        started_utc: When it started, ISO 8601.
        seconds: How long this run took; of a pass of several models, the whole of it until this one's end.
        warm_up_seconds: How long of them the model took to be compiled and compared, and to answer its first
            batch and the check for neighbours; None where nothing ran.
        num_computed: How many rows this run computed; fewer than all when it resumed an earlier one.
        shared_with: How many other models answered in the same pass.
        logits_dtype: Type of the logits as the model gave them, such as "float32"; None where nothing ran.
        batch_check: That no answer depends on its batch, as measured; None where it could not be.
        report: What the backend says of itself.
    """

    predictions: Predictions
    settings: InferenceSettings
    started_utc: str
    seconds: float
    warm_up_seconds: float | None
    num_computed: int
    shared_with: int
    logits_dtype: str | None
    batch_check: BatchCheck | None
    report: BackendReport


class RunningModel:
    """One model's answers: the first batch checked, several batches computed at a time, parts kept.

    Batches and parts are those of an uninterrupted run of this model alone, whatever it is fed.

    Args:
        task: The model, and the parts of an earlier run.
        split: The images.
        num_rows: How many rows are requested of all models.

    Attributes:
        first: The number among the requested rows at which the model goes on.
        stop: The number behind its last one.
    """

    def __init__(self, task: InferenceTask, split: Split, num_rows: int) -> None:
        self._started, self._started_utc = time.perf_counter(), format_now()
        self._task = task
        start, self.stop = task.bounds or (0, num_rows)
        self._done = task.parts.load_parts()
        self._num_kept = self._num_resumed = sum(len(part) for part in self._done)
        self.first = start + self._num_resumed
        self._builder = PartBuilder(split, task.class_sets)
        self._rebatcher = Rebatcher(task.settings.batch_size)
        self._waiting: deque[tuple[Batch, Pending | None]] = deque()
        # Sums and files of a part take some 50 ms, in which a model without its next batch stands still.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="parts")
        self._writing: deque[Future[Predictions]] = deque()
        self._backend: Backend | None = None
        self._batch_check: BatchCheck | None = None
        self._warm_up_seconds: float | None = None
        size = task.settings.batch_size
        # Whole batches, so that a resumed run forms the batches of an uninterrupted one.
        self._part_rows = size * -(-PART_ROWS // size)

    def start(self, backend: Backend) -> None:
        """Answer by this backend."""
        self._backend = backend

    def push(self, batch: Batch) -> None:
        """Take in the next rows, as many as come.

        Raises:
            ModelError: The model failed, or memory does not hold even one image.
            StorageError: A part cannot be written.
        """
        for whole in self._rebatcher.add(batch):
            self._submit(whole)

    def drain(self) -> None:
        """Answer what is left, when all rows were pushed, and begin to write it.

        Raises:
            ModelError: As `push`.
            StorageError: As `push`.
        """
        for rest in self._rebatcher.take_rest():
            self._submit(rest)
        while self._waiting:
            self._take()
        if self._builder.num_rows:
            self._keep_part()

    def finish(self, *, shared_with: int) -> InferenceOutcome:
        """The predictions, after `drain`.

        Raises:
            StorageError: As `push`.
        """
        if not (self._done or self._writing):
            # A share may have no rows; without this it would have no columns either.
            self._keep_part()
        self._collect(ahead=0)
        backend = self._require_backend()
        return InferenceOutcome(
            predictions=concatenate_predictions(self._done),
            settings=backend.settings,
            started_utc=self._started_utc,
            seconds=time.perf_counter() - self._started,
            warm_up_seconds=self._warm_up_seconds,
            num_computed=self._num_kept - self._num_resumed,
            shared_with=shared_with,
            logits_dtype=backend.logits_dtype,
            batch_check=self._batch_check,
            report=backend.report,
        )

    def close(self) -> None:
        """Free what the backend holds, and leave nothing that waits."""
        self._waiting.clear()
        # After an error too: what is answered is not computed again.
        self._writer.shutdown()
        if self._backend is not None:
            self._backend.close()

    def _require_backend(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("`start` comes before the first batch")
        return self._backend

    def _submit(self, batch: Batch) -> None:
        backend = self._require_backend()
        self._waiting.append((batch, None if batch.inputs is None else backend.submit(batch.inputs)))
        # The first batch is answered and checked before the next one is begun: what then comes takes the time
        # that each batch takes, and nothing of the start is left in it.
        if self._warm_up_seconds is None or len(self._waiting) >= backend.depth:
            self._take()

    def _take(self) -> None:
        batch, pending = self._waiting.popleft()
        logits = None if pending is None else pending.result()
        if self._batch_check is None and logits is not None and batch.inputs is not None:
            self._batch_check = self._check_batch(batch.inputs, logits)
        if self._warm_up_seconds is None and logits is not None:
            self._warm_up_seconds = time.perf_counter() - self._started
        self._builder.add(batch, logits)
        if self._builder.num_rows >= self._part_rows:
            self._keep_part()

    def _keep_part(self) -> None:
        # One part is written while the next one is collected; no more are held.
        self._collect(ahead=1)
        first, num_rows = self._num_kept, self._builder.num_rows
        self._writing.append(self._writer.submit(_write_part, self._task.parts, first, self._builder.take()))
        self._num_kept += num_rows

    def _collect(self, *, ahead: int) -> None:
        """Wait for parts until so many are left to be written."""
        while len(self._writing) > ahead:
            self._done.append(self._writing.popleft().result())

    def _check_batch(self, inputs: torch.Tensor, logits: torch.Tensor) -> BatchCheck | None:
        backend, name = self._require_backend(), self._task.classifier.record.requested
        try:
            return check_batch(backend.forward_each, inputs, logits, name=name, dtype=backend.settings.dtype)
        except ModelError:
            raise
        except Exception as error:
            # A single image in a batch, where memory does not hold two: nothing to compare with.
            if is_out_of_memory(error):
                return None
            raise ModelError(
                f"The model failed on a batch of one or two images: {type(error).__name__}: {error}"
            ) from error


def _write_part(parts: PartStore, first: int, make: Callable[[], Predictions]) -> Predictions:
    part = make()
    parts.write_part(first, part)
    return part
