"""Rendering planned rows, one canonical batch at a time.

A batch always has the planned size: the tail, and the slot of a row that cannot be made, are filled with
repeats that are discarded. An image's last bits depend on the batch size and its slot, not on its neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from PIL import ImageStat

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, ImagenetGError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.generation.generators.generator import Generator, Rendering, RenderRow
from imagenet_g.generation.plans.cells import read_settings
from imagenet_g.generation.specs.version import EncodingSpec, FlatSpec

if TYPE_CHECKING:
    from PIL import Image

MAX_FAILURES_IN_A_ROW = 3
"""Consecutive failed batches after which the run stops: the next ones would fail too."""
PlanRow = Mapping[str, object]
WorkRow = dict[str, object]
MakePool = Callable[[], Executor]


def make_threads() -> Executor:
    """Threads that decode and encode beside the generator and the scorers, as many as the cores take."""
    return ThreadPoolExecutor(choose_workers())


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

    def render_shard(self, rows: Sequence[PlanRow], kept: Mapping[object, WorkRow]) -> Iterator[WorkRow]:
        """Rows of a shard with their images, in plan order.

        Args:
            rows: Planned rows, whole batches.
            kept: Rows rendered before, by image id; a batch is rendered again as a whole unless all its rows
                are among them.

        Raises:
            ModelError: Several consecutive batches failed, or the generator cannot be reproduced.
        """
        # A plan is in the order of batches, which grouping neighbours needs.
        batches = (list(group) for _, group in groupby(rows, key=itemgetter("batch_id")))
        pool = self.make_pool()
        try:
            # While a batch is rendered, the one before is encoded and the sources of the next one are read.
            behind: list[Future[WorkRow]] = []
            prepare = partial(self._prepare_batch, kept)
            for batch, prepared in map_ahead(pool, prepare, batches, window=2):
                if prepared is None:
                    coming = [pool.submit(kept.__getitem__, row["image_id"]) for row in batch]
                else:
                    outcomes = self._render_batch(batch, prepared)
                    parts = zip(batch, prepared, outcomes, strict=True)
                    coming = [pool.submit(self._make_row, *part) for part in parts]
                yield from (future.result() for future in behind)
                behind = coming
            yield from (future.result() for future in behind)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def draw_batch(self, batch: Sequence[PlanRow]) -> list[Image.Image]:
        """Images of one planned batch as the generator gives them, without a second attempt at flat ones.

        Raises:
            Exception: Whatever the generator raises; DataError for a source that cannot be read.
        """
        slots = []
        for row in map(self._prepare_row, batch):
            if isinstance(row, str):
                raise DataError(row)
            slots.append(row)
        slots += [slots[0]] * (self.settings.batch_size - len(slots))
        return [made.image for made in self.generator.render(slots)]

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
            outcomes = self._judge(slots, self.generator.render(slots), 0)
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

    def _make_row(self, row: PlanRow, prepared: RenderRow | str, outcome: RenderOutcome) -> WorkRow:
        data, pixel_sha256 = None, None
        if outcome.rendering is not None:
            image = outcome.rendering.image
            data = encode_image(image, self.settings.encoding)
            is_exact = self.settings.encoding.format == "png" and image.mode == "RGB"
            # Of the file as it will be read: after JPEG the pixels differ from the generator's.
            pixel_sha256 = hash_pixels(image if is_exact else decode_image(data))
        source = prepared.source if isinstance(prepared, RenderRow) else None
        return {
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


def _fail(row: PlanRow, reason: str) -> RenderOutcome:
    return RenderOutcome(None, int(str(row["seed"])), 0, False, reason)


def compute_spread(image: Image.Image) -> float:
    """Largest standard deviation of any RGB channel over the image, in levels of 0..255.

    Example:
        >>> from PIL import Image
        >>> halves = Image.new("L", (2, 1))
        >>> halves.putpixel((1, 0), 200)
        >>> compute_spread(halves)
        100.0
    """
    # From the histogram of each channel: exact, and much faster than over all pixels.
    return float(max(ImageStat.Stat(image.convert("RGB")).stddev))


def is_flat(image: Image.Image, *, max_std: float) -> bool:
    """Whether no channel varies by more than `max_std` levels.

    Example:
        >>> from PIL import Image
        >>> is_flat(Image.new("RGB", (8, 8), "black"), max_std=2.0)
        True
    """
    return compute_spread(image) <= max_std


def make_retry_seed(seed: int, attempt: int) -> int:
    """Seed of a further attempt at an image, an int in [0, 2**63); attempt 0 keeps the planned one.

    Example:
        >>> make_retry_seed(7, 0), make_retry_seed(7, 1) == make_retry_seed(7, 2)
        (7, False)
    """
    if attempt == 0:
        return seed
    return int(hash_bytes(f"retry/{seed}/{attempt}".encode())[:16], 16) % 2**63


def encode_image(image: Image.Image, spec: EncodingSpec) -> bytes:
    """The image as PNG (lossless) or JPEG (4:4:4).

    Raises:
        ModelError: The format cannot hold such an image, as JPEG cannot hold transparency.
    """
    stream = io.BytesIO()
    try:
        if spec.format == "png":
            # The level is spelt out, so that another default of Pillow does not change the size of releases.
            image.save(stream, format="PNG", compress_level=6)
        else:
            # Pillow's default halves the resolution of colours, which classifiers would see.
            image.save(stream, format="JPEG", quality=spec.quality, subsampling=0)
    # Pillow raises it for a mode or a size: nothing is written to a disk here.
    except (OSError, ValueError) as error:
        raise ModelError(
            f"An image of mode '{image.mode}' and {image.width} x {image.height} pixels cannot be encoded as "
            f"{spec.format.upper()}: {error}. The generator must give RGB images."
        ) from error
    return stream.getvalue()
