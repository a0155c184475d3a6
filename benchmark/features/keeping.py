"""A run that keeps its features, and what is known of earlier ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.features.row_store import KeptRows, keep_rows, load_rows
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.parts import NOT_FINITE, make_predictions
from imagenet_g.benchmark.models.classifiers import FeatureHead
from imagenet_g.benchmark.predictions.predictions import Predictions, concatenate_predictions
from imagenet_g.benchmark.splits.splits import Split

CHUNK_ROWS = 1024
"""Rows whose logits are in memory at a time."""


class KeepingHead:
    """A head that takes the features of the batches of a run.

    Args:
        head: Makes logits of features.

    Attributes:
        taken: Features in the order of the readable images, not yet kept.
    """

    def __init__(self, head: FeatureHead) -> None:
        self.num_features = head.num_features
        self.taken: deque[torch.Tensor] = deque()
        self._head = head

    def score(self, features: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` of `(N, D)` features."""
        return self._head.score(features)

    def keep(self, features: torch.Tensor) -> None:
        """Take the features of a batch."""
        self.taken.extend(features)


@dataclass(frozen=True, slots=True)
class FeatureParts(PartStore):
    """Features in the place of parts: predictions of what was done before follow from them.

    Attributes:
        split: The images.
        rows: Which rows are run, in order.
        head: Of the run.
        class_sets: Class sets to store restricted outputs for, by stored name.
    """

    split: Split = field(kw_only=True)
    rows: Sequence[int] = field(kw_only=True)
    head: KeepingHead = field(kw_only=True)
    class_sets: Mapping[str, ClassSet] = field(kw_only=True)

    def load_parts(self) -> list[Predictions]:
        """Predictions of the leading rows whose features are kept."""
        # What a run that was given up took and did not keep.
        self.head.taken.clear()
        known = load_rows(self.folder, self.head.num_features)
        done = self.rows[: known.count_leading(self.rows)]
        return [predict_rows(self.head, self.split, done, known, self.class_sets)] if done else []

    def write_part(self, start: int, part: Predictions) -> None:
        """Keep the features of the rows `start .. start + len(part)`.

        Raises:
            StorageError: The folder cannot be written.
        """
        vectors, errors = {}, {}
        for row, error in zip(self.rows[start : start + len(part)], part.errors, strict=True):
            # An image whose output is not finite was readable, and has features that say so.
            taken = self.head.taken.popleft() if error in (None, NOT_FINITE) else None
            if taken is not None and error is None:
                vectors[row] = taken.numpy()
            else:
                errors[row] = str(error)
        keep_rows(self.folder, vectors, errors)


def load_complete(folder: Path, rows: Sequence[int]) -> KeptRows | None:
    """What is kept of rows; None unless all of them are known."""
    if not folder.is_dir():
        return None
    known = load_rows(folder)
    return known if rows and known.count_leading(rows) == len(rows) else None


def predict_rows(
    head: FeatureHead,
    split: Split,
    rows: Sequence[int],
    known: KeptRows,
    class_sets: Mapping[str, ClassSet],
) -> Predictions:
    """Predictions of rows whose features are known, with no pass of the image encoder.

    Args:
        head: Makes logits of features.
        split: The images.
        rows: At least one row; all are known.
        known: Their features.
        class_sets: Class sets to store restricted outputs for, by stored name.
    """
    parts = []
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        readable = [number for number, row in enumerate(chunk) if row in known.vectors]
        # NaN marks what was not predicted; a row of zeros would pass for an answer.
        logits = torch.full((len(chunk), 1000), torch.nan)
        if readable:
            features = np.stack([known.vectors[chunk[number]] for number in readable])
            logits[readable] = head.score(torch.from_numpy(features))
        errors = [known.errors.get(row) for row in chunk]
        parts.append(make_predictions(split, chunk, logits, errors, class_sets))
    return concatenate_predictions(parts)
