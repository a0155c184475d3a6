"""What `imagenet-g features` writes: measures of features, with all that was run to get them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.records import ClipRecord, Count, FileModel, Sha256, SplitRecord
from imagenet_g.benchmark.results import UnscoredImage

MeasureName = Literal["sparsity", "intra-class distance", "redundancy", "coding length"]
Stated = Literal["caption", "text", "caption and text"]


class FeatureMeasure(FileModel):
    """One number about the features of a model on a set."""

    name: MeasureName
    normalised: bool
    """Whether the features were first brought to length 1."""
    stated: Stated
    """Which part of the paper normalises so: the caption of its Fig. 5 (features of the first two measures
    only) or its text (those of all four)."""
    value: float
    low: float | None
    """95 % interval from drawing whole classes; null for a number of all images together, for which drawing
    images twice would change the number itself, and for fewer than two classes."""
    high: float | None
    eps_squared: Annotated[float, Field(gt=0)] | None
    """Of the coding length; null for the other measures."""
    num_classes: Count | None
    """Classes that an interval or a mean goes over; null for a number of all images together."""


class ClassMeasure(FileModel):
    """One class, by the features of length 1."""

    wnid: str
    n: Count
    sparsity: float
    intra_class_distance: float | None
    """Null for a class with one image."""


class FeatureAnalysis(FileModel):
    """One model on one set."""

    encoder: ClipRecord
    """The model, and how images were brought to its size; the hash is that of its weights."""
    split: SplitRecord
    n: Count
    """Images measured."""
    per_class_limit: Count | None
    unreadable: tuple[UnscoredImage, ...]
    values_sha256: Sha256
    """Hash of the features as the model gave them, in the order of the rows."""
    device: str
    batch_size: Count
    measures: tuple[FeatureMeasure, ...]
    classes: tuple[ClassMeasure, ...]


class FeatureReport(FileModel):
    """The file."""

    schema_version: Literal[1] = 1
    command: str
    created_utc: str
    versions: dict[str, str]
    zero_below: float
    """A value nearer to 0 counts as zero."""
    warnings: tuple[str, ...]
    analyses: tuple[FeatureAnalysis, ...]
