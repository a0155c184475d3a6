"""Two models on the same images, from the board's stored answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_bootstrap_interval,
    compute_resampled_accuracy,
    draw_cluster_weights,
    make_cluster_spread,
)
from imagenet_g.benchmark.statistics.paired import compute_exact_mcnemar
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
        low: 95 % interval of the difference, classes resampled in pairs; None for a single class.
        high: Its upper end.
        only_first: Images only the first gets right.
        only_second: Images only the second gets right.
        p_value: McNemar's exact test, two-sided.
        same_answer: Share of images with the same first answer.
        tied: Whether interval and test leave them apart by chance.
        first_only_ids: Images only the first gets right, in the split's order.
        second_only_ids: Images only the second gets right.
    """

    num_images: int
    first_top1: float
    second_top1: float
    low: float | None
    high: float | None
    only_first: int
    only_second: int
    p_value: float
    same_answer: float
    tied: bool
    first_only_ids: tuple[str, ...]
    second_only_ids: tuple[str, ...]

    @property
    def difference(self) -> float:
        """Accuracy of the first less that of the second."""
        return self.first_top1 - self.second_top1


def compute_pair(answers: pd.DataFrame, first: str, second: str) -> PairScore:
    """Paired comparison of two models; over the classes that their scores on the board are of.

    Source: McNemar 1947 (exact, binomial); the interval is the class-clustered bootstrap of the benchmark.
    """
    one, other = compute_right(answers, first), compute_right(answers, second)
    b, c = int((one & ~other).sum()), int((other & ~one).sum())
    p_value = compute_exact_mcnemar(b, c)
    low, high = compute_paired_interval(one, other, [labels[0] for labels in answers["labels"]])
    ids = answers["image_id"].to_numpy()
    return PairScore(
        num_images=len(answers),
        first_top1=float(one.mean()),
        second_top1=float(other.mean()),
        low=low,
        high=high,
        only_first=b,
        only_second=c,
        p_value=p_value,
        same_answer=float((answers[ANSWER + first] == answers[ANSWER + second]).mean()),
        tied=not (p_value < 0.05 and low is not None and high is not None and (low > 0 or high < 0)),
        first_only_ids=tuple(ids[one & ~other]),
        second_only_ids=tuple(ids[other & ~one]),
    )


def compute_paired_interval(
    one: np.ndarray[tuple[int], np.dtype[np.bool_]],
    other: np.ndarray[tuple[int], np.dtype[np.bool_]],
    clusters: list[int],
) -> tuple[float | None, float | None]:
    """95 % interval of the difference in accuracy; None where there is but one class."""
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None, None
    total = np.bincount(index).astype(np.float64)
    net = np.bincount(index, weights=one.astype(np.float64) - other).astype(np.float64)
    weights = draw_cluster_weights(
        len(names), num_resamples=NUM_RESAMPLES, rng=np.random.default_rng(BOOTSTRAP_SEED)
    )
    draws = compute_resampled_accuracy(weights, net, total)
    value = float(one.mean() - other.mean())
    return compute_bootstrap_interval(value, draws, parts=(make_cluster_spread(draws, len(names)),))


def name_class(index: int) -> str:
    """Display name of a class index; "no answer" for -1."""
    return load_classes()[index].name if index >= 0 else "no answer"


def format_pair(score: PairScore, first: str, second: str) -> str:
    """The comparison in words and a small table, as markdown; the names must be escaped."""
    known = score.low is not None and score.high is not None
    bounds = f"{100 * score.low:+.2f} to {100 * score.high:+.2f}" if known else "unknown"  # type: ignore[operator]
    better = first if score.difference > 0 else second
    verdict = "**Tied**: the difference may be chance." if score.tied else f"**{better} is better.**"
    return "\n".join(
        [
            verdict,
            "",
            f"| on {score.num_images} images | {first} | {second} |",
            "| --- | ---: | ---: |",
            f"| top-1, % | {100 * score.first_top1:.2f} | {100 * score.second_top1:.2f} |",
            f"| only this one is right | {score.only_first} | {score.only_second} |",
            "",
            f"Difference {100 * score.difference:+.2f} points, 95 % interval {bounds} (classes resampled). "
            f"McNemar, exact: p = {score.p_value:.3g}. "
            f"Same answer on {100 * score.same_answer:.1f} % of images.",
        ]
    )
