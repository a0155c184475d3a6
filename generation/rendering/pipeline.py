"""What goes on behind the renderer: rows collected, shards committed, images scored, in one thread in order.

While a batch is rendered, a thread takes the rows of earlier ones, runs the scorers whenever 32 images are
together, and writes the shard once it is whole. So a device that renders does not wait at the end of a shard,
and scores need no pass of their own.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np

from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.generation.rendering.renderer import MadeRow
from imagenet_g.generation.rendering.score_batches import RowScorer, WorkRow
from imagenet_g.generation.rendering.score_files import write_score_files
from imagenet_g.generation.rendering.scorer import Scorer
from imagenet_g.generation.rendering.shards import ShardRecord
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport
from imagenet_g.generation.sharing.leases import Lease

MAX_IMAGES_BEHIND = 64
"""Images that may wait behind the renderer before it stops for them: two batches of the scorers."""
Commit = Callable[[Sequence[WorkRow], float], ShardRecord]


class Background:
    """Does pieces of work in the order they come, a bounded number of them ahead.

    Args:
        executor: One thread.
        max_waiting: Pieces that may wait; `put` waits while there are more.
    """

    def __init__(self, executor: Executor, max_waiting: int) -> None:
        self._executor, self._max_waiting = executor, max_waiting
        self._waiting: deque[Future[None]] = deque()
        self._has_failed = False

    def put(self, work: Callable[[], None]) -> None:
        """Add a piece of work.

        Raises:
            Exception: What an earlier piece raised; no piece behind it is done.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= self._max_waiting):
            self._waiting.popleft().result()
        self._waiting.append(self._executor.submit(self._run, work))

    def finish(self) -> None:
        """Wait for everything.

        Raises:
            Exception: What a piece raised.
        """
        while self._waiting:
            self._waiting.popleft().result()

    def settle(self) -> None:
        """Wait for everything, where another error is to be reported already."""
        while self._waiting:
            with suppress(ImagenetGError):
                self._waiting.popleft().result()

    def close(self) -> None:
        """Give up what was not begun and wait for the rest."""
        for future in self._waiting:
            future.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, work: Callable[[], None]) -> None:
        # A shard must not be committed whose rows could not all be taken.
        if self._has_failed:
            return
        try:
            work()
        except BaseException:
            self._has_failed = True
            raise


@dataclass(slots=True)
class ShardWork:
    """One shard on its way from the renderer to its files; its methods are run behind, in order.

    Attributes:
        job: The split.
        task: What is to be done.
        lease: Given back when all is written.
        commit_rows: Writes the shard from its rows and the time it took.
        scorers: The scorers, by name.
        scoring: Takes the images as they come; None without scorers.
    """

    job: BuildJob
    task: ShardTask
    lease: Lease
    commit_rows: Commit
    scorers: Mapping[str, Scorer]
    scoring: RowScorer | None
    _started: float = field(default_factory=time.perf_counter)
    _rows: list[WorkRow] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _images_sha256: str = ""

    def take(self, futures: Sequence[Future[MadeRow]]) -> None:
        """Take the rows of a batch once they are encoded, and score what makes a whole batch of the scorers.

        Raises:
            ModelError: A scorer fails.
        """
        with suppress(CancelledError), translate_scoring_errors(self.job, self.task.shard, self.scorers):
            for future in futures:
                made = future.result()
                self._rows.append(made.row)
                if self.scoring is not None and made.prepared is not None:
                    self._ids.append(str(made.row["image_id"]))
                    # Without the image: its bytes are let go with the shard, not with its scores.
                    self.scoring.add({**made.row, "image": None}, made.prepared)

    def commit(self) -> TaskReport:
        """Write the shard.

        Raises:
            StorageError: The disk is full or cannot be written; then nothing is committed.
        """
        seconds = time.perf_counter() - self._started
        record = self.commit_rows(self._rows, seconds)
        self._images_sha256, count = record.file.sha256, len(self._rows)
        self._rows.clear()
        return TaskReport(self.task, count, len(record.failures), record.num_flat, seconds)

    def score(self) -> None:
        """Write the scores of the shard.

        Raises:
            ModelError: A scorer fails.
            ImagenetGError: A source cannot be read, or the scores cannot be written.
        """
        if self.scoring is None:
            return
        with translate_scoring_errors(self.job, self.task.shard, self.scorers):
            columns = self.scoring.finish()
        write_score_files(
            self.job,
            self.task.shard,
            self.scorers,
            self._ids,
            columns,
            images_sha256=self._images_sha256,
        )


@contextmanager
def translate_scoring_errors(job: BuildJob, shard: int, names: Mapping[str, object]) -> Iterator[None]:
    """Name the scorers in whatever one of them raises: a judge may be the user's own and raise anything.

    Raises:
        ModelError: Instead of an error of other kinds than this package's.
    """
    try:
        yield
    except (ImagenetGError, CancelledError):
        raise
    except Exception as error:
        raise ModelError(
            f"Scoring shard {shard} of '{job.split}' with {', '.join(names)} fails: "
            f"{type(error).__name__}: {error}"
        ) from error


@contextmanager
def keep_threads() -> Iterator[None]:
    """Give a thread back its number of torch threads afterwards: the last bits of images depend on it."""
    import torch

    # Asked for first: a thread that never was would take over the number that is set meanwhile.
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draws_random_numbers(scorers: Mapping[str, Scorer]) -> bool:
    """Whether a scorer takes random numbers from the process's own state, by a pass of one grey image.

    A generator may use that state too, seeded by each row: then such a scorer must not run beside it.
    """
    from PIL import Image

    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    before = _read_states()
    for model in {scorer.model: None for scorer in scorers.values()}:
        model.encode([model.transform(grey)])
    return before != _read_states()


def _read_states() -> list[object]:
    """States of Python's, numpy's and torch's own random numbers, as values that can be compared."""
    import torch

    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    states = [torch.get_rng_state(), *devices]
    return [random.getstate(), repr(np.random.get_state()), *(state.numpy().tobytes() for state in states)]
