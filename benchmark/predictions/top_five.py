"""The best five classes of a row of logits."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.predictions.predictions import TOP_K, TopFive
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

Scalar = TypeVar("Scalar", np.int16, np.float32)


def compute_top_five(logits: torch.Tensor, class_set: ClassSet | None = None) -> TopFive:
    """Best five classes and their softmax probabilities, ties broken by the lower index.

    Args:
        logits: `(N, 1000)` float32; -inf for an output the model does not have. A row with NaN or +inf, or
            with nothing but -inf, gives no prediction.
        class_set: Classes to choose among and to normalise over; None for all 1000.

    Returns:
        Indices in 0..999 and probabilities; -1 and 0 where fewer than five classes are there.

    Example:
        >>> compute_top_five(torch.tensor([[0.0, 2.0, 2.0]])).indices.tolist()  # a tie: the lower index first
        [[1, 2, 0, -1, -1]]
        >>> compute_top_five(torch.tensor([[torch.nan, 2.0, 2.0]])).indices.tolist()
        [[-1, -1, -1, -1, -1]]
    """
    if class_set is None:
        columns = torch.arange(logits.shape[1])
    else:
        columns = torch.tensor(class_set.indices)
        logits = logits[:, columns]
    usable = ~(torch.isnan(logits).any(1) | torch.isposinf(logits).any(1) | torch.isneginf(logits).all(1))
    safe = torch.where(usable[:, None], logits.double(), 0.0)
    # A stable sort in float64 keeps equal logits in class order, whatever the device's own top-k would do.
    values, order = torch.sort(safe, dim=1, descending=True, stable=True)
    probabilities = torch.softmax(safe, dim=1).gather(1, order)[:, :TOP_K]
    present = usable[:, None] & torch.isfinite(values[:, :TOP_K])
    indices = torch.where(present, columns[order[:, :TOP_K]], NO_CLASS)
    return TopFive(
        _pad(indices.numpy().astype(np.int16), NO_CLASS),
        _pad(torch.where(present, probabilities, 0.0).numpy().astype(np.float32), 0),
    )


def _pad(values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
    missing = TOP_K - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill)
