"""A model on a split and on its private sibling: what is kept of it, and what follows.

The file holds counts and no image: of strata by kind, for the test, and of each class, for a reader. It is
for maintainers alone: scores of many variants of a model would tell little by little which answers are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError, InputError, format_problems
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.predictions.scoring import select_outputs
from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256
from imagenet_g.benchmark.siblings.matched import LEVEL, ExcessTest, Stratum, compute_excess, count_strata
from imagenet_g.benchmark.statistics.accuracy import BoolArray, compute_correct

MAX_SCORE_BYTES = 10_000_000
"""A file of 1000 classes has a few hundred kilobytes; more is refused unread."""


class StratumCount(FileModel):
    """Strata that are alike: so many images of either side, and so many right answers."""

    public: Count
    private: Count
    right: Count
    count: Count


class ClassCount(FileModel):
    """One class on both sides."""

    class_index: Count
    public: Count
    public_right: Count
    private: Count
    private_right: Count


class SiblingScore(FileModel):
    """The private file of one model on one split."""

    schema_version: Literal[1] = 1
    split: str
    """Reference of the public split."""
    content_sha256: Sha256
    """Of the public images."""
    commitment: Sha256
    """Of the sibling."""
    model: str
    weights_sha256: Sha256
    predictions_sha256: Sha256
    """Of the file of public answers."""
    outputs: str
    """"all", or the class set within which the best answer counts."""
    classes: tuple[ClassCount, ...]
    strata: tuple[StratumCount, ...]
    public_right: Count
    """Right answers to the public images of these strata."""
    p_value: Fraction
    level: Fraction
    imagenet_g: str
    created_utc: str

    @property
    def labels_read(self) -> bool:
        """Whether the public answers are too good for a model that does not know which images are public."""
        return self.p_value <= self.level

    @property
    def num_private(self) -> int:
        """Private images that were compared."""
        return sum(one.private * one.count for one in self.strata)

    def test_again(self) -> ExcessTest:
        """The test, from the counts.

        Raises:
            InputError: They are impossible.
        """
        strata = Counter[Stratum]()
        for one in self.strata:
            strata[Stratum(one.public, one.private, one.right)] += one.count
        return compute_excess(strata, self.public_right)


def format_verdict(score: SiblingScore) -> str:
    """What a score says, in one sentence and without a number that tells of single images.

    Example:
        >>> from types import SimpleNamespace
        >>> found = {"split": "v1/sd-l", "num_private": 1000, "level": 1e-5}
        >>> format_verdict(SimpleNamespace(labels_read=False, **found))
        'v1/sd-l: private sibling: no sign of label reading (1000 private images, level 1e-05)'
    """
    if not score.labels_read:
        return (
            f"{score.split}: private sibling: no sign of label reading ({score.num_private} private "
            f"images, level "
            f"{score.level:g})"
        )
    return (
        f"{score.split}: public accuracy exceeds private accuracy by more than chance gives "
        f"({score.num_private} private images, p below {score.level:g}): these answers used the public images"
    )


def count_answers(
    public: Predictions,
    private: Predictions,
    *,
    strata: tuple[Mapping[str, Hashable], Mapping[str, Hashable]],
    outputs: str,
) -> tuple[tuple[ClassCount, ...], tuple[StratumCount, ...], int]:
    """Answers to both sides as counts: by class, by kind of stratum, and the right public ones of all strata.

    Args:
        public: Answers to the whole public split.
        private: The same model's answers to the whole sibling.
        strata: By image id, the stratum of each public and of each private image.
        outputs: "all", or the stored class set within which the best answer counts.

    Raises:
        DataError: An image is in no plan, or the files lack these outputs.
        InputError: The two have no stratum in common.
    """
    sides, right = (public, private), []
    for side, names in zip(sides, strata, strict=True):
        if lost := [image_id for image_id in side.image_ids if image_id not in names]:
            raise DataError(f"Image '{lost[0]}' of the answers is in no plan.")
        right.append(compute_correct(select_outputs(side, outputs).indices, side.labels, k=1))
    pairs = [
        [(names[image_id], bool(one)) for image_id, one in zip(side.image_ids, answers, strict=True)]
        for side, names, answers in zip(sides, strata, right, strict=True)
    ]
    found, public_right = count_strata(*pairs)
    if not found:
        raise InputError("No private image is a twin of a public one: the sibling is of another split.")
    kinds = tuple(
        StratumCount(public=one.public, private=one.private, right=one.right, count=count)
        for one, count in sorted(found.items())
    )
    return _count_classes(sides, right), kinds, public_right


def _count_classes(sides: tuple[Predictions, Predictions], right: list[BoolArray]) -> tuple[ClassCount, ...]:
    labels = [side.labels[:, 0].astype(np.int64) for side in sides]
    totals = [np.bincount(one, minlength=1000) for one in labels]
    hits = [np.bincount(one[answers], minlength=1000) for one, answers in zip(labels, right, strict=True)]
    return tuple(
        ClassCount(
            class_index=int(index),
            public=int(totals[0][index]),
            public_right=int(hits[0][index]),
            private=int(totals[1][index]),
            private_right=int(hits[1][index]),
        )
        for index in np.flatnonzero(totals[0] + totals[1])
    )


def load_score(path: Path) -> SiblingScore:
    """Read a score, and compute its p-value again.

    Raises:
        DataError: It is missing, malformed, or its numbers do not follow from its counts.
    """
    try:
        if path.stat().st_size > MAX_SCORE_BYTES:
            raise DataError(
                f"'{path}' is larger than {MAX_SCORE_BYTES} bytes; that is no score of a sibling."
            )
        score = SiblingScore.model_validate_json(path.read_bytes())
        found = score.test_again().p_value
    except ValidationError as error:
        raise DataError(f"'{path}' is no score of a sibling:\n{format_problems(error)}") from error
    except InputError as error:
        raise DataError(f"'{path}' is no score of a sibling: {error}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    # Machines round differently in the last digits.
    if not np.isclose(found, score.p_value, rtol=1e-6, atol=0) or score.level != LEVEL:
        raise DataError(f"'{path}' was edited: its counts give p = {found:g}, at the level {LEVEL:g}.")
    return score
