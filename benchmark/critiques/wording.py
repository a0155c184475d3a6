"""Numbers of a critique in words, so that each is worded in one way on the page, the card and the board."""

from __future__ import annotations

from typing import Protocol

from imagenet_g.benchmark.critiques.image_checks import NearDuplicatesSection
from imagenet_g.benchmark.quality.records import DistanceSection
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.reports.numbers import format_percent

UNKNOWN = "unknown"


class Bounded(Protocol):
    """A value with bounds that may be unknown."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def low(self) -> float | None:
        """Lower bound."""

    @property
    def high(self) -> float | None:
        """Upper bound."""


def make_sentence(text: str) -> str:
    """Words as a sentence: a capital at the start, a full stop at the end.

    Example:
        >>> make_sentence("no set is available"), make_sentence("It is. ")
        ('No set is available.', 'It is.')
    """
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def count_things(number: int, thing: str) -> str:
    """A number with its noun.

    Example:
        >>> count_things(1, "judge"), count_things(1200, "model")
        ('1 judge', '1,200 models')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_number(value: float) -> str:
    """Three digits that count, without an exponent where there can be one without.

    Example:
        >>> [format_number(value) for value in (0.012345, 12.345, 999.7, 123456.0, -0.0000004, 0.0, 1e300)]
        ['0.0123', '12.3', '1,000', '123,456', '−4e-07', '0', '1e+300']
    """
    size = abs(value)
    # "#" keeps the zeros at the end, which count: 0.300 says more than 0.3.
    text = f"{size:#.3g}".rstrip(".") if 1e-4 <= size < 1e6 else f"{size:.3g}"
    # From 999.5 on three digits would be written 1.00e+03; from a million on an exponent is shorter, so that
    # no value is as wide as a page.
    text = f"{size:,.0f}" if 999.5 <= size < 1e6 else text
    # What is 0 when rounded has no sign.
    return f"−{text}" if value < 0 and float(text.replace(",", "")) else text if size else "0"


def format_bounds(found: Bounded | None, *, percent: bool = False) -> str:
    """Bounds in words.

    Example:
        >>> format_bounds(Estimate(value=0.5, low=0.4, high=0.6, method="wilson"), percent=True)
        '40.0 to 60.0'
    """
    if found is None or found.low is None or found.high is None:
        return UNKNOWN
    if percent:
        return f"{format_percent(found.low, 1)} to {format_percent(found.high, 1)}"
    return f"{format_number(found.low)} to {format_number(found.high)}"


def format_share(found: Estimate, *, bounds: bool = True) -> str:
    """A share in percent with its bounds.

    Example:
        >>> format_share(Estimate(value=0.5, low=0.4, high=0.6, method="wilson"))
        '50.0 % (40.0 to 60.0)'
    """
    text = f"{format_percent(found.value, 1)} %"
    return f"{text} ({format_bounds(found, percent=True)})" if bounds and found.low is not None else text


def list_distance_names(section: DistanceSection) -> tuple[str, str]:
    """What the two distances are called where the features are named beside them."""
    return ("FID", "KID") if section.features.is_inception else ("Fréchet distance", "kernel distance")


def format_searched(near: NearDuplicatesSection) -> str:
    """How many images were searched for near-duplicates, and why others were not."""
    left_out = {"unreadable": near.num_unreadable, "nearly of one colour": near.num_flat}
    searched = max(0, near.num_images - sum(left_out.values()))
    why = " and ".join(f"{number:,} {what}" for what, number in left_out.items() if number)
    return f"{searched:,} images" + (f" ({why}, not searched)" if why else "")
