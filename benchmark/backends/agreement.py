"""Whether a compiled model gives the answers of PyTorch, measured on a first batch."""

from __future__ import annotations

import torch

from imagenet_g.benchmark.formats.runs import BackendCheck

TOLERANCE = 1e-3
"""Largest difference of a logit, where the logits of an image have a range of 10 to 100."""


def compare_answers(answers: torch.Tensor, expected: torch.Tensor) -> tuple[BackendCheck | None, str]:
    """Compare a backend's logits with those of PyTorch.

    A class with another top-1 passes only as a tie: its two logits then differ by at most twice the
    tolerance.

    Args:
        answers: `(N, K)` float32 of the backend.
        expected: `(N, K)` float32 of PyTorch for the same images.

    Returns:
        What was measured, and an empty text; or None and how they differ.

    Example:
        >>> logits = torch.tensor([[0.0, 20.0, 5.0]])
        >>> compare_answers(logits + 1e-4, logits)[0].top1_equal
        1
        >>> compare_answers(logits.roll(1, 1), logits)[1]
        'its logits differ by up to 20, where 0.001 is allowed, and 0 of 1 images have the same top-1'
    """
    if answers.shape != expected.shape:
        return None, f"its outputs have the shape {tuple(answers.shape)} and not {tuple(expected.shape)}"
    # NaN, and the -inf of classes that the model does not have, must stand in the same places.
    finite = torch.isfinite(expected)
    broken = expected[~finite].nan_to_num(nan=1.0), answers[~finite].nan_to_num(nan=1.0)
    if not torch.equal(finite, torch.isfinite(answers)) or not torch.equal(*broken):
        return None, "its logits are not finite in the same places"
    known = expected.masked_fill(~finite, 0.0)
    differences = (answers.masked_fill(~finite, 0.0) - known).abs().amax(1)
    allowed = find_allowed_difference(_measure_ranges(expected, finite))
    equal = int((answers.nan_to_num().argmax(1) == expected.nan_to_num().argmax(1)).sum())
    worst = float(differences.max())
    if bool((differences > allowed).any()):
        limit = float(allowed[(differences - allowed).argmax()])
        return None, (
            f"its logits differ by up to {worst:.3g}, where {limit:.3g} is allowed, and {equal} of "
            f"{len(expected)} images have the same top-1"
        )
    return BackendCheck(images=len(expected), max_difference=worst, top1_equal=equal), ""


def find_allowed_difference(ranges: torch.Tensor) -> torch.Tensor:
    """How far a logit may lie off, by the range of an image's logits.

    0.001, as it is usual for logits; where they are cosines, with a range below 10, a ten-thousandth of the
    range; where they are huge, float32 itself is coarser, and it is a hundred-thousandth.

    Example:
        >>> [f"{value:.1g}" for value in find_allowed_difference(torch.tensor([0.1, 20.0, 1e6])).tolist()]
        ['1e-05', '0.001', '1e+01']
    """
    return torch.maximum((ranges * TOLERANCE / 10).clamp(max=TOLERANCE), ranges * TOLERANCE / 100)


def _measure_ranges(logits: torch.Tensor, finite: torch.Tensor) -> torch.Tensor:
    highest = logits.masked_fill(~finite, -torch.inf).amax(1)
    lowest = logits.masked_fill(~finite, torch.inf).amin(1)
    ranges = (highest - lowest).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    # All logits equal, or a single one: measured against their own size.
    sizes = logits.masked_fill(~finite, 0.0).abs().amax(1)
    return torch.where(ranges > 0, ranges, sizes.clamp(min=1.0))
