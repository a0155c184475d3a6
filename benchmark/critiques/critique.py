"""`critique.json`: how good the images of a split are, section by section, with what each number rests on.

A section that is null was not measured, and `unmeasured` says why in a sentence. Every number is of the
images that `split` names by the hash of their content, through the view in its reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from imagenet_g.benchmark.audits.records import AuditSection
from imagenet_g.benchmark.audits.valid_accuracy import ValidAccuracySection
from imagenet_g.benchmark.critiques.bounds import require_bounds
from imagenet_g.benchmark.critiques.image_checks import (
    NearDuplicatesSection,
    SafetySection,
    VariationSection,
    WatermarkSection,
)
from imagenet_g.benchmark.critiques.traps import TrapSection
from imagenet_g.benchmark.errors import DataError, UntrustedFileError, format_problems
from imagenet_g.benchmark.filter_effects.records import FilterSection
from imagenet_g.benchmark.quality.records import DistanceSection, DiversitySection
from imagenet_g.benchmark.recognition.records import FineGrainedSection, RecognitionSection, StyleSection
from imagenet_g.benchmark.records import Count, FileModel, Sha256, SplitRecord
from imagenet_g.benchmark.results import Environment
from imagenet_g.benchmark.storage import write_text

CRITIQUE_NAME = "critique.json"
MAX_BYTES = 64 << 20
"""A larger file is refused unread; that of 1000 classes has some 2 MB."""
SectionName = Literal[
    "distances",
    "diversity",
    "near_duplicates",
    "safety",
    "variation",
    "watermarks",
    "recognition",
    "fine_grained",
    "style",
    "filter_effects",
    "audit",
    "valid_accuracy",
    "traps",
]
SECTION_NAMES: tuple[SectionName, ...] = get_args(SectionName)


class FeaturesUsed(FileModel):
    """The features that sections of embeddings rest on."""

    spec: str
    weights_sha256: Sha256
    num_dimensions: Count
    values_split_sha256: Sha256
    """Hash of the features of the split's images, in the order of the rows."""
    values_reference_sha256: Sha256
    num_unreadable_split: Count
    """Images without features: they cannot be decoded, or the model gave nothing finite."""
    num_unreadable_reference: Count


class InputFile(FileModel):
    """A file that a number rests on, beside the images."""

    kind: Literal["audit sample", "audit ratings", "predictions"]
    name: Annotated[str, Field(max_length=255)]
    """Without its folder."""
    sha256: Sha256


class RankedImage(FileModel):
    """An image at one end of a ranking."""

    image_id: str
    wnid: str
    value: float


class Extremes(FileModel):
    """The worst and the best images by one measure."""

    measure: str
    """What the values are."""
    note: str
    """How to read them: a low place here is a reason to look, and no verdict."""
    worst: tuple[RankedImage, ...]
    """The worst first."""
    best: tuple[RankedImage, ...]


class Critique(FileModel):
    """`critique.json`."""

    schema_version: Literal[1] = 1
    split: SplitRecord
    num_images: Count
    num_classes: Count
    """Classes that the split and the reference share."""
    reference: SplitRecord
    num_reference_images: Count
    missing_wnids: tuple[str, ...]
    """Classes of the split that the reference has no image of: no section compares them."""
    features: tuple[FeaturesUsed, ...]
    inputs: tuple[InputFile, ...]
    distances: tuple[DistanceSection, ...] | None
    """One for each features."""
    diversity: tuple[DiversitySection, ...] | None
    near_duplicates: NearDuplicatesSection | None
    safety: SafetySection | None
    variation: VariationSection | None
    watermarks: WatermarkSection | None
    recognition: RecognitionSection | None
    fine_grained: FineGrainedSection | None
    style: StyleSection | None
    filter_effects: FilterSection | None
    audit: AuditSection | None
    valid_accuracy: ValidAccuracySection | None
    traps: TrapSection | None
    unmeasured: dict[SectionName, str]
    """Why a section is null, in a sentence."""
    extremes: tuple[Extremes, ...]
    environment: Environment

    @model_validator(mode="after")
    def _validate_unmeasured(self) -> Self:
        # Both ways: a null without a reason looks like a fault, a reason beside numbers like a lie.
        lacking = {name for name in SECTION_NAMES if getattr(self, name) is None}
        if lacking != set(self.unmeasured):
            raise ValueError(
                f"`unmeasured` explains {sorted(self.unmeasured)}, and {sorted(lacking)} are null"
            )
        return self

    def list_measured(self) -> Iterator[SectionName]:
        """Names of the sections that are there, in their order."""
        return (name for name in SECTION_NAMES if getattr(self, name) is not None)


def write_critique(path: Path, critique: Critique) -> None:
    """Write a critique in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    write_text(path, critique.model_dump_json(indent=1) + "\n")


def load_critique(path: Path) -> Critique:
    """Read a critique.

    Raises:
        DataError: There is no such file.
        UntrustedFileError: It is larger than `MAX_BYTES`, beyond `bounds`, or not a critique.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UntrustedFileError(f"'{path}' has {size} bytes; a critique has at most {MAX_BYTES}.")
        data = path.read_bytes()
        require_bounds(data, name=str(path))
        return Critique.model_validate_json(data)
    except OSError as error:
        raise DataError(
            f"There is no critique '{path}': {error.strerror or error}. 'imagenet-g critique' writes one."
        ) from error
    except ValidationError as error:
        raise UntrustedFileError(f"'{path}' is not a critique:\n{format_problems(error)}") from error
