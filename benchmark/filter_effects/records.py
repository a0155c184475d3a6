"""What a critique stores of the circularity of a filter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.lineage.filter_kin import FilterKinship
from imagenet_g.benchmark.records import Count, Difference, Estimate, FileModel, Fraction, Outputs, Sha256

ViewKind = Literal["unfiltered", "filtered", "judged", "audited"]
Tau = Annotated[float, Field(ge=-1.0, le=1.0)]


class FilteredModel(FileModel):
    """A model that is scored on every view."""

    spec: str
    weights_sha256: Sha256
    kinship: FilterKinship
    """Its relation to the filter of the split."""
    is_judge: bool
    """Whether its own answers make the judged view."""


class GapEstimate(FileModel):
    """An accuracy less that on the reference, with its 95 % interval."""

    value: Difference
    low: Difference | None
    high: Difference | None
    """Null with fewer than two classes."""


class ModelOnView(FileModel):
    """One model on one view."""

    accuracy: Estimate
    gap: GapEstimate | None
    """Null where it was not run on the reference."""
    rank: Annotated[float, Field(ge=1.0)]
    """By accuracy, 1 is the best; models of equal accuracy share the mean of their ranks."""
    best_rank: Count | None
    worst_rank: Count | None
    """The ranks that paired tests leave open; null for a view with weights."""
    moved: float
    """Ranks gained over the unfiltered view; negative for ranks lost."""


class RankAgreement(FileModel):
    """Kendall's tau-b between the accuracies on a view and those on all images."""

    tau: Tau | None
    """Null where all models are tied on one of the two."""
    blind_low: Tau | None
    blind_median: Tau | None
    blind_high: Tau | None
    """Where 95 % of tau lie for filters that keep as many images of each class at random."""
    blind_below: Fraction | None
    """Share of blind filters whose tau is at most this one; small where the filter reorders models."""


class FilterView(FileModel):
    """All models on one view."""

    kind: ViewKind
    rule: str
    """What it keeps."""
    simulated: bool | None
    """Of an audited view: whether a program made the ratings, null for unknown; null for any other view."""
    num_images: Count
    num_classes: Count
    share: Fraction
    """Of the images of the split; of the rated weight for an audited view."""
    reference_alike: bool | None
    """Whether the reference passed the same rule; null where there is no reference."""
    models: tuple[ModelOnView, ...]
    """In the order of `FilterSection.models`."""
    agreement: RankAgreement
    agreement_without_kin: RankAgreement | None
    """Without the filter, its kin, models of unknown relation and judges; null with fewer than two left."""
    favour: Difference | None
    """What the view adds to the accuracy of the filter and its kin, on average, less what it adds to the
    other models; null where one of the two groups is empty. Models of higher accuracy often gain more for
    that alone, so that it is best read beside the gains of models of like accuracy."""


class ThresholdPoint(FileModel):
    """All models on the images of at least one score."""

    threshold: float | None
    """Null for no threshold: all images."""
    num_images: Count
    num_classes: Count
    share: Fraction
    accuracies: tuple[Fraction, ...]
    gaps: tuple[Difference | None, ...]
    gap_lows: tuple[Difference | None, ...]
    gap_highs: tuple[Difference | None, ...]
    agreement: RankAgreement


class FilterSection(FileModel):
    """The circularity of a filter: the same models on views of one split, and by the filter's threshold."""

    schema_version: Literal[1] = 1
    split: str
    content_sha256: Sha256
    reference: str | None
    outputs: Outputs
    column: str | None
    """The stored score that the filter and the curve go by; null where the split has none."""
    scorer: str | None
    """The model that gave it; null for unknown."""
    threshold: float | None
    """That of the release's own filtered view; null for none."""
    models: Annotated[tuple[FilteredModel, ...], Field(min_length=1)]
    views: tuple[FilterView, ...]
    """The unfiltered view first."""
    curve: tuple[ThresholdPoint, ...]
    """From all images to few; empty without a stored score."""
    num_blind: Count
    """Blind filters that were drawn, for each view and point."""
    seed: Count
    missing: tuple[str, ...]
    """Which views could not be measured, and why."""
