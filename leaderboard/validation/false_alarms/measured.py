"""What honest models were measured to reach, kept as a table that the thresholds are tested against.

A row is a set of models and a check: how far the furthest of them went, and how near that came to the bound.
The table is written by the two scripts that measure (`--record NAME`) and is not edited by hand.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from imagenet_g.benchmark.storage import replace_file

MEASURED = Path(str(files("imagenet_g.leaderboard.data") / "honest_models.csv"))
HEADER = ("models", "num_models", "check", "extreme", "decided", "comparisons", "of")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the furthest of a set of models went in one check.

    Attributes:
        check: Its name.
        extreme: What was measured of the furthest.
        decided: The nearest to the bound of what the bound is compared with: an end of an interval, so that a
            small split accuses nobody.
        comparisons: Pairs or splits that were compared.
        of: Whose `extreme` is.
    """

    check: str
    extreme: float
    decided: float
    comparisons: int
    of: str


@dataclass(frozen=True, slots=True)
class MeasuredReach:
    """A row of the table.

    Attributes:
        models: Name of the set of models.
        num_models: In it.
        reach: What they reach.
    """

    models: str
    num_models: int
    reach: Reach


def load_measured(path: Path = MEASURED) -> list[MeasuredReach]:
    """The rows of the table; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            MeasuredReach(
                row["models"],
                int(row["num_models"]),
                Reach(
                    row["check"],
                    float(row["extreme"]),
                    float(row["decided"]),
                    int(row["comparisons"]),
                    row["of"],
                ),
            )
            for row in csv.DictReader(file)
        ]


def record_reaches(path: Path, models: str, num_models: int, reaches: Sequence[Reach]) -> None:
    """Put rows into the table, in place of those of the same models and checks.

    Args:
        path: The table.
        models: Name of the set of models.
        num_models: In it.
        reaches: What they reach.
    """
    # A measurement made again replaces the old one: two figures of one thing would both pass for its value.
    new = {(models, reach.check) for reach in reaches}
    kept = [row for row in load_measured(path) if (row.models, row.reach.check) not in new]
    rows = [*kept, *(MeasuredReach(models, num_models, reach) for reach in reaches)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        reach = row.reach
        writer.writerow(
            [row.models, row.num_models, reach.check, f"{reach.extreme:.4f}", f"{reach.decided:.4f}",
             reach.comparisons, reach.of]
        )  # fmt: skip
    with replace_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
