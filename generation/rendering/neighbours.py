"""Whether an image depends on the images beside it in its batch: one check before the first shard.

Some pipelines read a batch as one request: FLUX.2 takes all its source images as references of every image. A
plan promises that an image follows from its own row. So the first batch is rendered again, with
other rows beside the first one, and the first image must stay as it is. A record is kept beside the
shards, and a build that continues does not check again. A generator that renders one row and fails for a
batch is refused here too, before every batch of its plan fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue, ValidationError

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.cells import read_settings
from imagenet_g.generation.plans.plan import load_plan_meta, load_shard_rows
from imagenet_g.generation.rendering.renderer import PlanRow
from imagenet_g.generation.rendering.shards import ShardRecord, make_work_folder
from imagenet_g.generation.rendering.tasks import BuildJob

if TYPE_CHECKING:
    from PIL import Image

EXACT_KEY = "exact_in_batches"
"""A generator whose description has this key as `true` says that no bit of it depends on a batch."""
# With batches of one size the tests' pipelines (SD, SDXL, SD3, IF, DiT; on a CPU) give equal pixels whatever
# the other rows. A pipeline that pads to the longest prompt of a batch has sums of another length: the room
# for it is wider than what another batch size did to those five (0.0003 in float32, 0.07 in bfloat16).
TOLERANCES = {"float32": 0.02, "float16": 1.0, "bfloat16": 1.0}
"""Mean difference in levels of 0..255 that counts as rounding, by the number format of the weights."""
Draw = Callable[[Sequence[PlanRow]], list["Image.Image"]]


class NeighbourCheck(FileModel):
    """What the check found; it is in the manifest of the release."""

    image_id: str
    """The image that was rendered twice."""
    neighbours: tuple[str, ...]
    """Ids of the rows beside it the second time."""
    mean_levels: float = Field(ge=0, le=255)
    max_levels: int = Field(ge=0, le=255)
    tolerance_levels: float = Field(ge=0, le=255)
    """Largest `mean_levels` that counts as rounding; 0 where the pixels must be equal."""


def make_check_key(
    plan_sha256: str, described: JsonValue, origin: tuple[str | None, str | None], runtime: dict[str, str]
) -> str:
    """What a check holds for: this plan, by this generator, with these versions on such a machine."""
    return hash_json(
        {"plan": plan_sha256, "generator": described, "origin": [*origin], "runtime": {**runtime}}
    )


def choose_neighbours(
    batch: Sequence[PlanRow], others: Sequence[PlanRow], batch_size: int
) -> list[PlanRow] | None:
    """Rows to place beside the first one of a batch, other ones than are planned there.

    Args:
        batch: The first batch of a plan.
        others: Rows of the plan's end, which are of other classes where there are several.
        batch_size: Rows of a whole batch.

    Returns:
        `batch_size - 1` rows; None where there is nothing beside an image, or no row but one.

    Example:
        >>> rows = [{"image_id": name} for name in "abcdef"]
        >>> [row["image_id"] for row in choose_neighbours(rows[:3], rows[3:], 3)]
        ['f', 'e']
        >>> [row["image_id"] for row in choose_neighbours(rows[:3], rows[:3], 3)]
        ['c', 'b']
    """
    if batch_size == 1 or len({str(row["image_id"]) for row in (*batch, *others)}) == 1:
        return None
    planned = [row["image_id"] for row in batch]
    # One call of a pipeline has one value of each swept setting.
    fitting = [row for row in others if read_settings(row) == read_settings(batch[0])]
    beyond = [row for row in reversed(fitting) if row["image_id"] not in planned]
    own = [*batch[2:], *batch[1:2]] if len(batch) > 2 else [batch[0]]
    return list(islice(cycle(beyond or own), batch_size - 1))


def choose_tolerance(described: JsonValue) -> float:
    """Mean difference in levels of 0..255 that counts as rounding for a generator, by its description.

    A description without a number format (`dtype`, of each stage or of the whole) counts as float32.

    Example:
        >>> choose_tolerance({"kind": "diffusers", "stages": [{"dtype": "bfloat16"}]})
        1.0
        >>> choose_tolerance({"kind": "mine"}), choose_tolerance({"exact_in_batches": True})
        (0.02, 0.0)
    """
    table = described if isinstance(described, dict) else {}
    if table.get(EXACT_KEY) is True:
        return 0.0
    stages = table.get("stages")
    tables = [table, *(stages if isinstance(stages, list) else [])]
    formats = {str(stage.get("dtype")) for stage in tables if isinstance(stage, dict)}
    return max(TOLERANCES.get(name, TOLERANCES["float32"]) for name in formats)


def compare_images(first: Image.Image, second: Image.Image) -> tuple[float, int]:
    """Mean and largest difference of two images in levels of 0..255; 255 for images of different sizes."""
    pixels = [np.asarray(image.convert("RGB"), dtype=np.int16) for image in (first, second)]
    if pixels[0].shape != pixels[1].shape:
        return 255.0, 255
    difference = np.abs(pixels[0] - pixels[1])
    return float(difference.mean()), int(difference.max())


def check_neighbours(job: BuildJob, key: str, described: JsonValue, draw: Draw) -> NeighbourCheck | None:
    """Render the first batch of a plan twice, with two sets of neighbours, and keep what was found.

    Args:
        job: The split, its plan written.
        key: What the check holds for; see `make_check_key`.
        described: What the loaded generator says of itself.
        draw: Renders rows in one call, without a second attempt at any.

    Returns:
        The check, from the folder where it was made before; None where no image has a neighbour, or where a
        row could not be rendered, which the shard then reports.

    Raises:
        ModelError: The first image changed, or the generator renders one row and fails for several at once.
    """
    if (known := load_check(job, key)) is not None:
        return known
    rows = load_shard_rows(job.plan_path, 0).to_pylist()
    size = job.split_spec.batch_size
    batch, neighbours = rows[:size], choose_neighbours(rows[:size], _load_last_rows(job, rows), size)
    if neighbours is None:
        return None
    batch += batch[:1] * (size - len(batch))
    try:
        first, second = draw(batch)[0], draw([batch[0], *neighbours])[0]
    # Whatever a generator raises here it raises for its shard as well, where it is counted and reported.
    except Exception as error:
        if _renders_alone(batch[0], size, draw):
            raise ModelError(_format_alone(job, error)) from error
        return None
    mean, largest = compare_images(first, second)
    tolerance = choose_tolerance(described)
    if mean > tolerance:
        again = compare_images(first, draw(batch)[0])[0] <= tolerance
        raise ModelError(_format_mixing(job, str(batch[0]["image_id"]), mean, tolerance, is_stable=again))
    check = NeighbourCheck(
        image_id=str(batch[0]["image_id"]),
        neighbours=tuple(str(row["image_id"]) for row in neighbours),
        mean_levels=mean,
        max_levels=largest,
        tolerance_levels=tolerance,
    )
    write_text(_make_path(job, key), check.model_dump_json(indent=2) + "\n")
    return check


def load_check(job: BuildJob, key: str) -> NeighbourCheck | None:
    """The check that was made under a key; None without one that can be read."""
    try:
        return NeighbourCheck.model_validate_json(_make_path(job, key).read_bytes())
    # Without a record that can be read, two batches are rendered again.
    except (OSError, ValidationError):
        return None


def list_checks(job: BuildJob, records: Sequence[ShardRecord]) -> tuple[NeighbourCheck, ...]:
    """What the checks behind the shards of a release found; one entry unless they found different things."""
    keys = {
        make_check_key(
            record.plan_sha256, record.generator, (record.code_sha256, record.files_sha256), record.runtime
        )
        for record in records
    }
    found = {check for key in keys if (check := load_check(job, key)) is not None}
    return tuple(sorted(found, key=NeighbourCheck.model_dump_json))


def _load_last_rows(job: BuildJob, first: Sequence[PlanRow]) -> Sequence[PlanRow]:
    last = load_plan_meta(job.plan_path).num_shards - 1
    return first if last == 0 else load_shard_rows(job.plan_path, last).to_pylist()


def _make_path(job: BuildJob, key: str) -> Path:
    return make_work_folder(job.out, job.split) / "neighbours" / f"{key}.json"


def _renders_alone(row: PlanRow, batch_size: int, draw: Draw) -> bool:
    """Whether a row is rendered on its own, and not with copies of itself: it is the number that fails."""
    return not _fails(draw, [row]) and _fails(draw, [row] * batch_size)


def _fails(draw: Draw, rows: Sequence[PlanRow]) -> bool:
    try:
        draw(rows)
    # A generator may raise anything.
    except Exception:
        return True
    return False


def _format_alone(job: BuildJob, error: Exception) -> str:
    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:300]
    return (
        f"Generator '{job.split_spec.generator}' renders one image, and fails for "
        f"{job.split_spec.batch_size} at once ({reason}). Render one image at a time: write batch_size = 1 "
        f"for the split '{job.split}' in the spec (or a smaller one where memory ran out), and choose "
        "another --out, because the batch size is part of the plan."
    )


def _format_mixing(job: BuildJob, image_id: str, mean: float, tolerance: float, *, is_stable: bool) -> str:
    name, split = job.split_spec.generator, job.split
    if not is_stable:
        return (
            f"Generator '{name}' gave another image '{image_id}' of '{split}' for the same batch: its images "
            "do not depend on their seeds alone, and cannot be made again. Draw all noise of an image from "
            "its row's seed."
        )
    return (
        f"Generator '{name}' mixes the images of a batch: '{image_id}' of '{split}' changed by {mean:.2f} of "
        f"255 levels on average with other rows beside it (allowed for rounding: {tolerance:g}). Some "
        "pipelines take the sources of the whole batch as references of every image. Render one image at a "
        f"time: write batch_size = 1 for the split '{split}' in the spec, and choose another --out, because "
        "the batch size is part of the plan."
    )
