"""Answers as they would be forged, to measure what is found of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers
from imagenet_g.leaderboard.validation.plausibility.confidence import is_right

Rows = npt.NDArray[np.intp]


def list_wrong(answers: SplitAnswers) -> Rows:
    """Rows whose first answer is wrong."""
    return np.flatnonzero(~is_right(answers.top5, answers.labels))


def put_first(answers: SplitAnswers, rows: Rows) -> TopFive:
    """The label as the first answer to some images, above the model's own, whose probabilities stay.

    Args:
        answers: Of a model.
        rows: Images that are changed.
    """
    indices = answers.top5.indices.copy()
    for row in rows:
        label = answers.labels[row, 0]
        rest = [one for one in indices[row].tolist() if one != label]
        indices[row] = [label, *rest][: indices.shape[1]]
    return TopFive(indices, answers.top5.probabilities)
