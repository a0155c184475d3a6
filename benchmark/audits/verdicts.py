"""What the raters say of each image: the majority, with "cannot say" counted in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.audits.files import RaterAnswers
from imagenet_g.benchmark.audits.records import ANSWERS, AuditSample, Role, Treatment

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
YES, NO, CANNOT_SAY = range(len(ANSWERS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One image with the majority of its raters.

    Attributes:
        item: Id in the sample.
        image_id: Id in the split, or in the reference for a control.
        wnid: The class that was asked about.
        role: What the image is.
        weight: How many images of the split it stands for; None for a control.
        valid: Whether more than half of all answers are yes: "cannot say" counts as not valid.
        valid_left_out: Whether more than half of the answers yes and no are yes; None where every rater
            cannot say.
        num_ratings: Raters who answered, at least one.
    """

    item: str
    image_id: str
    wnid: str
    role: Role
    weight: float | None
    valid: bool
    valid_left_out: bool | None
    num_ratings: int


@dataclass(frozen=True, slots=True)
class Decided:
    """Verdicts on N images, with "cannot say" counted in one way.

    Attributes:
        valid: `(N,)` whether more than half of the answers that count are yes.
        has_verdict: `(N,)` whether there is an answer that counts.
        tied: `(N,)` whether exactly half are yes; such an image is not valid.
    """

    valid: BoolArray
    has_verdict: BoolArray
    tied: BoolArray


def list_verdicts(
    sample: AuditSample, raters: Sequence[RaterAnswers], *, role: Role = "generated"
) -> tuple[Verdict, ...]:
    """The majority on each rated image of a role, in the sample's order; unrated images are left out.

    An even split of the answers is no majority, so that it counts as not valid.

    Args:
        sample: The drawn images.
        raters: Their answers, from `load_all_ratings`.
        role: Which images.
    """
    counts = count_answers(sample, raters)
    strict = decide(counts, "cannot say counts as not valid")
    lenient = decide(counts, "cannot say is left out")
    return tuple(
        Verdict(
            item=item.item,
            image_id=item.image_id,
            wnid=item.wnid,
            role=item.role,
            weight=item.weight,
            valid=bool(strict.valid[row]),
            valid_left_out=bool(lenient.valid[row]) if lenient.has_verdict[row] else None,
            num_ratings=int(counts[row].sum()),
        )
        for row, item in enumerate(sample.items)
        if item.role == role and strict.has_verdict[row]
    )


def count_answers(sample: AuditSample, raters: Sequence[RaterAnswers]) -> IntArray:
    """`(N, 3)` numbers of answers yes, no and cannot say, a row an item in the sample's order."""
    row_of = {item.item: row for row, item in enumerate(sample.items)}
    counts = np.zeros((len(row_of), len(ANSWERS)), dtype=np.int64)
    for rater in raters:
        for rating in rater.answers.values():
            counts[row_of[rating.item], ANSWERS.index(rating.answer)] += 1
    return counts


def decide(counts: IntArray, treatment: Treatment) -> Decided:
    """The majority on each image.

    Args:
        counts: `(N, 3)` numbers of answers yes, no and cannot say.
        treatment: Whether "cannot say" counts as an answer that is not yes, or not at all.

    Example:
        >>> counts = np.array([[2, 1, 0], [1, 0, 1], [0, 0, 3]])
        >>> decide(counts, "cannot say counts as not valid").valid.tolist()
        [True, False, False]
        >>> found = decide(counts, "cannot say is left out")
        >>> found.valid.tolist(), found.has_verdict.tolist()
        ([True, True, False], [True, True, False])
    """
    against = counts[:, NO]
    if treatment == "cannot say counts as not valid":
        # Not in place: the column is a view of the caller's counts.
        against = against + counts[:, CANNOT_SAY]
    in_favour = counts[:, YES]
    has_verdict = in_favour + against > 0
    return Decided(
        valid=in_favour > against, has_verdict=has_verdict, tied=has_verdict & (in_favour == against)
    )
