"""Accuracy by the strength of a shift, and where answers turn wrong, as a score holds them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from imagenet_g.benchmark.records import Count, Estimate, FileModel, Fraction

Strength = Annotated[float, Field(ge=0.0)]


class StrengthPoint(FileModel):
    """The images of one strength."""

    strength: Strength
    n: Count
    right: Count
    top1: Estimate


class SurvivalStep(FileModel):
    """What one strength does to series that were right at all lower ones."""

    strength: Strength
    at_risk: Count
    failed: Count
    survival: Fraction
    """Share that is right up to this strength, by Kaplan and Meier."""
    low: Fraction
    high: Fraction


class FailurePoint(FileModel):
    """The failure point: the strength at which a series' answer first turns wrong.

    It lies on the strengths that the split has: an answer that is right at 1 and wrong at 2 fails at 2. A
    series that is never wrong is censored at its greatest strength.
    """

    num_series: Count
    wrong_at_zero: Count
    """Series whose answer is wrong at strength 0 already: no shift turned it."""
    not_followed: Count
    """Series without an image at strength 0, where others have one, or with no other image."""
    followed: Count
    """All other series; the shares below are of these."""
    begins_at_zero: bool
    """Whether the split has images of strength 0; if not, no series is known to be right before its first."""
    failed: Count
    never: Estimate
    """Share of the followed series that is never wrong, whatever its greatest strength."""
    median: Strength | None
    """First strength at which half or fewer of the series last; null for beyond the greatest strength."""
    low: Strength | None
    high: Strength | None
    """Of its interval; null for beyond the greatest strength."""
    method: str
    confidence: Fraction = 0.95
    steps: tuple[SurvivalStep, ...]


class StrengthRecord(FileModel):
    """A score by the strength of the shift."""

    points: tuple[StrengthPoint, ...]
    """One for each strength, the least first."""
    failure: FailurePoint | None
    """Null where the split does not say which images are of one series, and where no series is followed."""
