"""Splits of a few images in memory, looked at as the checks on images look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from image_sets import encode
from PIL import Image

from factories import make_split_record
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.splits.splits import Split, SplitRows, make_labels, make_split_class_set
from imagenet_g.generation.image_checks.images import CheckedImages, open_images


@dataclass
class MemoryReader:
    """Files and columns of a split; counts how often an image is read."""

    files: Sequence[bytes]
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    num_read: int = 0

    def read_image(self, row: int) -> bytes:
        self.num_read += 1
        return self.files[row]

    def read_column(self, name: str) -> Sequence[object]:
        if name not in self.columns:
            raise DataError(f"Column '{name}' is missing.")
        return self.columns[name]


def draw(seed: int, size_px: int = 48) -> Image.Image:
    """A picture of blurred noise: large shapes, as photographs have."""
    values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((size_px, size_px), Image.Resampling.BICUBIC)


def make_memory_split(
    files: Sequence[bytes | Image.Image],
    labels: Sequence[int],
    *,
    ref: str = "v9/sd-l",
    columns: Mapping[str, Sequence[object]] | None = None,
    sources: Sequence[str] | None = None,
) -> Split:
    """A split of images, or of the bytes of image files."""
    data = [one if isinstance(one, bytes) else encode(one) for one in files]
    table = make_labels([[label] for label in labels])
    record = make_split_record(ref).model_copy(
        update={"content_sha256": hash_lines(one.hex() for one in data)}
    )
    return Split(
        record=record,
        rows=SplitRows(
            image_ids=tuple(f"{ref}-{number}" for number in range(len(data))),
            labels=table,
            source_image_ids=tuple(sources or [None] * len(data)),
        ),
        reader=MemoryReader(data, columns or {}),
        class_set=make_split_class_set(table),
        outputs="split-classes",
    )


def check(
    files: Sequence[bytes | Image.Image],
    labels: Sequence[int],
    *,
    ref: str = "v9/sd-l",
    vectors: npt.NDArray[np.floating] | None = None,
    columns: Mapping[str, Sequence[object]] | None = None,
    sources: Sequence[str] | None = None,
    recipe: object = None,
) -> CheckedImages:
    """All images of such a split, with embeddings brought to length 1."""
    split = make_memory_split(files, labels, ref=ref, columns=columns, sources=sources)
    unit = None if vectors is None else normalize(vectors)
    return open_images(
        split,
        range(len(files)),
        ref=ref,
        cache=None,
        vectors=unit,
        features=None if unit is None else "open_clip:test",
        recipe=recipe,  # type: ignore[arg-type]
    )


def normalize(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Rows of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
