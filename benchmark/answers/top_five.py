"""The best five outputs of each image, and two numbers about all of its outputs.

Accuracy needs the best five alone. Proper scores need all outputs, and of those two numbers suffice: the log
of the probability of the right answer, and the sum of the squared probabilities. Where several classes are
right, they count as one outcome in both: its probability is the sum of theirs. So `S - 2 p + 1` is the Brier
score of an image with any number of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.ragged import make_ragged, parse_classes, parse_numbers, parse_ragged
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

if TYPE_CHECKING:
    import pyarrow as pa

TOP_K = 5
"""Answers of an image that are stored, and so the most that any count of right answers can look at: top-5
accuracy is what ImageNet's challenges ranked by, and further answers would be most of a file's bytes."""
LOG_COLUMN = "label_log_probability"
SQUARES_COLUMN = "squared_probability_sum"
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OutputSums:
    """Two numbers about all outputs of each image.

    Attributes:
        log_label: `(N,)` float32 natural log of the probability of the right answer, at most 0; -inf where
            the model has no output for it, NaN for an image without an answer.
        squares: `(N,)` float32 sum of the squared probabilities over all outcomes, in (0, 1]; NaN likewise.
    """

    log_label: Float32Array
    squares: Float32Array

    def take(self, rows: npt.NDArray[np.intp]) -> OutputSums:
        """The given rows, in the given order."""
        return OutputSums(self.log_label[rows], self.squares[rows])


@dataclass(frozen=True, slots=True)
class TopFive:
    """The best five outputs of each image.

    Attributes:
        indices: `(N, 5)` int16 class indices, best first; -1 for an empty slot.
        probabilities: `(N, 5)` float32 softmax probabilities in [0, 1]; 0 for an empty slot.
        sums: Of all outputs; None in predictions that were stored without them.
    """

    indices: npt.NDArray[np.int16]
    probabilities: Float32Array
    sums: OutputSums | None = None

    def take(self, rows: npt.NDArray[np.intp]) -> TopFive:
        """The given rows, in the given order."""
        sums = None if self.sums is None else self.sums.take(rows)
        return TopFive(self.indices[rows], self.probabilities[rows], sums)


def stack_top_five(pieces: Sequence[TopFive]) -> TopFive:
    """Join rows; the sums are kept where every piece has them."""
    sums = [piece.sums for piece in pieces if piece.sums is not None]
    whole = len(sums) == len(pieces)
    return TopFive(
        np.concatenate([piece.indices for piece in pieces]),
        np.concatenate([piece.probabilities for piece in pieces]),
        OutputSums(
            np.concatenate([one.log_label for one in sums]), np.concatenate([one.squares for one in sums])
        )
        if whole
        else None,
    )


def blank_rows(top5: TopFive, kept: npt.NDArray[np.bool_]) -> TopFive:
    """The same, with no answer in the rows that are not kept."""
    sums = top5.sums
    return TopFive(
        np.where(kept[:, None], top5.indices, np.int16(NO_CLASS)).astype(np.int16),
        np.where(kept[:, None], top5.probabilities, np.float32(0)).astype(np.float32),
        None
        if sums is None
        else OutputSums(
            np.where(kept, sums.log_label, np.float32(np.nan)).astype(np.float32),
            np.where(kept, sums.squares, np.float32(np.nan)).astype(np.float32),
        ),
    )


def make_columns(suffix: str, top5: TopFive, present: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Columns of a predictions file; null where no answer is present."""
    import pyarrow as pa

    kept = top5.indices != NO_CLASS
    columns = {
        f"top5_index{suffix}": make_ragged(top5.indices, kept, present, pa.int16()),
        f"top5_probability{suffix}": make_ragged(top5.probabilities, kept, present, pa.float32()),
    }
    if top5.sums is not None:
        for name, values in ((LOG_COLUMN, top5.sums.log_label), (SQUARES_COLUMN, top5.sums.squares)):
            columns[f"{name}{suffix}"] = pa.array(values, pa.float32(), mask=~present)
    return columns


def parse_columns(table: pa.Table, suffix: str) -> TopFive:
    """What `make_columns` wrote.

    Raises:
        KeyError: A column is missing or doubled; of the two sums, both may be.
        TypeError: A column is of another type.
        ValueError: A list is longer than five, or a value does not fit.
    """
    probabilities = parse_ragged(table[f"top5_probability{suffix}"], fill=0, width=TOP_K)
    stored = {f"{name}{suffix}" for name in (LOG_COLUMN, SQUARES_COLUMN)} & set(table.column_names)
    return TopFive(
        parse_classes(table, f"top5_index{suffix}", width=TOP_K),
        probabilities.astype(np.float32),
        # One alone is an error, which asking for both names.
        OutputSums(
            parse_numbers(table, f"{LOG_COLUMN}{suffix}"), parse_numbers(table, f"{SQUARES_COLUMN}{suffix}")
        )
        if stored
        else None,
    )
