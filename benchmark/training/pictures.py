"""Images to train on: a split, read once into memory in the form that a model receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image, require_readable
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Pictures:
    """A split in memory.

    Attributes:
        pixels: `(N, 3, S, S)` uint8.
        labels: `(N,)` int64 class indices in 0..999.
        captions: The prompt of each; empty where they are not needed.
        record: Which split, with its content hash.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    captions: tuple[str, ...]
    record: dict[str, JsonValue]

    def __len__(self) -> int:
        return len(self.labels)


def load_pictures(
    ref: str,
    data: Mapping[str, Path],
    *,
    cache: Path | None,
    say: Callable[[str], None],
    captioned: bool = True,
) -> Pictures:
    """Read a whole split of square images of one size.

    Args:
        ref: The split.
        data: Local copies by name.
        cache: Where file hashes are remembered; None remembers nothing.
        say: Receives progress messages.
        captioned: Whether the prompts are needed.

    Raises:
        DataError: An image cannot be read; images differ in size, are not square, or have no prompts where
            those are needed.
        ImagenetGError: As `load_split`.
    """
    split = load_split(parse_split_ref(ref), data=data, cache=cache)
    say(f"reading {len(split.rows)} images of {ref}")
    prompts = split.reader.read_column("prompt") if captioned else ()
    captions = tuple(_require_text(value, ref) for value in prompts)
    require_readable(split, range(len(split.rows)), ref=ref)
    first = _load_named(split, 0)
    side = first.width
    # uint8: as float32 a split would take four times the memory, and converting a batch costs little.
    pixels = np.empty((len(split.rows), 3, side, side), np.uint8)
    for row in range(len(split.rows)):
        image = _load_named(split, row)
        if image.size != (side, side):
            raise DataError(
                f"'{ref}' mixes sizes: {image.size} beside {first.size}; training needs one square size."
            )
        pixels[row] = np.asarray(image).transpose(2, 0, 1)
    labels = torch.from_numpy(split.rows.labels[:, 0].astype(np.int64))
    # Its content hash stands for its origin, and records of training are compared as they were written.
    record = split.record.model_dump(mode="json", exclude={"origin"})
    return Pictures(torch.from_numpy(pixels), labels, captions, record)


def _load_named(split: Split, row: int) -> Image.Image:
    try:
        return load_image(split, row)
    except DataError as error:
        named = f"Image '{split.rows.image_ids[row]}' of '{split.record.ref}'"
        raise DataError(f"{named}: {error}. Every image is needed here; repair it or take it out.") from error


def _require_text(value: object, ref: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"'{ref}' has images without a prompt: training on captions needs one for each.")
    return value
