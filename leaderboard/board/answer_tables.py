"""First answers of every model to every image of a split, as one wide table.

Columns: image_id, labels (list of class indices), and for each model `answer:<model_id>` (class index, -1
where the image was not scored) and `probability:<model_id>`, among the classes of its score on the board. A
reader loads only the columns it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.predictions.predictions import Predictions, load_predictions
from imagenet_g.benchmark.predictions.scoring import name_own_outputs, select_outputs
from imagenet_g.benchmark.records import Outputs

if TYPE_CHECKING:
    import pandas as pd

ANSWER, PROBABILITY = "answer:", "probability:"


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """Predictions, and which answers in them the board's score is of.

    Attributes:
        path: The file.
        outputs: Whether the model chose among all of its classes or among the split's own.
    """

    path: Path
    outputs: Outputs


def build_answers(files: Mapping[str, AnswerFile]) -> pd.DataFrame:
    """The table of one whole split.

    Args:
        files: By model id; every file covers the same images, as validation made sure.

    Raises:
        DataError: A file is damaged.
    """
    import pandas as pd

    columns: dict[str, object] = {}
    order: tuple[str, ...] = ()
    for model_id, file in sorted(files.items()):
        predictions, meta = load_predictions(file.path)
        if not order:
            order = predictions.image_ids
            columns["image_id"] = list(order)
            columns["labels"] = [[i for i in row if i >= 0] for row in predictions.labels.tolist()]
        # Files need not have one order: images are matched by id, never by row.
        rows = _find_rows(predictions, order)
        best = select_outputs(predictions, "all" if file.outputs == "all" else name_own_outputs(meta))
        columns[ANSWER + model_id] = best.indices[rows, 0]
        columns[PROBABILITY + model_id] = best.probabilities[rows, 0]
    return pd.DataFrame(columns)


def _find_rows(predictions: Predictions, order: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    row_of = {image_id: row for row, image_id in enumerate(predictions.image_ids)}
    return np.array([row_of[image_id] for image_id in order], dtype=np.intp)


def list_answering_models(answers: pd.DataFrame) -> tuple[str, ...]:
    """Ids of the models with answers in a table.

    Example:
        >>> import pandas as pd
        >>> answers = pd.DataFrame(columns=["image_id", "labels", "answer:vit", "probability:vit"])
        >>> list_answering_models(answers)
        ('vit',)
    """
    return tuple(name.removeprefix(ANSWER) for name in answers.columns if name.startswith(ANSWER))


def compute_right(answers: pd.DataFrame, model_id: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """`(N,)`: whether a model's first answer is an acceptable label.

    Example:
        >>> import pandas as pd
        >>> answers = pd.DataFrame({"labels": [[3], [3, 7], [5]], "answer:vit": [3, 7, -1]})
        >>> compute_right(answers, "vit").tolist()
        [True, True, False]
    """
    pairs = zip(answers[ANSWER + model_id], answers["labels"], strict=True)
    return np.array([answer in labels for answer, labels in pairs], dtype=np.bool_)
