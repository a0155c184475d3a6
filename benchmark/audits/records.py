"""What an audit stores: the drawn images, one line a rating, and the numbers that follow.

    <audit>/sample.json                  the drawn images, and what only the evaluation may see of them
    <audit>/ratings/<rater>.jsonl        a header, then one line a rating; a later line for an image replaces
                                         an earlier one
    <audit>/audit.json                   `AuditSection`; audit-simulated.json where a program rated

A rater is known by a code and never by a name. Ratings that a program made have `simulated` in their header,
and their code, and so their file name, begins with "simulated-".
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from imagenet_g.benchmark.classes import load_index_by_wnid
from imagenet_g.benchmark.records import Count, Estimate, FileModel, MetricEstimate, Sha256, SplitRecord

SIMULATED = "simulated"
MAX_ITEMS = 200_000
MAX_RATERS = 1000
_ROUNDING = 1e-9
Answer = Literal["yes", "no", "cannot say"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "cannot say")
Role = Literal["generated", "right control", "wrong control"]
Treatment = Literal["cannot say counts as not valid", "cannot say is left out"]
# Strict, because true would else be read as 1.
Quality = Annotated[int, Field(ge=1, le=5, strict=True)]
ItemId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


def _validate_wnid(wnid: str) -> str:
    """A class that nobody knows could be neither shown to raters nor compared with a model's answers."""
    if wnid not in load_index_by_wnid():
        raise ValueError(f"'{wnid}' is none of the 1000 classes of ImageNet-1K")
    return wnid


Wnid = Annotated[str, Field(pattern=r"^n[0-9]{8}$"), AfterValidator(_validate_wnid)]
# It becomes a file's name: no slash, no dot, and no capitals, which some disks take for small letters.
RaterCode = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+){0,4}$", max_length=40)]


def validate_simulated_name(rater: str, *, simulated: bool) -> None:
    """Refuse a rater code that hides, or pretends, that a program rated.

    Raises:
        ValueError: The two do not go together.
    """
    if simulated != rater.startswith(f"{SIMULATED}-"):
        raise ValueError(
            f"rater '{rater}' and simulated = {str(simulated).lower()} do not go together: "
            f"'{SIMULATED}-' begins the code of ratings that a program made, and no other"
        )


class AuditItem(FileModel):
    """One image that raters see, with the class that they are asked about."""

    item: ItemId
    """Opaque: follows from a hash, and shows neither the role nor the class."""
    image_id: Annotated[str, Field(min_length=1, max_length=4096)]
    """In the split for a generated image, in the reference for a control."""
    wnid: Wnid
    """The class that is asked about."""
    own_wnid: Wnid
    """The class of the image by its label; another one for a wrong control. Never shown to a rater."""
    role: Role
    """Never shown to a rater."""
    weight: Annotated[float, Field(gt=0, le=1e9)] | None
    """How many images of the split it stands for; null for a control."""

    @model_validator(mode="after")
    def _validate_role(self) -> Self:
        if (self.role == "wrong control") == (self.wnid == self.own_wnid):
            raise ValueError(f"a {self.role} of {self.own_wnid} cannot be asked about {self.wnid}")
        if (self.role == "generated") == (self.weight is None):
            raise ValueError("generated images have a weight, and controls have none")
        return self


class AuditStratum(FileModel):
    """The generated images of one class."""

    population: Count
    """Images of the class in the split."""
    drawn: Count

    @model_validator(mode="after")
    def _validate_drawn(self) -> Self:
        if self.drawn > self.population:
            raise ValueError(f"{self.drawn} images are drawn of {self.population}")
        return self


class AuditSample(FileModel):
    """`sample.json`: the drawn images in the order in which raters see them, which is random."""

    schema_version: Literal[1] = 1
    split: SplitRecord
    reference: SplitRecord | None
    """Where the controls are from; null without controls."""
    seed: Count
    strata: dict[Wnid, AuditStratum]
    items: Annotated[tuple[AuditItem, ...], Field(min_length=1, max_length=MAX_ITEMS)]

    @model_validator(mode="after")
    def _validate_items(self) -> Self:
        if len({item.item for item in self.items}) < len(self.items):
            raise ValueError("two items have one id")
        if self.reference is None and any(item.role != "generated" for item in self.items):
            raise ValueError("there are controls and no reference that they are from")
        drawn = Counter(item.own_wnid for item in self.items if item.role == "generated")
        if drawn != {wnid: stratum.drawn for wnid, stratum in self.strata.items() if stratum.drawn}:
            raise ValueError("the strata have other numbers of drawn images than the items")
        return self

    @model_validator(mode="after")
    def _validate_weights(self) -> Self:
        generated = [item for item in self.items if item.role == "generated"]
        if len({item.image_id for item in generated}) < len(generated):
            raise ValueError("one image of the split is drawn twice")
        stood_for = math.fsum(item.weight or 0.0 for item in generated)
        population = sum(stratum.population for stratum in self.strata.values())
        # Each image stands at least for itself; the weights are quotients, which rounding moves a little.
        if any((item.weight or 0.0) < 1 - _ROUNDING for item in generated):
            raise ValueError("a weight below 1: an image stands at least for itself")
        if not math.isclose(stood_for, population, rel_tol=_ROUNDING):
            raise ValueError(f"the weights add up to {stood_for:g}, and the strata have {population} images")
        return self


class RatingsHeader(FileModel):
    """First line of a rating file."""

    schema_version: Literal[1] = 1
    kind: Literal["imagenet-g ratings"] = "imagenet-g ratings"
    sample_sha256: Sha256
    """Of the bytes of the sample's file."""
    rater: RaterCode
    """A random word and number, never a name."""
    simulated: bool
    """Whether a program answered in the place of a person."""

    @model_validator(mode="after")
    def _validate_name(self) -> Self:
        # Both ways: a person sees the file's name, a program reads the header.
        validate_simulated_name(self.rater, simulated=self.simulated)
        return self


class Rating(FileModel):
    """One line of a rating file: one answer on one image."""

    item: ItemId
    answer: Answer
    """To "does the image show the class?"."""
    quality: Quality | None
    """From 1, worst, to 5, best; null where none was given."""
    time: AwareDatetime | None
    """When it was given; null for a simulated one and where it is unknown."""


class RatingsRecord(FileModel):
    """Which file the ratings of one rater are in, as a report records it."""

    rater: RaterCode
    simulated: bool
    sha256: Sha256
    num_ratings: Count
    """Images with an answer."""

    @model_validator(mode="after")
    def _validate_name(self) -> Self:
        validate_simulated_name(self.rater, simulated=self.simulated)
        return self


class RaterRecord(FileModel):
    """One rater, judged by the controls."""

    rater: RaterCode
    num_ratings: Count
    num_cannot_say: Count
    sensitivity: Estimate | None
    """Share of the right controls answered with yes; null without any."""
    specificity: Estimate | None
    """Share of the wrong controls not answered with yes; null without any."""
    share_yes: Estimate | None
    """Share of the generated images answered with yes; null without any."""


class ValidityRecord(FileModel):
    """The share of valid images by the majority of raters, with "cannot say" counted in one way."""

    treatment: Treatment
    num_images: Count
    """Generated images with a verdict."""
    num_ties: Count
    """Of these, images on which the raters were evenly divided; they count as not valid."""
    consistency: Estimate | None
    """Share of the images that the majority calls valid, as it is; null without an image."""
    sensitivity: Estimate | None
    """Of the majority, from the right controls."""
    specificity: Estimate | None
    """Of the majority, from the wrong controls."""
    corrected: Estimate | None
    """Rogan and Gladen's estimate of the share of valid images, of those with a verdict."""
    why_not_corrected: str | None
    """A sentence where `corrected` is null."""


class AgreementRecord(FileModel):
    """How far raters agree on the generated images that at least two of them rated."""

    num_images: Count
    raw: Annotated[float, Field(ge=0, le=1)] | None
    """Share of equal answers among all pairs of answers to one image, each image counting alike."""
    alpha: Annotated[float, Field(le=1)] | None
    """Krippendorff's, nominal, "cannot say" as a category of its own; null where it is 0/0."""
    alpha_missing: Annotated[float, Field(le=1)] | None
    """The same with "cannot say" as no answer."""
    num_quality: Count
    """Images with at least two ratings of quality."""
    quality_raw: Annotated[float, Field(ge=0, le=1)] | None
    quality_alpha: Annotated[float, Field(le=1)] | None
    """Ordinal."""


class StudyRow(FileModel):
    """A column of a printed human study."""

    name: str
    consistency: float
    quality: float


class PrintedStudy(FileModel):
    """A human study as a paper prints it, for comparison."""

    source: str
    caution: str
    rows: tuple[StudyRow, ...]


class AuditSection(FileModel):
    """`audit.json`: what the ratings say of a split."""

    schema_version: Literal[1] = 1
    simulated: bool
    """Whether a program made the ratings; such numbers say nothing about the images."""
    split: SplitRecord
    reference: SplitRecord | None
    sample_sha256: Sha256
    ratings: tuple[RatingsRecord, ...]
    num_drawn: Count
    """Generated images in the sample."""
    num_rated: Count
    """Generated images with at least one rating."""
    num_right_controls: Count
    num_wrong_controls: Count
    not_valid: ValidityRecord
    """With "cannot say" counted as not valid."""
    left_out: ValidityRecord
    """With "cannot say" left out."""
    quality: MetricEstimate | None
    """Mean of the generated images, 1 to 5, each image by the mean of its raters; null without any."""
    control_quality: MetricEstimate | None
    """The same of the right controls."""
    agreement: AgreementRecord
    raters: tuple[RaterRecord, ...]
    study: PrintedStudy
    notes: tuple[str, ...]
    """What a reader must know to read the numbers."""

    @model_validator(mode="after")
    def _validate_simulated(self) -> Self:
        if not self.ratings:
            raise ValueError("there are no ratings that the numbers could rest on")
        if self.num_rated > self.num_drawn:
            raise ValueError(f"{self.num_rated} images are rated of {self.num_drawn} that are drawn")
        if any(file.simulated != self.simulated for file in self.ratings):
            raise ValueError("simulated ratings and those of people cannot stand in one report")
        return self

    @model_validator(mode="after")
    def _validate_quality(self) -> Self:
        for found in (self.quality, self.control_quality):
            if found is not None and not 1 <= found.value <= 5:
                raise ValueError(f"quality {found.value:g} does not lie from 1 to 5")
        return self
