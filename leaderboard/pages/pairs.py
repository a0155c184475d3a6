"""Two models on the same images, from the board's stored answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.statistics.discordance import McNemarTest, compute_mcnemar, count_discordant
from imagenet_g.benchmark.statistics.paired import (
    PairedDifference,
    compute_paired_difference,
    describe_verdict,
    format_bounds,
)
from imagenet_g.leaderboard.board.answer_tables import ANSWER, compute_right

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScore:
    """Two models on one split.

    Attributes:
        num_images: Images of the split.
        first_top1: Accuracy of the first, a fraction.
        second_top1: Accuracy of the second.
        difference: Accuracy of the first less that of the second.
        mcnemar: McNemar's test.
        same_answer: Share of images with the same first answer.
        first_only_ids: Images only the first gets right, in the split's order.
        second_only_ids: Images only the second gets right.
    """

    num_images: int
    first_top1: float
    second_top1: float
    difference: PairedDifference
    mcnemar: McNemarTest
    same_answer: float
    first_only_ids: tuple[str, ...]
    second_only_ids: tuple[str, ...]


def compute_pair(answers: pd.DataFrame, first: str, second: str) -> PairScore:
    """Paired comparison of two models, over the classes of their scores on the board."""
    one, other = compute_right(answers, first), compute_right(answers, second)
    test = compute_mcnemar(*count_discordant(one, other))
    classes = [labels[0] for labels in answers["labels"]]
    ids = answers["image_id"].to_numpy()
    return PairScore(
        num_images=len(answers),
        first_top1=float(one.mean()),
        second_top1=float(other.mean()),
        difference=compute_paired_difference(one, other, classes),
        mcnemar=test,
        same_answer=float((answers[ANSWER + first] == answers[ANSWER + second]).mean()),
        first_only_ids=tuple(ids[one & ~other]),
        second_only_ids=tuple(ids[other & ~one]),
    )


def name_class(index: int) -> str:
    """Display name of a class index; "no answer" for -1.

    Example:
        >>> name_class(0), name_class(-1)
        ('tench', 'no answer')
    """
    return load_classes()[index].name if index >= 0 else "no answer"


def format_pair(score: PairScore, first: str, second: str) -> str:
    """The comparison in words and a small table, as markdown; the names must be escaped."""
    difference, test = score.difference, score.mcnemar
    verdict = (
        "**Tied**: the difference may be chance."
        if difference.verdict == "tie"
        else f"**{describe_verdict(difference, first, second)}.**"
    )
    return "\n".join(
        [
            verdict,
            "",
            f"| on {score.num_images} images | {first} | {second} |",
            "| --- | ---: | ---: |",
            f"| top-1, % | {100 * score.first_top1:.2f} | {100 * score.second_top1:.2f} |",
            f"| only this one is right | {test.only_first} | {test.only_second} |",
            "",
            f"Difference {100 * difference.value:+.2f} points, 95 % interval {format_bounds(difference)}, "
            f"p = {difference.p_value:.3g}, clustered by class. "
            f"McNemar, which takes images as independent: p = {test.p_value:.3g}. "
            "This is one pair alone: nothing is corrected for the other pairs of the board; the ranks are. "
            f"Same answer on {100 * score.same_answer:.1f} % of images.",
        ]
    )
