"""The answers that are compared: few columns of a predictions file, read within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.bounded_table import read_bounded
from imagenet_g.benchmark.answers.ragged import parse_classes
from imagenet_g.benchmark.answers.top_five import TopFive, parse_columns
from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.predictions.predictions import MAX_ROWS
from imagenet_g.leaderboard.submissions.untrusted import validate_predictions_file

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("image_id", "label", "top5_index", "top5_probability")


@dataclass(frozen=True, slots=True)
class SplitAnswers:
    """Answers to the images of a split.

    Attributes:
        image_ids: N ids as an Arrow array: as Python strings, those of 200 files would take minutes to match.
        labels: `(N, L)` int16 acceptable classes, padded with -1.
        top5: The best five of each image.
    """

    image_ids: pa.Array
    labels: npt.NDArray[np.int16]
    top5: TopFive

    def align(self, image_ids: pa.Array) -> TopFive:
        """The best five in the order of other ids; an image that is not here has none (-1)."""
        import pyarrow.compute as pc

        if self.image_ids.equals(image_ids):
            return self.top5
        found = pc.index_in(image_ids, value_set=self.image_ids).fill_null(-1).to_numpy(zero_copy_only=False)
        missing = (found < 0)[:, None]
        return TopFive(
            np.where(missing, np.int16(-1), self.top5.indices[found]),
            np.where(missing, np.float32(0), self.top5.probabilities[found]),
        )


def load_answers(path: Path) -> SplitAnswers | None:
    """The answers in a predictions file; None where it cannot be read, which its own report says.

    Only the columns that are compared are read.
    """
    import pyarrow as pa

    try:
        validate_predictions_file(path, max_rows=MAX_ROWS)
        table = read_bounded(path, columns=COLUMNS)
        ids = table["image_id"].cast(pa.string()).combine_chunks()
        top5 = parse_columns(table, "")
        labels = parse_classes(table, "label", width=None)
    except (UntrustedFileError, pa.ArrowException, OSError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return SplitAnswers(ids, labels, top5) if len(ids) else None
