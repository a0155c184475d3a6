"""The bounds of the checks beside what honest models reach, as the table in submissions/README.md.

    python -m imagenet_g.leaderboard.validation.false_alarms.table

prints it from the constants of the code and the measurements that are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.leaderboard.validation.false_alarms.bounds import compute_upper_bound
from imagenet_g.leaderboard.validation.false_alarms.measured import MeasuredReach, load_measured
from imagenet_g.leaderboard.validation.likeness.verdicts import ROWS, WRONG
from imagenet_g.leaderboard.validation.plausibility.verdicts import (
    ALONE,
    CLOSE_SHARE,
    DIFFICULTY,
    LEAPS,
    RANKING,
    SAME_WRONG,
    WARN_Z,
)


@dataclass(frozen=True, slots=True)
class BoundedCheck:
    """A check and its bound.

    Attributes:
        check: As the measurements call it.
        words: What it measures, and its unit.
        bound: From which on it is a warning, in the unit of the measurement.
        above: Whether a warning is for what lies above the bound; otherwise for what lies below.
        scale: From the measurement to the unit that is shown.
    """

    check: str
    words: str
    bound: float
    above: bool
    scale: float

    def is_honest(self, decided: float) -> bool:
        """Whether a measurement is on the side that nobody is warned of."""
        return decided < self.bound if self.above else decided >= self.bound


# The greatest of the leaps, whatever the number of others: who is beyond it is beyond all of them.
_LEAP = max(leap for _, leap in LEAPS)
PAIRS, CASES = "same five answers in order", "rows of several together"
BOUNDED = (
    BoundedCheck(PAIRS, "images with the same five answers in order, %",
                 ROWS[0], True, 100),
    BoundedCheck("same wrong answer, of both wrong",
                 "same wrong answer as one other, where both are wrong, %", WRONG[0], True, 100),
    BoundedCheck("rows under any image", "rows that another has under any image, %", ROWS[0], True, 100),
    BoundedCheck(CASES, "rows that two or three have together, %", ROWS[0], True, 100),
    BoundedCheck("near ties, -z", "near ties: z of too many right", -WARN_Z, False, -1),
    BoundedCheck("images close to a tie", "images close to a tie, %", CLOSE_SHARE, False, 100),
    BoundedCheck("margins of right answers", "right answers with the greater margin, %", RANKING, False, 100),
    BoundedCheck("difficulty", "right answers to the easier image, %", DIFFICULTY, False, 100),
    BoundedCheck("right alone, -log odds", "right where no other is (log odds ratio)", -ALONE, False, -1),
    BoundedCheck("same wrong answer", "same wrong answer as another, mean over others, %",
                 SAME_WRONG, False, 100),
    BoundedCheck("errors of the best other's", "errors, of those of the best other, %", _LEAP, False, 100),
)  # fmt: skip


def format_table(rows: Sequence[MeasuredReach]) -> Iterator[str]:
    """A Markdown table: a row for each check, a column for each set of models.

    In brackets is what the bound is compared with: the end of an interval, of the model that came nearest.

    Args:
        rows: The measurements.
    """
    found = {(row.models, row.reach.check): row.reach for row in rows}
    sets = dict.fromkeys((row.models, row.num_models) for row in rows)
    heads = "".join(f" {name} ({count} models) |" for name, count in sets)
    yield f"| check | warning |{heads}"
    yield f"| --- | ---: |{' ---: |' * len(sets)}"
    for one in BOUNDED:
        cells = []
        for name, _ in sets:
            reach = found.get((name, one.check))
            cells.append(
                     "" if reach is None
                     else f"{one.scale * reach.extreme:.1f} ({one.scale * reach.decided:.1f})"
                 )  # fmt: skip
        # A scale below 0 turns the side: what is measured as the lowest is shown as the highest.
        side = "≥" if one.above or one.scale < 0 else "<"
        yield f"| {one.words} | {side} {one.scale * one.bound:.1f} | {' | '.join(cells)} |"


def format_bounds(rows: Sequence[MeasuredReach]) -> Iterator[str]:
    """A Markdown table of the upper bounds of false alarms, of sets of which nobody is beyond a bound.

    Only sets of which every model was measured on every split: of these, pairs without a common model count.

    Args:
        rows: The measurements.
    """
    bounded = {one.check: one for one in BOUNDED}
    beyond = {
        row.models
        for row in rows
        if row.reach.check in bounded and not bounded[row.reach.check].is_honest(row.reach.decided)
    }
    pairs = {row.models: row.reach.comparisons for row in rows if row.reach.check == PAIRS}
    cases = {row.models: row.reach.comparisons for row in rows if row.reach.check == CASES}
    yield "| models | pairs | if independent | by pairs without a common model | models flagged |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, count in dict.fromkeys((row.models, row.num_models) for row in rows):
        splits = cases.get(name, 0) / count
        if name in beyond or not splits or pairs.get(name) != splits * count * (count - 1) / 2:
            continue
        rates = map(compute_upper_bound, (pairs[name], count // 2, count))
        shown = " | ".join(f"{100 * rate:.2f} %" for rate in rates)
        yield f"| {name} ({count}) | {pairs[name]} | {shown} |"


if __name__ == "__main__":
    for line in (*format_table(load_measured()), "", *format_bounds(load_measured())):
        print_line(line)
    sys.exit(0)
