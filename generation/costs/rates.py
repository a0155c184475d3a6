"""Seconds an image, and how they are known."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.costs.records import Origin

# From what is known best to what is known least: a sum is known as well as its worst part.
ORIGINS: tuple[Origin, ...] = ("given", "timed", "measured", "paper", "published", "estimate", "unknown")


class Rate(FileModel):
    """Time of one image on one worker."""

    seconds_per_image: float | None
    """None if unknown."""
    origin: Origin
    source: str
    """Where the figure is from; of an unknown one, why."""


def make_unknown(why: str) -> Rate:
    """No figure, and the reason."""
    return Rate(seconds_per_image=None, origin="unknown", source=why)


def add_rates(rates: Sequence[Rate]) -> Rate:
    """The time of several steps of one image, one after the other; unknown if one of them is.

    Example:
        >>> known = Rate(seconds_per_image=2.0, origin="paper", source="A")
        >>> add_rates([known, known.model_copy(update={"origin": "estimate", "source": "B"})])
        Rate(seconds_per_image=4.0, origin='estimate', source='A; B')
        >>> add_rates([known, make_unknown("nobody measured it")]).seconds_per_image is None
        True
    """
    for rate in rates:
        if rate.seconds_per_image is None:
            return rate
    return Rate(
        seconds_per_image=sum(rate.seconds_per_image or 0.0 for rate in rates),
        origin=max((rate.origin for rate in rates), key=ORIGINS.index),
        source="; ".join(dict.fromkeys(rate.source for rate in rates)),
    )
