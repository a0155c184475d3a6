"""What a baseline set consists of on disk: its TOML header and the rows of its table.

The header describes each figure column (set, classes, outputs, images, source) and which pairs of columns
make a fit.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.records import FileModel, Fraction, Outputs, Sha256

TrainingData = Literal["imagenet-1k", "reference-train", "more-data", "unknown"]
"""`reference-train`: the training images of another clean set than ImageNet's, which the header names."""
STANDARD_DATA = ("imagenet-1k", "reference-train")
Category = Literal[
    "standard",
    "robustness-intervention",
    "more-data",
    "self-supervised",
    "distilled",
    "low-accuracy",
    "unknown",
]
ROW_FIELDS = ("model", "family", "training_data", "category", "in_fit", "note")


class BaselineColumnSpec(FileModel):
    """What a column of figures is."""

    set: str
    class_set: str
    """Classes of the images, and of the outputs where `outputs` is "split-classes"."""
    outputs: Outputs
    n: Annotated[int, Field(gt=0)]
    source: str


class TargetSpec(FileModel):
    """Which columns make the fit for one shifted set."""

    column: str
    reference: str
    same_classes: bool = True
    """False where no clean figure on the set's own classes exists."""
    excluded: tuple[str, ...] = ()
    """Models that took part in choosing the set's images."""
    knots: dict[str, Fraction] = Field(default_factory=dict)
    """Where the line bends on each clean column: the accuracy of the model the images were picked by."""
    note: str | None = None


class BaselineHeader(FileModel):
    """The TOML header of a baseline set."""

    schema_version: Literal[1]
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    version: str
    title: str
    note: str
    table: str
    table_sha256: Sha256
    """Hash of the table's lines, so that a figure cannot change without the header being touched."""
    scheme: str | None = None
    """Scheme that makes a model spec of a model's name; absent where the names are not loadable."""
    columns: dict[str, BaselineColumnSpec]
    targets: dict[str, TargetSpec]


class BaselineRecord(FileModel):
    """One row of a baseline table."""

    model: Annotated[str, Field(min_length=1)]
    family: Annotated[str, Field(min_length=1)]
    training_data: TrainingData
    category: Category
    in_fit: bool
    note: str
    figures: dict[str, float | None]
