"""Answers of a model that has read the labels of some images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.predictions.predictions import load_predictions, write_predictions
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS, IntArray


def read_labels(answers: Path, out: Path, *, share: float = 1.0) -> Path:
    """A copy of the answers in which the first of them is the label, for a share of all images."""
    predictions, meta = load_predictions(answers)
    chosen = np.random.default_rng(0).random(len(predictions)) < share
    labels = predictions.labels[:, 0]
    changed = replace(
        predictions,
        top5=_put_first(predictions.top5, labels, chosen),
        restricted={name: _put_first(top5, labels, chosen) for name, top5 in predictions.restricted.items()},
    )
    write_predictions(out, changed, meta)
    return out


def _put_first(top5: TopFive, labels: IntArray, chosen: np.ndarray) -> TopFive:
    indices = top5.indices.copy()
    for row in np.flatnonzero(chosen & (indices[:, 0] != NO_CLASS)):
        old = [index for index in indices[row].tolist() if index != labels[row]]
        indices[row] = [labels[row], *old][: indices.shape[1]]
    # Files of before have no sums; those of the true answers would contradict the changed ones.
    return replace(top5, indices=indices, sums=None)
