"""How often published models would be accused by accuracy alone: of a leap, or of too great a robustness.

    python -m imagenet_g.leaderboard.validation.false_alarms.published

prints both over every model with a published figure. No answers are needed: a leap is a model's errors beside
those of the best of a few others, so its rate follows from a table of accuracies, without drawing any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.leaderboard.validation.false_alarms.bounds import compute_upper_bound
from imagenet_g.leaderboard.validation.plausibility.verdicts import MOST_ROBUST, find_leap

if TYPE_CHECKING:
    import pandas as pd

OTHERS = (3, 5, 10, 20)
LEAST_MODELS = 50
"""Of a table: among fewer, the best is one model."""


@dataclass(frozen=True, slots=True)
class Leaps:
    """A table of published accuracies.

    Attributes:
        table: What it is called.
        split: The images, or the clean set that is an axis of lines.
        num_models: In it.
        rates: Chance of a leap beside each of `OTHERS`.
    """

    table: str
    split: str
    num_models: int
    rates: tuple[float, ...]


def compute_leap_rate(top1: npt.NDArray[np.float64], num_others: int, leap: float) -> float:
    """Chance that the errors of a model are fewer than a part of those of the best of some others.

    Of a newcomer, the others that make that many more errors are counted; all must be among these
    (hypergeometric), and the mean is over newcomers.

    Args:
        top1: `(M,)` accuracies of models, M > `num_others`.
        num_others: Drawn without replacement from the rest.
        leap: The part, in 0..1.

    Example:
        >>> compute_leap_rate(np.array([0.9, 0.5, 0.5, 0.5]), 3, 1 / 4)
        0.25
    """
    errors = 1 - top1
    fallen = (leap * errors[None, :] > errors[:, None]).sum(axis=1)
    rest = len(top1) - 1
    chance = np.ones(len(top1))
    for drawn in range(num_others):
        chance *= np.maximum(fallen - drawn, 0) / (rest - drawn)
    return float(chance.mean())


def load_published() -> pd.DataFrame:
    """Figures of every published model: `table`, `model`, `split`, `top1`, `same_classes`, `low` and more."""
    import pandas as pd

    return pd.read_parquet(str(files("imagenet_g.leaderboard.data") / "robustness.parquet"))


def list_leaps(frame: pd.DataFrame) -> Iterator[Leaps]:
    """The chance of a leap in each table, at the bounds of the code."""
    import pandas as pd

    # A clean set is a split like any other: its accuracies stand beside those of the shifted ones.
    clean = frame.assign(split=frame["axis"].astype(str), top1=frame["reference"])
    both = pd.concat([frame.assign(split=frame["split"].astype(str)), clean])
    # The file has a row for each line of a model; its accuracy is the same in all.
    once = both.drop_duplicates(["table", "split", "model"])
    for (table, split), group in once.groupby(["table", "split"], observed=True):
        top1 = group["top1"].to_numpy(dtype=np.float64)
        if len(top1) >= LEAST_MODELS:
            rates = tuple(compute_leap_rate(top1, count, find_leap(count)) for count in OTHERS)
            yield Leaps(str(table), str(split), len(top1), rates)


def find_most_robust(frame: pd.DataFrame) -> tuple[float, str, int]:
    """The highest lower end of an effective robustness, whose it is, and of how many models.

    Over a clean accuracy of the same classes alone: over another one a result has none.
    """
    known = frame[(frame["same_classes"] == "yes") & frame["low"].notna()]
    best = known.sort_values("low", ascending=False, kind="stable").iloc[0]
    return float(best["low"]), f"{best['model']} on {best['split']}", int(known["model"].nunique())


def format_published() -> Iterator[str]:
    """Rates of leaps in percent, and the highest effective robustness."""
    frame = load_published()
    yield f"chance of a leap in %, beside {', '.join(map(str, OTHERS))} others drawn at random"
    for one in list_leaps(frame):
        shown = "".join(f"{100 * rate:8.3f}" for rate in one.rates)
        yield f"{one.table:22} {one.split:31} {one.num_models:5} models {shown}"
    low, name, models = find_most_robust(frame)
    bound = f", at most {100 * compute_upper_bound(models):.2f} %" if low <= MOST_ROBUST else ""
    flagged = _count_robust(frame)
    yield f"effective robustness: at least {low:+.3f}, {name}; {flagged} of {models} flagged{bound}"


def _count_robust(frame: pd.DataFrame) -> int:
    above = (frame["same_classes"] == "yes") & (frame["low"] > MOST_ROBUST)
    return int(frame.loc[above, "model"].nunique())


if __name__ == "__main__":
    for line in format_published():
        print_line(line)
    sys.exit(0)
