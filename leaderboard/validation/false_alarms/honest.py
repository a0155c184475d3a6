"""Predictions of models that are known to be honest, as the scripts that measure false alarms read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers


@dataclass(frozen=True, slots=True)
class Honest:
    """One model on one split.

    Attributes:
        model: Its spec.
        weights_sha256: Of its weights; two specs of the same weights are one model.
        ref: The split.
        images_sha256: Of the split's contents: under two names it is one split.
        answers: Its answers.
    """

    model: str
    weights_sha256: str
    ref: str
    images_sha256: str
    answers: SplitAnswers

    @property
    def name(self) -> str:
        """The spec and the split."""
        return f"{self.model} on {self.ref}"


def load_honest(files: Sequence[Path]) -> list[Honest]:
    """Every file that holds answers.

    A file that is named twice is a copy like any other: whoever names files says that they are nobody's.

    Raises:
        DataError: A file is missing, or is no predictions file.
    """
    loaded = [(load_predictions(file)[1], load_answers(file)) for file in files]
    return [
        Honest(
            record.model.spec,
            record.model.weights_sha256,
            record.split.ref,
            record.split.content_sha256,
            answers,
        )
        for record, answers in loaded
        if answers is not None
    ]
