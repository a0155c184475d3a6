"""Run one classifier over one split, and store its outputs.

A feeder gives batches, a backend answers them, several at a time, and the answers are kept in parts as they
are done; an interrupted run resumes at the first missing part, with the same batches as an uninterrupted one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from imagenet_g.benchmark.backends.backend import Backend, Pending, open_backend
from imagenet_g.benchmark.backends.batch_check import check_batch
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import is_out_of_memory
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.evaluation.cache import PartStore
from imagenet_g.benchmark.evaluation.parts import PartBuilder
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.feeder import open_feeder
from imagenet_g.benchmark.feeding.preparation import choose_preparation
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.predictions.predictions import Predictions, concatenate_predictions
from imagenet_g.benchmark.records import BatchCheck
from imagenet_g.benchmark.splits.splits import Split

PART_ROWS = 256
"""Fewest rows of a part: what an interruption costs at most, plus the batches in flight."""

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


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
    preparation = choose_preparation(classifier, split)
    run = _Run(classifier, open_backend(classifier, settings, preparation.normalisation))
    with open_feeder(split, preparation, workers=settings.workers) as feeder:
        answers = run.answer(feeder.feed(rows[first:], settings.batch_size))
        counted = _report(answers, first, len(rows), on_progress)
        for part in build_parts(counted, PartBuilder(split, class_sets), settings.batch_size):
            parts.write_part(first, part)
            first += len(part)
            done.append(part)
    run.backend.close()
    return InferenceOutcome(
        predictions=concatenate_predictions(done),
        settings=run.backend.settings,
        seconds=time.perf_counter() - started,
        num_computed=first - resumed_at,
        logits_dtype=run.backend.logits_dtype,
        batch_check=run.batch_check,
    )


Answer = tuple[Batch, torch.Tensor | None]
"""A batch, and the logits `(K, 1000)` of its K readable images."""


class _Run:
    """One model's answers, the first batch checked."""

    def __init__(self, classifier: Classifier, backend: Backend) -> None:
        self.backend = backend
        self.batch_check: BatchCheck | None = None
        self._name = classifier.record.requested

    def answer(self, batches: Iterable[Batch]) -> Iterator[Answer]:
        """Answers in the order of the batches, several of which are computed at a time."""
        waiting: deque[tuple[Batch, Pending | None]] = deque()
        for batch in batches:
            waiting.append((batch, None if batch.inputs is None else self.backend.submit(batch.inputs)))
            if len(waiting) >= self.backend.depth:
                yield self._take(*waiting.popleft())
        while waiting:
            yield self._take(*waiting.popleft())

    def _take(self, batch: Batch, pending: Pending | None) -> Answer:
        if pending is None or batch.inputs is None:
            return batch, None
        logits = pending.result()
        if self.batch_check is None:
            self.batch_check = self._check_batch(batch.inputs, logits)
        return batch, logits

    def _check_batch(self, inputs: torch.Tensor, logits: torch.Tensor) -> BatchCheck | None:
        forward, dtype = self.backend.forward, self.backend.settings.dtype
        try:
            return check_batch(forward, inputs, logits, name=self._name, dtype=dtype)
        except ModelError:
            raise
        except Exception as error:
            # A single image in a batch, where memory does not hold two: nothing to compare with.
            if is_out_of_memory(error):
                return None
            raise ModelError(
                f"The model failed on a batch of one or two images: {type(error).__name__}: {error}"
            ) from error


def build_parts(answers: Iterable[Answer], builder: PartBuilder, batch_size: int) -> Iterator[Predictions]:
    """Predictions in parts of whole batches.

    Args:
        answers: Batches with their logits, in order.
        builder: What puts them together.
        batch_size: Rows of each batch but the last.
    """
    # Whole batches, so that a resumed run forms the batches of an uninterrupted one.
    part_rows = batch_size * -(-PART_ROWS // batch_size)
    for batch, logits in answers:
        builder.add(batch, logits)
        if builder.num_rows >= part_rows:
            yield builder.take()
    if builder.num_rows:
        yield builder.take()


def _report(answers: Iterable[Answer], first: int, total: int, on_progress: Progress) -> Iterator[Answer]:
    done = first
    for batch, logits in answers:
        yield batch, logits
        done += len(batch)
        on_progress(done, total)
