"""The images of a sample as raters see them: all of one size and one format, without names or metadata.

A photograph and a generated image differ in file type, size, metadata and name, and any of these would tell a
rater which of them is a control. They are therefore decoded and encoded again, in memory alone.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import Image

from imagenet_g.benchmark.audits.files import LoadedSample
from imagenet_g.benchmark.audits.records import AuditItem
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_index_by_wnid
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.real_set_files import RealSet
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

LONG_SIDE_PX, EXAMPLE_PX = 512, 256
NUM_EXAMPLES = 3
_WEBP_QUALITY = 90
_NUM_KEPT = 256
"""Encoded pictures in memory, some 50 kB each."""


@dataclass(frozen=True)
class SamplePictures:
    """The images of a sample, opened once.

    Attributes:
        sample: What was drawn.
        split: The audited split.
        reference: Where controls and examples are from; None where the sample has no reference.
        draw: From a split and a row to a picture as a data address, empty where the image cannot be read.
    """

    sample: LoadedSample
    split: Split
    reference: Split | None
    draw: Callable[[bool, int, int], str] = field(init=False)
    _rows: Mapping[bool, Mapping[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        lock = threading.Lock()

        # Of this object: a cache of the class would keep every sample as long as the process.
        @lru_cache(_NUM_KEPT)
        def draw(real: bool, row: int, long_side: int) -> str:
            # One at a time: a reader of parquet keeps the row group that it read last.
            with lock:
                return make_picture(self._find_split(real), row, long_side)

        object.__setattr__(self, "draw", draw)
        object.__setattr__(self, "_rows", {False: _index_rows(self.split), True: _index_rows(self.reference)})

    def _find_split(self, real: bool) -> Split:
        found = self.reference if real else self.split
        if found is None:
            raise DataError("the sample has no reference")
        return found

    def find_picture(self, item: AuditItem) -> str:
        """The picture of an item as a data address; empty where the image cannot be read."""
        real = item.role != "generated"
        return self.draw(real, self._rows[real][item.image_id], LONG_SIDE_PX)

    def find_examples(self, wnid: str) -> tuple[str, ...]:
        """Up to three real pictures of a class, none of which is in the sample."""
        found = (self.draw(True, row, EXAMPLE_PX) for row in self._order_examples(wnid))
        readable = (picture for picture in found if picture)
        return tuple(picture for picture, _ in zip(readable, range(NUM_EXAMPLES), strict=False))

    def _order_examples(self, wnid: str) -> list[int]:
        """Rows of the reference with a class, without those of the sample; in an order by hash."""
        if self.reference is None:
            return []
        rows = self.reference.rows
        # By id whatever the role: the reference may be the audited split itself.
        drawn = {item.image_id for item in self.sample.sample.items}
        labels = rows.labels[:, 0] == load_index_by_wnid()[wnid]
        free = [row for row in labels.nonzero()[0].tolist() if rows.image_ids[row] not in drawn]
        return sorted(
            free, key=lambda row: hash_bytes(f"{self.sample.sha256}/{rows.image_ids[row]}".encode())
        )


def open_pictures(
    sample: LoadedSample,
    *,
    data: Mapping[str, Path],
    sets: Mapping[str, RealSet] | None = None,
    cache: Path | None = None,
) -> SamplePictures:
    """Open the split and the reference of a sample, and check that they are those it was drawn from.

    Args:
        sample: What was drawn.
        data: Local copies by name, see `parse_data_pairs`.
        sets: Known real sets by name; None for the shipped ones.
        cache: Where file hashes are remembered.

    Raises:
        UnknownNameError: There is no such version, split or set.
        InputError: The images are not available here.
        DataError: They are not those that the sample was drawn from.
    """
    opened = [
        _open_split(record, data=data, sets=sets, cache=cache)
        for record in (sample.sample.split, sample.sample.reference)
        if record is not None
    ]
    pictures = SamplePictures(sample, opened[0], opened[1] if len(opened) > 1 else None)
    _require_items(pictures)
    return pictures


def _open_split(
    record: SplitRecord,
    *,
    data: Mapping[str, Path],
    sets: Mapping[str, RealSet] | None,
    cache: Path | None,
) -> Split:
    ref = parse_split_ref(record.base_ref, sets)
    split = load_split(ref, data=data, cache=cache, kept=False)
    if split.record.content_sha256 != record.content_sha256:
        raise DataError(
            f"The images or labels of '{record.base_ref}' are not those that the sample was drawn from: "
            f"their hash begins with {split.record.content_sha256[:12]}, in the sample with "
            f"{record.content_sha256[:12]}. Name the right copy with --data, or draw a new sample with "
            "'imagenet-g audit make'."
        )
    return split


def _require_items(pictures: SamplePictures) -> None:
    for item in pictures.sample.sample.items:
        if item.wnid not in load_index_by_wnid():
            raise UnknownNameError("wnid", item.wnid, load_index_by_wnid(), where="of the sample")
        if item.image_id not in pictures._rows[item.role != "generated"]:
            raise DataError(
                f"The sample names an image that its split does not have (item {item.item}). Draw a new "
                "sample with 'imagenet-g audit make'."
            )


def _index_rows(split: Split | None) -> dict[str, int]:
    return {} if split is None else {image_id: row for row, image_id in enumerate(split.rows.image_ids)}


def make_picture(split: Split, row: int, long_side: int) -> str:
    """An image as the data address of a WebP, its longer side `long_side` px; empty where unreadable."""
    try:
        image = load_image(split, row)
    except DataError:
        return ""
    stream = io.BytesIO()
    fit_picture(image, long_side).save(stream, format="WEBP", quality=_WEBP_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def fit_picture(image: Image.Image, long_side: int) -> Image.Image:
    """The whole image, larger or smaller, with its longer side at `long_side` px; no metadata.

    Example:
        >>> fit_picture(Image.new("RGB", (100, 50)), 512).size
        (512, 256)
    """
    scale = long_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    fitted = image.resize(size, Image.Resampling.LANCZOS)
    # Pillow would write metadata into the file, where they show which image is a photograph.
    fitted.info = {}
    return fitted
