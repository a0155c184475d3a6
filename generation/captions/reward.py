"""The objective: captions whose embedding is far from the images of their class, as long as they are valid.

Source: Ramos et al., "Exploring Text-Guided Synthetic Distribution Shifts", Eq. 1:
R(P) = s(phi(P), mean of phi(I_i)), with s the cosine, to be minimised over captions P of a class whose images
are I_i. The reward is minus R, so that more is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.distances.geometry import normalize_rows
from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.captions.sentences import count_checks

Floats = npt.NDArray[np.float64]
Normalization = Literal["images", "images-and-mean"]
Grading = Literal["graded", "floor"]
Direction = Literal["far", "near"]
FLOOR = -1.0
"""Lower bound of minus a cosine."""


def compute_class_mean(embeddings: npt.ArrayLike, normalization: Normalization) -> Floats:
    """Mean of a class's image embeddings.

    Every embedding is scaled to length 1 first, so that no image counts more than another. The cosine of
    Eq. 1 does not depend on the length of the mean; "images-and-mean" scales it to length 1 as well, for use
    as a point among embeddings.

    Args:
        embeddings: `(N, D)` floats, no row zero.
        normalization: "images" or "images-and-mean".

    Returns:
        `(D,)` float64.

    Raises:
        DataError: There is no embedding.
        InputError: One has length zero, or is not finite.

    Example:
        >>> compute_class_mean([[3, 0], [0, 1]], "images").tolist()
        [0.5, 0.5]
    """
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise DataError("A class mean needs at least one image embedding.")
    mean: Floats = normalize_rows(rows).mean(axis=0)
    return mean if normalization == "images" else normalize_rows(mean[None])[0]


def compute_row_cosines(embeddings: npt.ArrayLike, means: npt.ArrayLike) -> Floats:
    """R of Eq. 1: cosine of each caption's embedding and its class mean.

    Args:
        embeddings: `(N, D)` caption embeddings of any length but zero.
        means: `(N, D)` class means of any length but zero.

    Returns:
        `(N,)` in [-1, 1]. A row that is not finite gives NaN.

    Example:
        >>> compute_row_cosines([[2, 0], [0, 1]], [[1, 0], [1, 0]]).tolist()
        [1.0, 0.0]
    """
    # A broken embedding gives NaN without a warning: `validate_rewards` reports it with step and caption.
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = (
            rows / np.linalg.norm(rows, axis=1, keepdims=True)
            for rows in (np.asarray(a, dtype=np.float64) for a in (embeddings, means))
        )
    # Rounding can give 1 + 1e-16; its reward would be below the floor, and an invalid caption would win.
    cosines: Floats = np.clip((first * second).sum(axis=1), -1.0, 1.0)
    return cosines


def compute_rewards(
    cosines: npt.ArrayLike,
    num_faults: Sequence[int],
    *,
    grading: Grading,
    direction: Direction = "far",
    num_checks: int = count_checks("unchecked"),
) -> Floats:
    """Rewards: minus the cosine for valid captions, the lower bound or less for others.

    Args:
        cosines: `(N,)` from `compute_row_cosines`.
        num_faults: Faults of each caption, see `captions.sentences`; 0 for valid ones.
        grading: "floor" gives every invalid caption -1, as in the paper; a group of captions that are all
            invalid then has no gradient. "graded" continues below: -1 minus the share of checks that failed,
            down to -2, so that fewer faults are always better and validity still comes first.
        direction: "far" minimises the cosine; "near" flips its sign, a control that must make it worse.
        num_checks: How many checks each caption was given; no caption has more faults.

    Returns:
        `(N,)`: in [-1, 1] for valid captions, in [-2, -1] for others.

    Example:
        >>> compute_rewards([0.25, 0.25, 0.25], [0, 1, 8], grading="graded").tolist()
        [-0.25, -1.125, -2.0]
        >>> compute_rewards([0.25, 0.25, 0.25], [0, 1, 8], grading="floor").tolist()
        [-0.25, -1.0, -1.0]
    """
    values = np.asarray(cosines, dtype=np.float64)
    faults = np.asarray(num_faults, dtype=np.float64)
    valid = -values if direction == "far" else values
    # Not flipped with the direction: the control differs in the sign of the cosine and in nothing else.
    invalid = FLOOR - (faults / num_checks if grading == "graded" else 0.0)
    rewards: Floats = np.where(faults == 0, valid, invalid)
    return rewards
