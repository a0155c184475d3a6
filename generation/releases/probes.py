"""The probe of a split: about 64 images in whole batches, to test which level a machine reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import FileRecord
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.plans.plan import PlanMeta

if TYPE_CHECKING:
    import pyarrow as pa

# Few enough to render in minutes, many enough for a judge's accuracy to mean something.
PROBE_IMAGES = 64


def choose_probe_batches(
    num_rows: int, batch_size: int, *, num_images: int = PROBE_IMAGES
) -> tuple[int, ...]:
    """Ids of whole batches spread evenly over a plan: at least `num_images` images, or all of a smaller plan.

    Example:
        >>> choose_probe_batches(num_rows=1000, batch_size=16)
        (0, 15, 31, 47)
        >>> choose_probe_batches(num_rows=20, batch_size=16)
        (0, 1)
    """
    # Whole batches, because an image's last bits depend on its batch size and slot.
    num_batches = -(-num_rows // batch_size)
    wanted = min(num_batches, -(-num_images // batch_size))
    return tuple(sorted({position * num_batches // wanted for position in range(wanted)}))


def write_probe(out: Path, split: str, meta: PlanMeta, files: Sequence[FileRecord]) -> FileRecord:
    """Write `probe/<split>.parquet`: the rows of the probe's batches as they are in the release.

    Raises:
        DataError: A release file cannot be read.
        StorageError: The probe cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Released rows store the number of a batch as text.
    batches = set(map(str, choose_probe_batches(meta.num_rows, meta.batch_size)))
    path = f"probe/{split}.parquet"
    try:
        table = pa.concat_tables(_select_batches([out / file.path for file in files], batches))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"The files of '{split}' cannot be read: {error}. Run the build again.") from error
    with replace_file(out / path) as temporary:
        # Small row groups: one image can be read without decompressing the file.
        pq.write_table(table, temporary, row_group_size=100, compression="zstd")
        sha256, num_bytes = hash_file(temporary), temporary.stat().st_size
    return FileRecord(path=path, sha256=sha256, num_bytes=num_bytes, num_rows=table.num_rows)


def _select_batches(paths: Sequence[Path], batches: set[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.array(sorted(batches))
    for path in paths:
        mask = pc.is_in(pq.read_table(path, columns=["batch_id"])["batch_id"], value_set=wanted)
        # A file is read whole only where it holds a batch of the probe.
        if pc.any(mask).as_py():
            yield pq.read_table(path).filter(mask)
