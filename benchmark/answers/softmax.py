"""From logits to what is stored of them: the best five classes, and two sums over all classes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.answers.top_five import TOP_K, OutputSums, TopFive
from imagenet_g.benchmark.classes import NUM_CLASSES, ClassSet
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

Scalar = TypeVar("Scalar", np.int16, np.float32)


def compute_top_five(
    logits: torch.Tensor, class_set: ClassSet | None = None, *, labels: npt.NDArray[np.int16] | None = None
) -> TopFive:
    """Best five classes and their softmax probabilities, ties broken by the lower index; and the two sums.

    Args:
        logits: `(N, 1000)` float32; -inf for an output the model does not have. A row with NaN or +inf, or
            with nothing but -inf, gives no prediction.
        class_set: Classes to choose among and to normalise over; None for all 1000.
        labels: `(N, L)` acceptable classes, padded with -1, for the sums; None to leave them out.

    Returns:
        Indices in 0..999 and probabilities; -1 and 0 where fewer than five classes are there. The log of the
        right answer's probability is -inf where the model, or the class set, has no output for it.

    Example:
        >>> compute_top_five(torch.tensor([[0.0, 2.0, 2.0]])).indices.tolist()  # a tie: the lower index first
        [[1, 2, 0, -1, -1]]
        >>> compute_top_five(torch.tensor([[torch.nan, 2.0, 2.0]])).indices.tolist()
        [[-1, -1, -1, -1, -1]]
        >>> equal = compute_top_five(torch.zeros(1, 4), labels=np.array([[2]], dtype=np.int16)).sums
        >>> np.exp(equal.log_label).round(4).tolist(), equal.squares.tolist()
        ([0.25], [0.25])
    """
    columns = torch.arange(logits.shape[1]) if class_set is None else torch.tensor(class_set.indices)
    if class_set is not None:
        logits = logits[:, columns]
    usable = ~(torch.isnan(logits).any(1) | torch.isposinf(logits).any(1) | torch.isneginf(logits).all(1))
    safe = torch.where(usable[:, None], logits.double(), 0.0)
    order = find_largest(safe, TOP_K)
    all_probabilities = torch.softmax(safe, dim=1)
    probabilities = all_probabilities.gather(1, order)
    present = usable[:, None] & torch.isfinite(safe.gather(1, order))
    indices = torch.where(present, columns[order], NO_CLASS)
    return TopFive(
        _pad(indices.numpy().astype(np.int16), NO_CLASS),
        _pad(torch.where(present, probabilities, 0.0).numpy().astype(np.float32), 0),
        None if labels is None else _sum_outputs(safe, all_probabilities, columns, usable, labels),
    )


def find_largest(values: torch.Tensor, number: int) -> torch.Tensor:
    """Columns of the largest values of each row, largest first; of equal values the lower column first.

    Args:
        values: `(N, C)` float64 without NaN.
        number: How many columns; all C where there are fewer.

    Returns:
        `(N, number)` int64, on every device what a stable sort of the whole row gives.

    Example:
        >>> find_largest(torch.tensor([[0.0, 2.0, 1.0, 2.0, 2.0]]), 2)
        tensor([[1, 3]])
    """
    number = min(number, values.shape[1])
    # Which of equal values it finds is left open, so that its columns only count where nothing else is equal.
    largest, columns = torch.topk(values, number, dim=1)
    columns = columns.sort(dim=1).values
    order = values.gather(1, columns).sort(dim=1, descending=True, stable=True).indices
    columns = columns.gather(1, order)
    tied = (values >= largest[:, -1:]).sum(dim=1) > number
    if bool(tied.any()):
        whole = torch.sort(values[tied], dim=1, descending=True, stable=True).indices
        columns[tied] = whole[:, :number]
    return columns


def _sum_outputs(
    logits: torch.Tensor,
    probabilities: torch.Tensor,
    columns: torch.Tensor,
    usable: torch.Tensor,
    labels: npt.NDArray[np.int16],
) -> OutputSums:
    place, known = _find_columns(columns, labels)
    right = torch.where(known, logits.gather(1, place), -torch.inf)
    # From the logits: the probability of a class far behind would be 0 before its log is taken.
    log_label = (torch.logsumexp(right, dim=1) - torch.logsumexp(logits, dim=1)).clamp(max=0.0)
    apart = torch.where(known, probabilities.gather(1, place), 0.0).square().sum(1)
    # Classes that are right count as one: their squares give way to the square of their sum.
    squares = (probabilities.square().sum(1) - apart).clamp(min=0.0) + log_label.exp().square()
    return OutputSums(_blank(log_label, usable), _blank(squares, usable))


def _find_columns(columns: torch.Tensor, labels: npt.NDArray[np.int16]) -> tuple[torch.Tensor, torch.Tensor]:
    """`(N, L)`: in which column a label's output is, and whether there is one; a repeated label has none."""
    given = torch.from_numpy(labels.astype(np.int64))
    # Padding, -1, looks up the last place, which no class has.
    place_of = torch.full((NUM_CLASSES + 1,), -1).scatter(0, columns, torch.arange(len(columns)))
    place = place_of[given]
    repeated = (given[:, :, None] == given[:, None, :]).tril(-1).any(dim=2)
    return place.clamp(min=0), (place >= 0) & ~repeated


def _blank(values: torch.Tensor, usable: torch.Tensor) -> npt.NDArray[np.float32]:
    return torch.where(usable, values, torch.nan).numpy().astype(np.float32)


def _pad(values: npt.NDArray[Scalar], fill: float) -> npt.NDArray[Scalar]:
    missing = TOP_K - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill)
