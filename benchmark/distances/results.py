"""The file of `imagenet-g distance`: which images, which CLIP, and every number with what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.records import (
    ClipRecord,
    Count,
    Difference,
    FileModel,
    Fraction,
    Sha256,
    SplitRecord,
)
from imagenet_g.benchmark.results import Environment, UnscoredImage
from imagenet_g.benchmark.storage import write_text


class ClipUse(FileModel):
    """A CLIP that influenced which images there are."""

    part: Literal["split", "reference"]
    role: Literal["filter", "recipe"]
    """"filter": the view keeps images by it. "recipe": prompts or pixels were optimised by it."""
    spec: str | None
    """Null where the release does not name it."""
    weights_sha256: Sha256 | None
    detail: str


class MeasuredImages(FileModel):
    """One side of a comparison."""

    split: SplitRecord
    n: Count
    """Images measured."""
    per_class_limit: Count | None
    """Upper bound of images a class, spread evenly over it; null for all."""
    unreadable: tuple[UnscoredImage, ...]
    """Images left out because they cannot be decoded or have no finite embedding."""
    missing_wnids: tuple[str, ...]
    """Classes that only the other side has."""


class Mean(FileModel):
    """A mean over classes, each weighing the same, with its interval from drawing classes."""

    value: float
    low: float | None
    """Null for fewer than two classes."""
    high: float | None
    num_classes: Count


class ClassDistance(FileModel):
    """One class; a number is null where the class has too few reference images for it."""

    wnid: str
    n_split: Count
    n_reference: Count
    cosine_split: Difference
    """Mean cosine of the split's images to the mean of the reference images."""
    cosine_reference: Difference | None
    """The same of the reference images, each to the mean of the others."""
    reduction: float | None
    """The fraction by which the cosine fell; negative where it rose."""
    mahalanobis_split: float | None
    """Mean distance, in standard deviations, not squared."""
    mahalanobis_reference: float | None
    """The same of reference images that the class was fitted without."""
    shrinkage: Fraction | None
    """Weight of the round covariance; near 1 the distance is Euclidean in all but scale."""
    # The fields below have defaults, because reports were written before they existed.
    mahalanobis_unshifted: float | None = None
    """Under the paper's protocol: of reference images that the class was fitted without."""
    spread_split: float | None = None
    """Trace of the covariance of the split's embeddings; null for one image, and in earlier reports."""
    spread_reference: float | None = None
    """The same of the reference's."""


class EqualSizes(FileModel):
    """Both Mahalanobis distances at the same number of images a class, none of which was fitted."""

    num_images: Count
    """Fitted and measured on each side, a class."""
    num_classes: Count
    num_draws: Count
    """How often images were drawn; the figures are means."""
    seed: int
    split: float
    held_out: float
    """Of reference images."""
    ratio: float
    """split / held_out; about 1 for images that are not shifted, whatever the number."""
    low: float | None
    """Interval of the ratio from drawing classes; null for one class."""
    high: float | None


class PcaRecord(FileModel):
    """The projection before the Mahalanobis distance, fitted on the reference images."""

    num_components: Count
    requested: Count
    explained: Fraction
    """Share of the reference's variance that is left."""


class ClipDistances(FileModel):
    """All distances under one CLIP."""

    clip: ClipRecord
    run: RunRecord
    independent: bool
    """False where this CLIP filtered or optimised either side; true means that no such use is known."""
    pca: PcaRecord | None
    """Null where the reference images do not differ."""
    cosine_split: Mean
    cosine_reference: Mean | None
    reduction: Mean | None
    mahalanobis_split: Mean | None
    mahalanobis_reference: Mean | None
    """Held out under our protocol; under the paper's, of images that made the fit themselves."""
    classes: tuple[ClassDistance, ...]
    protocol: Literal["ours", "paper"] = "ours"
    mahalanobis_unshifted: Mean | None = None
    """Under the paper's protocol: of reference images that the class was fitted without."""
    spread_split: Mean | None = None
    spread_reference: Mean | None = None
    equal_sizes: EqualSizes | None = None
    """Null where a class has too few images, and in earlier reports."""
    assumptions: tuple[str, ...] | None = None
    """What the CLIP's files do not say and was assumed; null in earlier reports."""


class Agreement(FileModel):
    """Whether two CLIPs find the same classes far."""

    clips: tuple[str, str]
    spearman: Difference
    """Rank correlation of the reduction over classes."""
    num_classes: Count


class DistanceReport(FileModel):
    """How far a split lies from a reference."""

    schema_version: Literal[1] = 1
    split: MeasuredImages
    reference: MeasuredImages
    clip_uses: tuple[ClipUse, ...]
    measures: tuple[ClipDistances, ...]
    agreements: tuple[Agreement, ...]
    warnings: tuple[str, ...]
    num_resamples: Count
    seed: int
    environment: Environment


def write_report(path: Path, report: DistanceReport) -> None:
    """Write a report in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    write_text(path, report.model_dump_json(indent=2) + "\n")
