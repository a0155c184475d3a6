"""What goes on behind the renderer: rows collected, shards committed, images scored, in one thread in order.

While a batch is rendered, a thread takes the rows of earlier ones, runs the scorers whenever 32 images are
together, and writes the shard once it is whole. So a device that renders does not wait at the end of a shard,
and scores need no pass of their own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.generation.generators.runtime import keep_threads, own_random_numbers, read_random_states
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.renderer import MadeRow
from imagenet_g.generation.rendering.score_batches import PreparedRow, RowScorer, WorkRow
from imagenet_g.generation.rendering.score_files import write_score_files
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, Scorer
from imagenet_g.generation.rendering.scorers import ClipScorer
from imagenet_g.generation.rendering.shards import ShardRecord
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport
from imagenet_g.generation.sharing.leases import Lease

if TYPE_CHECKING:
    from PIL import Image

MAX_IMAGES_BEHIND = 64
"""Images that may wait behind the renderer before it stops for them: two batches of the scorers."""
LoadScorers = Callable[[], dict[str, Scorer]]
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
        scorers: The scorers, by name, once they are loaded; none where nothing is scored here.
        sources: The sources of the split; None for a split without.
        pool: Decodes images that came before the scorers.
    """

    job: BuildJob
    task: ShardTask
    lease: Lease
    commit_rows: Commit
    scorers: Future[dict[str, Scorer]]
    sources: Sources | None
    pool: Executor
    _started: float = field(default_factory=time.perf_counter)
    _rows: list[WorkRow] = field(default_factory=list)
    _unscored: list[MadeRow] = field(default_factory=list)
    _scoring: RowScorer | None = None
    _ids: list[str] = field(default_factory=list)
    _images_sha256: str = ""

    def prepare(self, image: Image.Image, source: Image.Image | None) -> PreparedRow | None:
        """An image as the scorers take it, from any thread; None while they are being loaded."""
        return None if self._scoring is None else self._scoring.prepare(image, source)

    def take(self, futures: Sequence[Future[MadeRow]]) -> None:
        """Take the rows of a batch once they are encoded, and score what makes a whole batch of the scorers.

        Raises:
            ImagenetGError: A scorer fails, or cannot be loaded.
        """
        with suppress(CancelledError), translate_scoring_errors(self.job, self.task.shard, self.task.scorers):
            for future in futures:
                made = future.result()
                self._rows.append(made.row)
                if made.row["image"] is not None:
                    self._unscored.append(made)
            # Before that the rows wait, which are in memory until the shard is written anyway.
            if self.scorers.done():
                self._score_rows()

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
            ImagenetGError: A scorer cannot be loaded, a source cannot be read, or the scores be written.
        """
        with translate_scoring_errors(self.job, self.task.shard, self.task.scorers):
            scorers = self.scorers.result()
            self._score_rows()
            columns = None if self._scoring is None else self._scoring.finish()
        if columns is not None:
            write_score_files(
                self.job,
                self.task.shard,
                scorers,
                self._ids,
                columns,
                images_sha256=self._images_sha256,
            )

    def _score_rows(self) -> None:
        """Score the rows that were taken and not scored yet."""
        made, self._unscored = self._unscored, []
        if not (scorers := self.scorers.result()):
            return
        scoring = self._scoring = self._scoring or RowScorer(scorers, self.sources, self.pool)
        steps = map_ahead(self.pool, partial(_prepare_late, scoring), made, window=2 * BATCH_SIZE)
        for one, prepared in zip(made, steps, strict=True):
            self._ids.append(str(one.row["image_id"]))
            # Without the image: its bytes are let go with the shard, not with its scores.
            scoring.add({**one.row, "image": None}, prepared)


def _prepare_late(scoring: RowScorer, made: MadeRow) -> PreparedRow:
    """A row as the scorers take it, decoded again where it came before them."""
    if made.prepared is not None:
        return made.prepared
    return scoring.prepare(decode_image(made.row["image"]))  # type: ignore[arg-type]


def load_beside(load: LoadScorers, executor: Executor) -> Future[dict[str, Scorer]]:
    """Load scorers while images are rendered; `scorers.can_load_beside` says which ones may be.

    Args:
        load: Loads them.
        executor: A thread for it, which ends with that.
    """
    import torch

    # Asked for first, as in `keep_threads`: the number is set in the other thread.
    torch.get_num_threads()

    def run() -> dict[str, Scorer]:
        with own_random_numbers():
            scorers = load()
        # While rows only gather: behind the first shard the renderer would come to wait for it.
        for scorer in scorers.values():
            if isinstance(scorer, ClipScorer):
                _ = scorer.head
        return scorers

    future = executor.submit(run)
    executor.shutdown(wait=False)
    return future


def load_before(load: LoadScorers) -> Future[dict[str, Scorer]]:
    """Load scorers in this thread, before anything is rendered: loading a model draws random numbers.

    Raises:
        ImagenetGError: As `load` does.
    """
    future: Future[dict[str, Scorer]] = Future()
    with keep_threads():
        scorers = load()
        # Those that draw random numbers themselves score in a pass of their own.
        future.set_result({} if draws_random_numbers(scorers) else scorers)
    return future


@contextmanager
def translate_scoring_errors(job: BuildJob, shard: int, names: Iterable[str]) -> Iterator[None]:
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


def draws_random_numbers(scorers: Mapping[str, Scorer]) -> bool:
    """Whether a scorer takes random numbers from the process's own state, by a pass of one grey image.

    A generator may use that state too, seeded by each row: then such a scorer must not run beside it.
    """
    from PIL import Image

    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    before = read_random_states()
    for model in {scorer.model: None for scorer in scorers.values()}:
        model.encode([model.transform(grey)])
    return before != read_random_states()
