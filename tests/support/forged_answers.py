"""Answers out of the air, as a cheat without a model would write them."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers


def invent(answers: SplitAnswers, share: float, *, seed: int = 0) -> TopFive:
    """No model's answers: the label first, on a share of the images, and probabilities out of the air."""
    rng = np.random.default_rng(seed)
    num = len(answers.labels)
    indices = np.array([rng.choice(1000, 5, replace=False) for _ in range(num)])
    taken = rng.random(num) < share
    indices[:, 1:][indices[:, 1:] == answers.labels[:, :1]] = 0
    indices[:, 0] = np.where(taken, answers.labels[:, 0], indices[:, 0])
    first = rng.uniform(0.6, 0.99, num)
    probabilities = np.column_stack([first, *([(1 - first) / 8] * 4)])
    return TopFive(indices.astype(np.int16), probabilities.astype(np.float32))
