"""Thumbnails of images by their ids, as data addresses."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.records import is_view_of
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.critique.pages.blocks import ShownImage

THUMBNAIL_PX = 128


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Where images come from.

    Attributes:
        splits: Opened splits by their reference without a view; images of any other cannot be shown.
    """

    splits: Mapping[str, Split] = field(default_factory=dict)
    _rows: dict[str, dict[str, int]] = field(default_factory=dict)
    _kept: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def show(self, ref: str, image_id: str, caption: str, *, blurred: bool = False) -> ShownImage:
        """An image with a caption; without its thumbnail where it cannot be read.

        Args:
            ref: The split that it is in, with or without a view.
            image_id: Its id.
            caption: Words for below it.
            blurred: As in `ShownImage`.
        """
        # A view shows images of its split.
        ref = next((base for base in self.splits if is_view_of(ref, base)), ref)
        key = (ref, image_id)
        # One image may stand in several sections, and decoding takes longest.
        if key not in self._kept:
            self._kept[key] = self._load(ref, image_id)
        return ShownImage(image_id, self._kept[key], caption, blurred)

    def _load(self, ref: str, image_id: str) -> str | None:
        split = self.splits.get(ref)
        if split is None:
            return None
        if ref not in self._rows:
            self._rows[ref] = {name: row for row, name in enumerate(split.rows.image_ids)}
        row = self._rows[ref].get(image_id)
        try:
            return None if row is None else make_address(split, row)
        except DataError:
            return None


def make_address(split: Split, row: int) -> str:
    """One image of a split as a data address of a WebP at most `THUMBNAIL_PX` wide and high.

    Raises:
        DataError: It cannot be read.
    """
    image = load_image(split, row)
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    stream = io.BytesIO()
    image.save(stream, format="WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
