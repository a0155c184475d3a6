"""Distances and diversity of a set of images as they are stored; a part of `critique.json`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256

NonNegative = Annotated[float, Field(ge=0.0)]
_ROUNDING = 1e-6
"""How far a computed value may lie beyond its bounds."""


class BoundedValue(FileModel):
    """A value with its interval; low and high are null where no interval can be given."""

    value: float
    low: float | None
    high: float | None
    method: str
    """How the interval was computed, such as "jackknife"; "none" where there is no interval."""
    confidence: Fraction = 0.95

    @model_validator(mode="after")
    def _validate_bounds(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both bounds or none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is upside down")
        return self


class ClassAverage(BoundedValue):
    """A mean over classes, each weighing the same; its interval comes from resampling classes."""

    num_classes: Count


_Value = TypeVar("_Value", bound=BoundedValue)


def _require_non_negative(found: _Value) -> _Value:
    if found.value < -_ROUNDING:
        raise ValueError(f"{found.value:g} is negative, which it cannot be")
    return found


def _require_share(found: BoundedValue) -> BoundedValue:
    if not -_ROUNDING <= found.value <= 1 + _ROUNDING:
        raise ValueError(f"{found.value:g} is no share from 0 to 1")
    return found


NonNegativeValue = Annotated[BoundedValue, AfterValidator(_require_non_negative)]
NonNegativeAverage = Annotated[ClassAverage, AfterValidator(_require_non_negative)]
ShareValue = Annotated[BoundedValue, AfterValidator(_require_share)]


class FeatureRecord(FileModel):
    """What turned images into the vectors that are measured."""

    name: str
    """Such as "open_clip:packaged:mini-clip" or "inception-2015-12-05"."""
    num_dimensions: Count
    weights_sha256: Sha256 | None
    """Hash of the state dict; null for unknown."""
    resizing: str
    """How an image was brought to the model's size: it decides a Fréchet distance as much as the weights."""
    is_inception: bool
    """Whether these are the 2048 features of the Inception that defines FID, from its published file.

    Only then is a Fréchet distance called FID.
    """
    influences: tuple[str, ...] | None
    """Where the same model chose or optimised the images, in sentences; empty for none known, null where
    nobody looked."""

    @property
    def frechet_name(self) -> str:
        """What a Fréchet distance on these features is called.

        Example:
            >>> FeatureRecord(name="mini-clip", num_dimensions=64, weights_sha256=None, resizing="bicubic",
            ...               is_inception=False, influences=()).frechet_name
            'Fréchet distance on mini-clip'
        """
        return "FID" if self.is_inception else f"Fréchet distance on {self.name}"

    @property
    def kernel_name(self) -> str:
        """What a kernel distance on these features is called.

        Example:
            >>> FeatureRecord(name="inception-2015-12-05", num_dimensions=2048, weights_sha256=None,
            ...               resizing="bicubic", is_inception=True, influences=()).kernel_name
            'KID'
        """
        return "KID" if self.is_inception else f"Kernel distance on {self.name}"


class ClassFidelity(FileModel):
    """Distances of one class; all null where it has too few images, with the reason."""

    wnid: str
    n_split: Count
    """Images there are; `DistanceSection.n_class` of them are measured."""
    n_reference: Count
    frechet: NonNegativeValue | None
    frechet_floor: NonNegative | None
    """The same between two halves of the reference, at the same number of images."""
    kernel: BoundedValue | None
    """Unbiased, so that it may be negative."""
    kernel_floor: float | None
    reason: str | None
    """Why nothing is measured; null where it is."""


class FidelityAverages(FileModel):
    """Means over the classes that are measured."""

    frechet: NonNegativeAverage
    frechet_floor: NonNegativeAverage
    frechet_excess: ClassAverage
    """Distance less floor, class by class: about 0 for images like those of the reference."""
    kernel: ClassAverage
    kernel_floor: ClassAverage


class NeighbourShares(FileModel):
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020)."""

    precision: ShareValue
    """Share of the images that lie within the reach of a reference image."""
    recall: ShareValue
    """Share of the reference images that lie within the reach of an image."""
    density: NonNegativeValue
    """Number of reference images within whose reach an image lies, over k; may exceed 1."""
    coverage: ShareValue
    """Share of the reference images within whose reach an image lies."""


class WholeFidelity(FileModel):
    """Distances over all classes at once, each class with the same number of images on both sides."""

    n: Count
    """Images on each side."""
    n_class: Count
    """Images of a class on each side."""
    frechet: NonNegativeValue
    frechet_floor: NonNegative
    kernel: BoundedValue
    kernel_floor: float
    num_neighbours: Count
    """k: an image reaches as far as its k-th nearest neighbour on its own side."""
    neighbours: NeighbourShares | None
    """Null where there are no more than k images on a side."""
    neighbours_floor: NeighbourShares | None
    """The same between two halves of the reference."""


class PaperFidelity(FileModel):
    """Table 2's protocol: a Fréchet distance a class from all images there are, averaged over classes.

    The numbers of images differ from class to class and from side to side, there is no floor, and with fewer
    images than dimensions the distance is mostly bias: compare it with nothing but the same sets again.
    """

    frechet: NonNegativeAverage
    unshifted: NonNegativeAverage | None
    """The same of reference images held back, as many as the split has or else half, from the other reference
    images: what the protocol reads without any shift. Null where no class has two on either side."""
    n_unshifted: tuple[Count, Count] | None
    """Fewest and most images of a class that are held back; with fewer the distance reads higher."""
    n_split: tuple[Count, Count]
    """Fewest and most images of a class."""
    n_reference: tuple[Count, Count]


class DistanceSection(FileModel):
    """How far a set of images lies from a reference, in the space of some features."""

    features: FeatureRecord
    seed: int
    """Of the draws of images, without replacement."""
    n_class: Count
    """Images of a class on each side, the same for every class; 0 where no class has enough."""
    num_classes: Count
    """Classes that are measured."""
    num_left_out: Count
    """Classes with images on one side only, or with too few; the latter are among `classes`."""
    means: FidelityAverages | None
    whole: WholeFidelity | None
    whole_reason: str | None
    """Why there is no distance over all classes; null where there is one."""
    protocol: Literal["ours", "paper"]
    paper: PaperFidelity | None
    """Under the protocol "paper", beside all of ours."""
    classes: tuple[ClassFidelity, ...]
    notes: tuple[str, ...]
    """What a reader must consider, in sentences."""


class ClassDiversity(FileModel):
    """Diversity of one class; all null where it has too few images, with the reason."""

    wnid: str
    n_split: Count
    """Images there are; `DiversitySection.n_class` of them are measured."""
    n_reference: Count | None
    """Null without a reference."""
    diversity: NonNegativeValue | None
    """1 less the mean cosine of two images, of length-1 features; in [0, 2]."""
    diversity_reference: float | None
    vendi: NonNegativeValue | None
    """Effective number of different images among those measured; in [1, n_class]."""
    vendi_reference: float | None
    spread: NonNegativeValue | None
    """Trace of the covariance of the features as they are."""
    spread_reference: float | None
    reason: str | None


class DiversityAverages(FileModel):
    """Means over classes."""

    diversity: NonNegativeAverage
    vendi: NonNegativeAverage
    spread: NonNegativeAverage


class DiversitySection(FileModel):
    """How much the images of a class differ from each other."""

    features: FeatureRecord
    seed: int
    n_class: Count
    """Images of a class, on the side of the reference too; 0 where no class has enough."""
    num_classes: Count
    num_left_out: Count
    split: DiversityAverages | None
    reference: DiversityAverages | None
    """Null without a reference."""
    ratio: NonNegativeValue | None
    """Mean diversity of the split over that of the reference."""
    num_collapsed: Count | None
    """Classes with less than half of the reference's diversity; null without a reference."""
    whole_vendi: NonNegative | None
    """Effective number of different images over all classes, of the images that are measured."""
    whole_vendi_reference: NonNegative | None
    classes: tuple[ClassDiversity, ...]
    notes: tuple[str, ...]
