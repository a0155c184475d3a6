"""Stored predictions as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.api.arguments import AnyPath, make_path
from imagenet_g.benchmark.predictions.predictions import Predictions, make_table
from imagenet_g.benchmark.predictions.predictions import load_predictions as read_predictions
from imagenet_g.benchmark.statistics.accuracy import compute_correct

if TYPE_CHECKING:
    import pandas as pd


def load_predictions(path: AnyPath) -> pd.DataFrame:
    """Stored predictions, one row an image: the columns of the file, and `right`.

    Args:
        path: A file below `predictions/` of a result; `Results.predictions` finds those of results.

    Returns:
        `label` and `top5_index` are arrays of classes, 0..999; `top5_probability` has the best five of the
        softmax. `attrs` names the model and the split.

    Raises:
        DataError: It is missing, or no predictions file.
    """
    predictions, meta = read_predictions(make_path(path, "path"))
    frame = make_predictions_frame(predictions)
    frame.attrs = {"model": meta.model.spec, "split": meta.split.ref}
    return frame


def make_predictions_frame(predictions: Predictions) -> pd.DataFrame:
    """Predictions as `load_predictions` gives them."""
    frame: pd.DataFrame = make_table(predictions).to_pandas()
    frame["right"] = compute_correct(predictions.top5.indices, predictions.labels, k=1)
    return frame
