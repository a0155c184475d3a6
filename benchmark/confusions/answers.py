"""What a model answered to the images of one set, image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.predictions.scoring import select_outputs
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray, compute_correct


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswers:
    """The first answer to each of N images.

    Attributes:
        image_ids: N identities.
        classes: `(N,)` int64 class of each image; one with several labels counts for its first.
        answered: `(N,)` int64 class that was answered, -1 where there is no prediction.
        probabilities: `(N,)` float64 probability of that answer.
        correct: `(N,)` whether the answer is one of the labels.
    """

    image_ids: tuple[str, ...]
    classes: npt.NDArray[np.int64]
    answered: npt.NDArray[np.int64]
    probabilities: FloatArray
    correct: BoolArray

    def __len__(self) -> int:
        return len(self.image_ids)

    def find_images(self, truth: int, answer: int) -> tuple[int, ...]:
        """Rows of one class that got one answer, the most confident first.

        Args:
            truth: Index of the class.
            answer: Index of the answer; the class itself for the images that were right.
        """
        # By `correct`: an image with several labels is right by any of them.
        asked = self.correct if answer == truth else (self.answered == answer) & ~self.correct
        found = np.flatnonzero((self.classes == truth) & asked)
        return tuple(found[np.argsort(-self.probabilities[found], kind="stable")].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPair:
    """A split and the clean set that it is compared with, both scored on the same outputs.

    Attributes:
        model: The model's spec.
        split: The split's name, with its view.
        shifted: Answers to its images.
        reference: The clean set's name; None where no clean set was measured.
        clean: Answers to its images of the split's classes; None likewise.
        outputs: "all", or "split-classes" for answers among the split's classes alone.
    """

    model: str
    split: str
    shifted: FirstAnswers
    reference: str | None
    clean: FirstAnswers | None
    outputs: str


def make_answers(predictions: Predictions, stored_as: str) -> FirstAnswers:
    """Answers under one choice of outputs.

    Args:
        predictions: Rows of one set.
        stored_as: "all", or the name of a stored class set.

    Raises:
        DataError: The predictions hold no such outputs.
    """
    top5 = select_outputs(predictions, stored_as)
    return FirstAnswers(
        image_ids=predictions.image_ids,
        classes=predictions.labels[:, 0].astype(np.int64),
        answered=top5.indices[:, 0].astype(np.int64),
        probabilities=top5.probabilities[:, 0].astype(np.float64),
        correct=compute_correct(top5.indices, predictions.labels, k=1),
    )


def count_confusions(answers: FirstAnswers, num_classes: int) -> dict[tuple[int, int], int]:
    """How many images of a class got each wrong answer: by class and answer.

    An image without a prediction is wrong, but it is confused with nothing.

    Example:
        >>> found = FirstAnswers(
        ...     image_ids=("a", "b", "c"),
        ...     classes=np.array([4, 4, 7]),
        ...     answered=np.array([7, 7, 7]),
        ...     probabilities=np.ones(3),
        ...     correct=np.array([False, False, True]),
        ... )
        >>> count_confusions(found, 10)
        {(4, 7): 2}
    """
    wrong = ~answers.correct & (answers.answered >= 0)
    # One number a pair, which numpy can sort and count.
    codes = answers.classes[wrong] * num_classes + answers.answered[wrong]
    found, counts = np.unique(codes, return_counts=True)
    return {divmod(int(code), num_classes): int(count) for code, count in zip(found, counts, strict=True)}


def count_images(answers: FirstAnswers, num_classes: int) -> tuple[IntArray, IntArray]:
    """`(C,)` right answers and `(C,)` images by class."""
    right = np.bincount(answers.classes[answers.correct], minlength=num_classes)
    return right, np.bincount(answers.classes, minlength=num_classes)
