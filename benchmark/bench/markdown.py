"""The README's table of speeds, from the measurements that a run kept."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.bench.report import Measurement, divide_by_turn, format_spread
from imagenet_g.benchmark.bench.speed import (
    FIRST,
    FOLDER,
    KIND,
    LAST,
    PARQUET,
    PEAK,
    RATE,
    STAGE,
    TIMM,
    WHOLE,
)

_HEAD = """\
| network | run | images/s | times timm, channels-last | whole process, s | peak memory, MB |
|---|---|---:|---:|---:|---:|"""
_SUBJECTS = (FOLDER, PARQUET, FIRST, TIMM, KIND, LAST)


def format_table(measurements: Sequence[Measurement]) -> str:
    """Medians with the lowest and the highest of the rounds, one row a run."""
    cases = dict.fromkeys(row.case for row in measurements if row.stage == STAGE)
    rows = [
        _format_row(measurements, case, subject)
        for case in cases
        for subject in _SUBJECTS
        if _list_values(measurements, case, subject, RATE)
    ]
    return "\n".join([_HEAD, *rows])


def _format_row(measurements: Sequence[Measurement], case: str, subject: str) -> str:
    rates, peers = (_list_values(measurements, case, name, RATE) for name in (subject, LAST))
    wholes, peaks = (_list_values(measurements, case, subject, quantity) for quantity in (WHOLE, PEAK))
    cells = [
        case,
        subject,
        format_spread(rates),
        format_spread(divide_by_turn(rates, peers), 2),
        format_spread(wholes),
        f"{max(peaks):.0f}" if peaks else "",
    ]
    return f"| {' | '.join(cells)} |"


def _list_values(measurements: Sequence[Measurement], case: str, subject: str, quantity: str) -> list[float]:
    wanted = (STAGE, case, subject, quantity)
    return [row.value for row in measurements if (row.stage, row.case, row.subject, row.quantity) == wanted]
