"""Scores of every image of a set, in parts that outlast an interruption."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.filters.kept import ScoreArray
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, Columns, Scorer, score_images

if TYPE_CHECKING:
    from PIL import Image

PART_ROWS = 8 * BATCH_SIZE
"""Rows of a part: at most so many are scored again after an interruption."""
_UNREADABLE = "unreadable"
WORST_RANK = 1000
"""The rank of a label whose image cannot be read; its other scores are minus infinity."""


@dataclass(frozen=True, slots=True)
class ScoredSet:
    """Columns of a set, and how many of its images have no score."""

    columns: Mapping[str, ScoreArray]
    num_unreadable: int


def score_set(
    split: Split,
    scorer: Scorer,
    *,
    folder: Path,
    workers: int,
    on_progress: Callable[[int, int], None],
) -> ScoredSet:
    """Score all images of a set; a second call goes on where the first one stopped.

    Args:
        split: The set. Where an image may be called several classes, the best score among them counts; an
            image of a release is of its first class alone.
        scorer: Scores batches of `BATCH_SIZE` images, as for a release.
        folder: Where finished parts are kept until the whole is; removed by `clear_parts`.
        workers: Threads that read and decode images.
        on_progress: Called with the number of images done and of all.

    Raises:
        StorageError: A part cannot be written.
    """
    key = hash_json({"content": split.record.content_sha256, "scorer": scorer.identify()})
    parts = folder / key
    tables: list[dict[str, ScoreArray]] = []
    total = len(split.rows)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for first in range(0, total, PART_ROWS):
                rows = range(first, min(first + PART_ROWS, total))
                path = parts / f"{first:08d}.npz"
                table = _load_part(path, len(rows))
                if table is None:
                    table = _score_rows(split, rows, scorer, pool)
                    _write_part(path, table)
                tables.append(table)
                on_progress(rows.stop, total)
        except BaseException:
            # Without this, Ctrl-C would wait for every image in the queue.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    unreadable = sum(int(table.pop(_UNREADABLE).sum()) for table in tables)
    return ScoredSet(_join(tables, total), unreadable)


def _join(tables: Sequence[Mapping[str, ScoreArray]], total: int) -> dict[str, ScoreArray]:
    """Whole columns; a part without one image that can be read has none."""
    joined = {
        name: np.full(total, _make_worst(name), dtype=values.dtype)
        for table in tables
        for name, values in table.items()
    }
    for number, table in enumerate(tables):
        for name, values in table.items():
            joined[name][number * PART_ROWS : number * PART_ROWS + len(values)] = values
    return joined


def clear_parts(folder: Path) -> None:
    """Remove the parts of a set whose scores are kept whole."""
    shutil.rmtree(folder, ignore_errors=True)


def _load_part(path: Path, num_rows: int) -> dict[str, ScoreArray] | None:
    try:
        with np.load(path) as stored:
            table: dict[str, ScoreArray] = dict(stored)
    # A part that cannot be read is scored again.
    except (OSError, ValueError, EOFError):
        return None
    return table if table and all(len(values) == num_rows for values in table.values()) else None


def _write_part(path: Path, table: Mapping[str, ScoreArray]) -> None:
    with replace_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **table)


def _score_rows(
    split: Split, rows: Sequence[int], scorer: Scorer, pool: ThreadPoolExecutor
) -> dict[str, ScoreArray]:
    collected: Columns = {}
    unreadable = [True] * len(rows)
    # Filled once the columns' names are known: the first batch may hold no image that can be read.
    found: list[tuple[int, dict[str, float]]] = []
    for start, batch in _read_batches(split, rows, pool):
        pairs = [
            (start + number, image, label)
            for number, image in enumerate(batch)
            for label in _list_labels(split, rows[start + number])
            if image is not None
        ]
        found += _score_pairs(pairs, scorer)
    for number, scores in found:
        unreadable[number] = False
        for name, value in scores.items():
            column = collected.setdefault(name, [_make_worst(name)] * len(rows))
            column[number] = _choose_better(name, column[number], value)
    table: dict[str, ScoreArray] = {_UNREADABLE: np.array(unreadable, dtype=np.int32)}
    for name, values in collected.items():
        table[name] = np.array(values, dtype=np.int32 if _is_rank(name) else np.float32)
    return table


def _read_batches(
    split: Split, rows: Sequence[int], pool: ThreadPoolExecutor
) -> Iterator[tuple[int, list[Image.Image | None]]]:
    """Batches of decoded images, one read while another is scored; None for an unreadable image."""
    images = map_ahead(pool, lambda row: _read(split, row), rows, window=2 * BATCH_SIZE)
    for start in range(0, len(rows), BATCH_SIZE):
        yield start, list(islice(images, BATCH_SIZE))


def _read(split: Split, row: int) -> Image.Image | None:
    try:
        return load_image(split, row)
    except DataError:
        return None


def _list_labels(split: Split, row: int) -> list[int]:
    labels = [int(label) for label in split.rows.labels[row] if label >= 0]
    return labels if split.record.version is None else labels[:1]


def _score_pairs(
    pairs: Sequence[tuple[int, Image.Image, int]], scorer: Scorer
) -> Iterator[tuple[int, dict[str, float]]]:
    for first in range(0, len(pairs), BATCH_SIZE):
        batch = pairs[first : first + BATCH_SIZE]
        columns = score_images(scorer, [image for _, image, _ in batch], [label for *_, label in batch])
        for place, (number, *_) in enumerate(batch):
            yield number, {name: values[place] for name, values in columns.items()}


def _is_rank(column: str) -> bool:
    return column.startswith("label_rank.")


def _make_worst(column: str) -> float:
    return WORST_RANK if _is_rank(column) else float("-inf")


def _choose_better(column: str, one: float, other: float) -> float:
    return min(one, other) if _is_rank(column) else max(one, other)
