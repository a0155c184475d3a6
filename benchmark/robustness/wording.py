"""What stands beside an effective robustness, in the same words wherever it is printed."""

from __future__ import annotations

from typing import Protocol

from imagenet_g.benchmark.results import EffectiveRobustness

NO_EVIDENCE = "no evidence either way"
OUTSIDE = "clean accuracy outside the baseline's range"


class Supported(Protocol):
    """What is known of a line where it judges a model; None for unknown."""

    @property
    def left_out(self) -> tuple[str, ...] | None:
        """The model's own points, which the line goes without."""

    @property
    def kin_left_out(self) -> tuple[str, ...] | None:
        """The other models of its family that the line goes without."""

    @property
    def leverage(self) -> float | None:
        """That the model's point would have in the line with it."""

    @property
    def leverage_limit(self) -> float | None:
        """Above this it is high."""

    @property
    def hole(self) -> tuple[float, float] | None:
        """Clean accuracies of its neighbours, where they are far apart."""


def state_verdict(low: float | None, high: float | None) -> str:
    """That an interval with 0 in it shows nothing; empty where it does not, or where it is unknown.

    Example:
        >>> state_verdict(-0.12, 0.06), state_verdict(0.01, 0.06), state_verdict(None, None)
        ('no evidence either way', '', '')
    """
    return NO_EVIDENCE if low is not None and high is not None and low <= 0 <= high else ""


def list_flags(record: EffectiveRobustness) -> list[str]:
    """What a reader must know before using the number: verdict, range and cautions, each a phrase."""
    verdict = state_verdict(record.low, record.high)
    return [
        *([verdict] if verdict else []),
        *([OUTSIDE] if record.extrapolated else []),
        *list_cautions(record),
    ]


def list_cautions(record: Supported) -> list[str]:
    """Which models the line goes without, and how little it rests on at the model; empty in older files."""
    return [*list_left_out(record), *list_thin_places(record)]


def list_left_out(record: Supported) -> list[str]:
    """Which models of the baseline a line goes without; empty in older files."""
    if not record.left_out:
        return []
    kin = f" and its family ({', '.join(record.kin_left_out)})" if record.kin_left_out else ""
    return [f"the line goes without the model itself ({', '.join(record.left_out)}){kin}"]


def list_thin_places(record: Supported) -> list[str]:
    """How little a line rests on at the model: high leverage, and a hole between its neighbours."""
    found = []
    if is_high_leverage(record):
        found.append(f"high leverage ({record.leverage:.2f}, limit {record.leverage_limit:.2f})")
    if record.hole is not None:
        low, high = record.hole
        found.append(f"no baseline model between {100 * low:.1f} and {100 * high:.1f} % clean accuracy")
    return found


def is_high_leverage(record: Supported) -> bool:
    """Whether one point more or less at the model's place would move the line; False where unknown."""
    if record.leverage is None or record.leverage_limit is None:
        return False
    return record.leverage > record.leverage_limit
