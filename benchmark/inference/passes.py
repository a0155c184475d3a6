"""Run classifiers over one split in one pass, and store their outputs.

A feeder gives batches, backends answer them, several at a time, and the answers are kept in parts as they
are done; an interrupted run resumes at the first missing part, with the same batches as an uninterrupted one.
Several models share each image: it is read and decoded once, and prepared once for all that prepare it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from imagenet_g.benchmark.backends.backend import open_backend
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.feeder import open_feeder
from imagenet_g.benchmark.feeding.joint import join_preparations, split_joint
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.same_steps import group_same
from imagenet_g.benchmark.feeding.splitting import choose_preparation
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask, RunningModel
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.splits.splits import Split

Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


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
    """Predict the given rows by one model, resuming where a killed run stopped.

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
    task = InferenceTask(classifier=classifier, class_sets=class_sets, settings=settings, parts=parts)
    (outcome,) = run_pass([task], split, rows, on_progress=on_progress)
    if isinstance(outcome, ImagenetGError):
        raise outcome
    return outcome


def run_pass(
    tasks: Sequence[InferenceTask], split: Split, rows: Sequence[int], *, on_progress: Progress
) -> list[InferenceOutcome | ImagenetGError]:
    """Predict the given rows by several models, each image read once; each resumes where it stopped.

    Args:
        tasks: The models; all have the same number of workers.
        split: The images.
        rows: Which rows to run, in order.
        on_progress: Called after every batch with the rows that are behind it, of all that some model has.

    Returns:
        For each task what it returned, or why it failed; a model that fails does not stop the others.
    """
    members = [_Member(task, split, len(rows)) for task in tasks]
    begun = min((member.task.bounds or (0, 0))[0] for member in members)
    total = max(member.model.stop for member in members) - begun

    def report(position: int) -> None:
        on_progress(position - begun, total)

    report(min(member.model.first for member in members))
    try:
        for member in members:
            member.start()
        for start, stop in _list_stretches(members):
            live = [member for member in members if member.answers(start, stop)]
            if live and not _run_stretch(live, split, rows, (start, stop), report):
                return [_run_apart(member, split, rows, on_progress) for member in members]
        # First of all models: while the last part of one is written, the next one answers its last rows.
        for member in members:
            member.drain()
        for member in members:
            member.finish(shared_with=len(tasks) - 1)
    finally:
        for member in members:
            member.model.close()
    return [member.get_outcome() for member in members]


class _Member:
    """One of the models of a pass."""

    def __init__(self, task: InferenceTask, split: Split, num_rows: int) -> None:
        self.task = task
        self.preparation = choose_preparation(task.classifier, split)
        self.model = RunningModel(task, split, num_rows)
        self.error: ImagenetGError | None = None
        self._outcome: InferenceOutcome | None = None

    def start(self) -> None:
        with self._drop_out():
            task, normalisation = self.task, self.preparation.normalisation
            self.model.start(open_backend(task.classifier, task.settings, normalisation, task.kept))

    def answers(self, start: int, stop: int) -> bool:
        """Whether it has all these rows to answer, and has not failed."""
        return self.error is None and self.model.first <= start and stop <= self.model.stop

    def push(self, batch: Batch) -> None:
        with self._drop_out():
            self.model.push(batch)

    def drain(self) -> None:
        if self.error is None:
            with self._drop_out():
                self.model.drain()

    def finish(self, *, shared_with: int) -> None:
        if self.error is None:
            with self._drop_out():
                self._outcome = self.model.finish(shared_with=shared_with)

    def get_outcome(self) -> InferenceOutcome | ImagenetGError:
        if self._outcome is not None:
            return self._outcome
        if self.error is None:
            raise RuntimeError("`finish` comes before `get_outcome`")
        return self.error

    @contextmanager
    def _drop_out(self) -> Iterator[None]:
        try:
            yield
        except ImagenetGError as error:
            self.error = error


def _list_stretches(members: Sequence[_Member]) -> list[tuple[int, int]]:
    """Rows between the points at which some model begins or ends."""
    points = sorted({point for member in members for point in (member.model.first, member.model.stop)})
    return list(pairwise(points))


def _run_stretch(
    live: list[_Member],
    split: Split,
    rows: Sequence[int],
    stretch: tuple[int, int],
    report: Callable[[int], None],
) -> bool:
    """Answer the rows of a stretch; whether every image could be prepared for every model."""
    done, stop = stretch
    numbers, joined = _join([member.preparation for member in live])
    size = max(member.task.settings.batch_size for member in live)
    settings = live[0].task.settings
    with open_feeder(
        split, joined, workers=settings.workers, device=settings.device, kind=settings.feeding
    ) as feeder:
        try:
            for batch in feeder.feed(rows[done:stop], size):
                pieces = split_joint(batch, max(numbers) + 1)
                for member, number in zip(live, numbers, strict=True):
                    if member.error is None:
                        member.push(pieces[number])
                done += len(batch)
                report(done)
                if all(member.error for member in live):
                    break
        except ImagenetGError as error:
            if len(live) > 1:
                return False
            live[0].error = error
    return True


def _join(preparations: list[Preparation]) -> tuple[list[int], Preparation]:
    """For each preparation its number among the different ones, and these as one."""
    firsts = group_same(preparations)
    different = sorted(set(firsts))
    return [different.index(first) for first in firsts], join_preparations(
        [preparations[first] for first in different]
    )


def _run_apart(
    member: _Member, split: Split, rows: Sequence[int], on_progress: Progress
) -> InferenceOutcome | ImagenetGError:
    """The same by one model alone, from its last part on.

    An image that cannot be prepared for one model is that model's failure and not the others'.
    """
    if member.error is not None:
        return member.error
    member.model.close()
    return run_pass([member.task], split, rows, on_progress=on_progress)[0]
