"""Rendering planned rows, one canonical batch at a time; encoding and hashing go on behind it in threads.

A batch always has the planned size: the tail, and the slot of a row that cannot be made, are filled with
repeats that are discarded. An image's last bits depend on the batch size and its slot, not on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, ImagenetGError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.generation.generators.generator import Generator, Rendering, RenderRow, make_retry_seed
from imagenet_g.generation.plans.cells import read_settings
from imagenet_g.generation.rendering.pixel_scorer import is_flat
from imagenet_g.generation.rendering.score_batches import PreparedRow, WorkRow
from imagenet_g.generation.rendering.shards import encode_image
from imagenet_g.generation.specs.version import EncodingSpec, FlatSpec

if TYPE_CHECKING:
    from PIL import Image

MAX_FAILURES_IN_A_ROW = 3
"""Consecutive failed batches after which the run stops: the next ones would fail too."""
BATCHES_AHEAD = 4
"""Batches whose sources are read before they are rendered, so that a slow disk does not stop a GPU."""
PlanRow = Mapping[str, object]
MakePool = Callable[[], Executor]
Prepare = Callable[["Image.Image", "Image.Image | None"], PreparedRow | None]


def make_threads() -> Executor:
    """Threads that decode and encode beside the generator and the scorers, as many as the cores take."""
    return ThreadPoolExecutor(choose_workers())


def make_one_thread() -> Executor:
    """A thread that does one piece of work after the other."""
    return ThreadPoolExecutor(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Settings of all batches of a split."""

    batch_size: int
    encoding: EncodingSpec
    flat: FlatSpec
    recipe: Callable[[PlanRow], str]
    generator: str


@dataclass(frozen=True, slots=True)
class RenderOutcome:
    """Result of one row: a rendering, or the error."""

    rendering: Rendering | None
    seed: int
    attempt: int
    is_flat: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A row of a shard, and what scorers take of its image."""

    row: WorkRow
    prepared: PreparedRow | None


@dataclass(slots=True)
class Renderer:
    """Renders batches with a loaded generator.

    Attributes:
        generator: The loaded generator.
        settings: Settings of the split.
        load_source: Source image by id; raises DataError.
        make_pool: What reads sources and encodes beside the generator.
    """

    generator: Generator
    settings: RenderSettings
    load_source: Callable[[str], Image.Image]
    make_pool: MakePool = field(default=make_threads, kw_only=True)
    _failures: int = 0
    _drawn: tuple[list[RenderRow], list[Rendering]] | None = None

    def render_rows(self, rows: Sequence[PlanRow]) -> list[WorkRow]:
        """Rows of whole batches with their images, in plan order.

        Raises:
            ModelError: As `render_batches`.
        """
        pool = self.make_pool()
        try:
            batches = [*self.render_batches(rows, {}, pool)]
            return [future.result().row for futures in batches for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def render_batches(
        self,
        rows: Sequence[PlanRow],
        kept: Mapping[object, WorkRow],
        pool: Executor,
        prepare: Prepare | None = None,
    ) -> Iterator[list[Future[MadeRow]]]:
        """Batches of a shard, each given out once it is rendered; its rows are encoded meanwhile.

        Args:
            rows: Planned rows, whole batches.
            kept: Rows rendered before, by image id; a batch is rendered again as a whole unless all its rows
                are among them.
            pool: Reads the sources of the next batches and encodes the last ones.
            prepare: Makes of an image as it is stored, and its source, what scorers take.

        Raises:
            ModelError: Several consecutive batches failed, or the generator cannot be reproduced.
        """
        # A plan is in the order of batches, which grouping neighbours needs.
        batches = (list(group) for _, group in groupby(rows, key=itemgetter("batch_id")))
        read = partial(self._prepare_batch, kept)
        for batch, prepared in map_ahead(pool, read, batches, window=BATCHES_AHEAD):
            if prepared is None:
                known = (kept[row["image_id"]] for row in batch)
                yield [pool.submit(_keep_row, row, prepare) for row in known]
            else:
                outcomes = self._render_batch(batch, prepared)
                parts = zip(batch, prepared, outcomes, strict=True)
                yield [pool.submit(self._make_row, *part, prepare) for part in parts]

    def draw_batch(self, batch: Sequence[PlanRow]) -> list[Image.Image]:
        """Images of rows in one call, as the generator gives them, without a second attempt at flat ones.

        Those of the first call are kept, and taken where the same batch is rendered next.

        Raises:
            Exception: Whatever the generator raises; DataError for a source that cannot be read.
        """
        slots = []
        for row in map(self._prepare_row, batch):
            if isinstance(row, str):
                raise DataError(row)
            slots.append(row)
        made = self.generator.render(slots)
        # The first one is the plan's first batch, which is rendered next.
        self._drawn = self._drawn or (slots, made)
        return [one.image for one in made]

    def _prepare_batch(
        self, kept: Mapping[object, WorkRow], batch: Sequence[PlanRow]
    ) -> tuple[Sequence[PlanRow], list[RenderRow | str] | None]:
        """A batch, and its rows as the generator takes them, or errors; None where all of them are kept."""
        if all(row["image_id"] in kept for row in batch):
            return batch, None
        return batch, [self._prepare_row(row) for row in batch]

    def _render_batch(
        self, batch: Sequence[PlanRow], prepared: Sequence[RenderRow | str]
    ) -> list[RenderOutcome]:
        """The results of a canonical batch, of which some rows may be errors already."""
        ready = [row for row in prepared if isinstance(row, RenderRow)]
        if not ready:
            return [_fail(row, str(reason)) for row, reason in zip(batch, prepared, strict=True)]
        # Any row can fill the slot: the last bits of the other slots do not depend on its content.
        slots = [row if isinstance(row, RenderRow) else ready[0] for row in prepared]
        slots += [ready[0]] * (self.settings.batch_size - len(slots))
        made = self._render_slots(slots)[: len(batch)]
        return [
            outcome if isinstance(row, RenderRow) else _fail(planned, row)
            for planned, row, outcome in zip(batch, prepared, made, strict=True)
        ]

    def _prepare_row(self, row: PlanRow) -> RenderRow | str:
        source_id, source = row["source_image_id"], None
        if source_id is not None:
            try:
                source = self.load_source(str(source_id))
            except DataError as error:
                return str(error)
        return RenderRow(
            image_id=str(row["image_id"]),
            label=int(str(row["label"])),
            wnid=str(row["wnid"]),
            prompt=None if row["prompt"] is None else str(row["prompt"]),
            seed=int(str(row["seed"])),
            source=source,
            settings=read_settings(row),
        )

    def _render_slots(self, slots: list[RenderRow]) -> list[RenderOutcome]:
        try:
            # A flat image is rendered again with its whole batch, because its bits depend on its slot and the
            # batch size.
            outcomes = self._judge(slots, self._take_drawn(slots) or self.generator.render(slots), 0)
            for attempt in range(1, self.settings.flat.retries + 1):
                if not any(outcome.is_flat for outcome in outcomes):
                    break
                outcomes = self._retry_flat(slots, outcomes, attempt)
        # A mistake in the spec or the data, which every further batch would repeat.
        except ImagenetGError:
            raise
        except Exception as error:
            # A model may raise anything, and one bad batch must not end a long run.
            return self._fail_all(slots, error)
        self._failures = 0
        return outcomes

    def _take_drawn(self, slots: list[RenderRow]) -> list[Rendering]:
        """What `draw_batch` drew from the same rows; nothing but for the first batch after it."""
        drawn, self._drawn = self._drawn, None
        return drawn[1] if drawn is not None and drawn[0] == slots else []

    def _retry_flat(
        self, slots: list[RenderRow], outcomes: list[RenderOutcome], attempt: int
    ) -> list[RenderOutcome]:
        again = [
            replace(row, seed=make_retry_seed(row.seed, attempt)) if outcome.is_flat else row
            for row, outcome in zip(slots, outcomes, strict=True)
        ]
        retried = self._judge(again, self.generator.render(again), attempt)
        return [new if old.is_flat else old for old, new in zip(outcomes, retried, strict=True)]

    def _judge(self, slots: list[RenderRow], made: list[Rendering], attempt: int) -> list[RenderOutcome]:
        if len(made) != len(slots):
            raise ModelError(f"The generator gave {len(made)} images for {len(slots)} rows.")
        limit = self.settings.flat.max_std
        return [
            RenderOutcome(rendering, row.seed, attempt, is_flat(rendering.image, max_std=limit), None)
            for row, rendering in zip(slots, made, strict=True)
        ]

    def _fail_all(self, slots: list[RenderRow], error: Exception) -> list[RenderOutcome]:
        # One line, and cut: some libraries put whole configurations into their messages.
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:300]
        self._failures += 1
        if self._failures >= MAX_FAILURES_IN_A_ROW:
            raise ModelError(f"{self._failures} consecutive batches failed: {reason}") from error
        return [RenderOutcome(None, row.seed, 0, False, reason) for row in slots]

    def _make_row(
        self,
        row: PlanRow,
        prepared: RenderRow | str,
        outcome: RenderOutcome,
        prepare: Prepare | None,
    ) -> MadeRow:
        data, pixel_sha256, inputs = None, None, None
        source = prepared.source if isinstance(prepared, RenderRow) else None
        if outcome.rendering is not None:
            image = outcome.rendering.image
            data = encode_image(image, self.settings.encoding)
            is_exact = self.settings.encoding.format == "png" and image.mode == "RGB"
            # Of the file as it will be read: after JPEG the pixels differ from the generator's.
            stored = image if is_exact else decode_image(data)
            pixel_sha256 = hash_pixels(stored)
            inputs = None if prepare is None else prepare(stored, source)
        made = {
            "image": data,
            **{key: row[key] for key in ("label", "image_id", "wnid", "prompt", "slot", "source_image_id")},
            "recipe": self.settings.recipe(row),
            "seed": outcome.seed,
            "batch_id": str(row["batch_id"]),
            "generator": self.settings.generator,
            "pixel_sha256": pixel_sha256,
            "is_flat": outcome.is_flat if outcome.rendering else None,
            "is_flagged_unsafe": outcome.rendering.is_flagged_unsafe if outcome.rendering else None,
            "attempt": outcome.attempt,
            "source_pixel_sha256": None if source is None else hash_pixels(source),
            "error": outcome.error,
        }
        return MadeRow(made, inputs)


def _keep_row(row: WorkRow, prepare: Prepare | None) -> MadeRow:
    """A row of an earlier attempt, whose source is not in memory."""
    data = row["image"]
    if prepare is None or not isinstance(data, bytes):
        return MadeRow(row, None)
    return MadeRow(row, prepare(decode_image(data), None))


def _fail(row: PlanRow, reason: str) -> RenderOutcome:
    return RenderOutcome(None, int(str(row["seed"])), 0, False, reason)
