"""What the benchmarks print and keep: lines that a person reads, and every single measurement as CSV."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number.

    Attributes:
        stage: The benchmark, such as "speed".
        case: What was measured in it, such as "Lite0, 1000 photos".
        subject: Whose number it is, such as "timm as it comes".
        quantity: What was measured, such as "images/s".
        turn: Number of the round, from 1.
        value: The number.
    """

    stage: str
    case: str
    subject: str
    quantity: str
    turn: int
    value: float


class Report:
    """Prints lines and keeps measurements.

    Args:
        file: Where every measurement is written as it is made; None to keep none.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.measurements: list[Measurement] = []
        self._file = file
        if file is not None:
            self._write([field.name for field in fields(Measurement)], mode="w")

    def print(self, stage: str, text: str = "") -> None:
        """Print one line of a stage."""
        print(f"{stage:12} {text}".rstrip(), flush=True)  # noqa: T201 - figures of its own

    def keep(self, measurement: Measurement) -> None:
        """Keep a measurement."""
        self.measurements.append(measurement)
        if self._file is not None:
            # At once: an interrupted run has what it measured.
            self._write(astuple(measurement), mode="a")

    def _write(self, row: Sequence[object], *, mode: str) -> None:
        if self._file is not None:
            with self._file.open(mode, encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerow(row)


def load_measurements(path: Path) -> list[Measurement]:
    """The measurements that a run kept."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Measurement(
            stage=row["stage"],
            case=row["case"],
            subject=row["subject"],
            quantity=row["quantity"],
            turn=int(row["turn"]),
            value=float(row["value"]),
        )
        for row in rows
    ]


def format_spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, and the lowest and highest of several.

    Example:
        >>> format_spread([3.0, 1.0, 2.0]), format_spread([2.5])
        ('2.0 (1.0 to 3.0)', '2.5')
    """
    middle = f"{statistics.median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def divide_by_turn(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ratios of the rounds that both have, each of two runs that stood beside one another in time.

    Example:
        >>> divide_by_turn([4.0, 6.0, 8.0], [2.0, 2.0])
        [2.0, 3.0]
    """
    return [own / other for own, other in zip(ours, theirs, strict=False)]
