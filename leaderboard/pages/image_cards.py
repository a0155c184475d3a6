"""Images of a split with each model's answers: selection and cards of the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.pairs import name_class
from imagenet_g.leaderboard.validation.split_store import SplitStore

THUMBNAIL_PX = 160
PAGE_IMAGES = 24
FACETS = {"recipe": "Recipe", "hand": "Art set", "generator": "Generator"}
"""Columns of a release that readers filter by, where it has them, and their titles on the page."""
CLIP_COLUMN = "clip_score"
_STORE = SplitStore()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter:
    """Which images to show; an empty field does not filter.

    Attributes:
        wnid: Class.
        facet: Value of the split's first facet column.
        min_clip: Minimum CLIP score.
        page: 0 for the first.
    """

    wnid: str = ""
    facet: str = ""
    min_clip: float | None = None
    page: int = 0


@lru_cache(maxsize=32)
def open_split(base: str) -> Split | str:
    """The images of a split, or why they cannot be shown here."""
    # The reason is remembered too: a missing copy would be looked for again with every card.
    try:
        return _STORE.find_split(base)
    except ImagenetGError as problem:
        return str(problem)


@lru_cache(maxsize=64)
def read_column(base: str, name: str) -> tuple[object, ...] | None:
    """A column of a split's release, or None where it has none."""
    split = open_split(base)
    if isinstance(split, str):
        return None
    try:
        return tuple(split.reader.read_column(name))
    except DataError:
        return None


def find_facet(base: str) -> tuple[str, tuple[str, ...]] | None:
    """The first facet of a split that divides its images, and its values."""
    # One value divides nothing, and a picker of more than 200 cannot be used.
    for name in FACETS:
        values = read_column(base, name)
        found = sorted({str(value) for value in values or () if value is not None})
        if 1 < len(found) <= 200:
            return name, tuple(found)
    return None


def list_classes(base: str) -> tuple[tuple[str, str], ...]:
    """Classes of a split as name and wnid, by name."""
    split = open_split(base)
    indices = () if isinstance(split, str) else split.class_set.indices
    return tuple(sorted((load_classes()[index].name, load_classes()[index].wnid) for index in indices))


def choose_images(base: str, wanted: ImageFilter) -> tuple[int, ...]:
    """Row numbers that match, all pages."""
    split = open_split(base)
    if isinstance(split, str):
        return ()
    rows: Iterable[int] = range(len(split.rows))
    if wanted.wnid:
        indices = {info.wnid: info.index for info in load_classes()}
        index = indices.get(wanted.wnid, -1)
        rows = [row for row in rows if split.rows.labels[row, 0] == index]
    if wanted.facet and (facet := find_facet(base)):
        values = read_column(base, facet[0]) or ()
        rows = [row for row in rows if str(values[row]) == wanted.facet]
    if wanted.min_clip is not None and (scores := read_clip_scores(base)):
        rows = [row for row in rows if isinstance(scores[row], float) and scores[row] >= wanted.min_clip]  # type: ignore[operator]
    return tuple(rows)


def read_clip_scores(base: str) -> tuple[object, ...] | None:
    """CLIP scores of a split, by the first CLIP that scored it; None without scores."""
    split = open_split(base)
    if isinstance(split, str) or not isinstance(split.reader, ParquetImages):
        return None
    name = next((name for name in split.reader.schema.names if name.startswith(CLIP_COLUMN)), None)
    return None if name is None else read_column(base, name)


@lru_cache(maxsize=2000)
def make_thumbnail(base: str, row: int) -> str:
    """A small WebP of an image as a data address; empty where it cannot be read."""
    # In the page itself: images of a local copy may not be published, so the server has no address for them.
    split = open_split(base)
    if isinstance(split, str):
        return ""
    try:
        image = load_image(split, row)
    except DataError:
        return ""
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    stream = io.BytesIO()
    image.save(stream, format="WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def find_rows(base: str, image_ids: Sequence[str]) -> tuple[int, ...]:
    """Row numbers of images by id; unknown ids are left out."""
    split = open_split(base)
    if isinstance(split, str):
        return ()
    row_of = {image_id: row for row, image_id in enumerate(split.rows.image_ids)}
    return tuple(row_of[image_id] for image_id in image_ids if image_id in row_of)


def format_gallery(base: str, rows: Sequence[int], said: Mapping[str, Mapping[str, int]]) -> str:
    """Cards with image, label and answers.

    Args:
        base: The split.
        rows: Rows to show.
        said: First answer by image id, by model name.
    """
    split = open_split(base)
    if isinstance(split, str):
        return f'<p class="empty">The images of {escape(base)} cannot be shown here: {escape(split)}</p>'
    cards = [_format_card(base, split, row, said) for row in rows]
    return (
        f'<div class="gallery">{"".join(cards)}</div>' if cards else '<p class="empty">No image matches.</p>'
    )


def _format_card(base: str, split: Split, row: int, said: Mapping[str, Mapping[str, int]]) -> str:
    image_id = split.rows.image_ids[row]
    labels = [index for index in split.rows.labels[row].tolist() if index >= 0]
    name = name_class(labels[0])
    answers = "".join(
        _format_answer(model, by_image[image_id], labels)
        for model, by_image in said.items()
        if image_id in by_image
    )
    prompt = (read_column(base, "prompt") or {row: None})[row]
    words = f"<q>{escape(prompt)}</q>" if prompt else ""
    caption = f"<strong>{escape(name)}</strong><code>{escape(image_id)}</code>{words}<ul>{answers}</ul>"
    return (
        f'<figure><img src="{make_thumbnail(base, row)}" alt="{escape(name)}, image {escape(image_id)}" '
        f'loading="lazy" width="{THUMBNAIL_PX}" height="{THUMBNAIL_PX}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _format_answer(model: str, answer: int, labels: Sequence[int]) -> str:
    right = answer in labels
    mark = "✓" if right else "✗"
    return (
        f'<li class="{"right" if right else "wrong"}"><b>{escape(model)}</b> {mark} '
        f"{escape(name_class(answer))}</li>"
    )
