"""Whether an answer depends on the images that share its batch, measured on the first images of each run.

Batch size, order and neighbours must decide nothing. A user's model may break that in ways no inspection
shows: a BatchNorm that its forward puts into training mode, a mean over the batch, dropout. So the last image
of the first batch is run alone as well, and beside two different neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.formats.runs import BatchCheck

TOLERANCES = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}
"""Largest difference of a logit, as a share of the range of an image's logits.

With other neighbours in a batch of the same size the same kernels run, and the difference is nearly always 0.
At another batch size kernels sum in another order; weights of a million in a head make that large in the
logits. There a probability must differ by as much too.
"""
_SPAN = 20.0
ForwardEach = Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]]


def check_batch(
    forward_each: ForwardEach, inputs: torch.Tensor, logits: torch.Tensor, *, name: str, dtype: str
) -> BatchCheck | None:
    """Run the last image of a batch alone and beside two neighbours, and compare.

    Args:
        forward_each: From batches `(N, 3, H, W)` to the `(N, 1000)` float32 logits of each on the CPU.
        inputs: `(N, 3, H, W)` float32: the batch.
        logits: `(N, 1000)`: what came out for it.
        name: The model as requested.
        dtype: In which it runs.

    Returns:
        What was measured; None where no image has a finite answer.

    Raises:
        ModelError: An image has another answer alone.
    """
    among = logits[-1:]
    if len(inputs) == 1:
        # Alone anyway; the question is then whether it would differ among others.
        inputs = torch.cat([torch.zeros_like(inputs), inputs])
        among = forward_each([inputs])[0][1:]
    alone, near, other = (rows[-1:] for rows in forward_each(_list_companies(inputs)))
    if bool(torch.isnan(torch.cat([alone, among, near, other])).any()):
        return None
    probability = float((alone.softmax(1) - among.softmax(1)).abs().nan_to_num(1.0).max())
    by_neighbour = measure_difference(near, other)
    by_size = min(measure_difference(alone, among), measure_answer(alone, among))
    if max(by_neighbour, by_size) > TOLERANCES[dtype]:
        raise ModelError(_format_dependence(name, len(inputs), max(by_neighbour, by_size), probability))
    return BatchCheck(images=1, batch_size=len(inputs), max_difference=min(probability, 1.0))


def _list_companies(inputs: torch.Tensor) -> list[torch.Tensor]:
    """The last image of a batch alone, after the first one, and after itself."""
    # No noise: a model need not take what no image becomes.
    first, last = inputs[:1], inputs[-1:]
    return [last, torch.cat([first, last]), torch.cat([last, last])]


def measure_difference(alone: torch.Tensor, among: torch.Tensor) -> float:
    """Largest difference of two rows of logits, as a share of the range of the first.

    Outputs that the model does not have are -inf in both and count as equal.

    Example:
        >>> first = torch.tensor([[0.0, 4.0, -torch.inf]])
        >>> measure_difference(first, torch.tensor([[0.0, 5.0, -torch.inf]]))
        0.25
        >>> measure_difference(first, torch.tensor([[0.0, 4.0, 1.0]]))
        inf
    """
    finite = torch.isfinite(alone)
    if not torch.equal(finite, torch.isfinite(among)) or not torch.equal(alone[~finite], among[~finite]):
        return float("inf")
    if not bool(finite.any()):
        return 0.0
    known, other = alone[finite].double(), among[finite].double()
    difference, span = float((known - other).abs().max()), float(known.max() - known.min())
    # All logits equal: any difference is measured against their own size.
    return difference / (span or max(float(known.abs().max()), 1.0))


def measure_answer(alone: torch.Tensor, among: torch.Tensor) -> float:
    """Largest difference of a probability, after logits of a small range are brought to one of 20.

    Without that, cosines of the thousand classes would have nearly equal probabilities, whatever their order.

    Example:
        >>> first, second = torch.tensor([[9.0, -9.0, 0.0]]), torch.tensor([[9.0, -9.0, 0.1]])
        >>> other = torch.tensor([[-9.0, 9.0, 0.0]])
        >>> round(measure_answer(first, second), 6), round(measure_answer(first, other), 2)
        (5e-06, 1.0)
        >>> round(measure_answer(first / 1e6, other / 1e6), 2)  # cosines
        1.0
    """
    finite = alone[torch.isfinite(alone)].double()
    span = float(finite.max() - finite.min()) if len(finite) else 0.0
    scale = max(1.0, _SPAN / span) if span else 1.0
    difference = (alone.double() * scale).softmax(1) - (among.double() * scale).softmax(1)
    # Rows that share no finite class have no probabilities; they differ altogether.
    return float(difference.abs().nan_to_num(1.0).max())


def _format_dependence(name: str, number: int, share: float, probability: float) -> str:
    return (
        f"'{name}' gives an image another answer alone than among {number}: its logits differ by {share:.2g} "
        f"of their range, a probability by {probability:.2g}. Batch size, order and neighbours, or chance, "
        "would decide its accuracy. Look in its forward for BatchNorm or Dropout in training mode, for a "
        "mean over the batch, and for random numbers."
    )
