"""What a critique stores of recognition by judges, of errors inside a hypernym, and of style."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.lineage.filter_kin import FilterKinship
from imagenet_g.benchmark.records import ClipRecord, Count, Estimate, FileModel, Fraction, Outputs, Sha256

NO_BOUND = (
    "A machine-recognised share is no bound in either direction: judges miss images that show their class, "
    "and name the class of images that show only its surroundings. It is not the share of valid images, and "
    "accuracies are not limited by it; an audit by people estimates validity."
)
STYLE_CAUTION = (
    "The styles are what this CLIP takes the images for. How well it knows styles is seen on the reference, "
    "whose style is known: where the CLIP calls that by other names as often, the shares of the split say "
    "nothing."
)
_Wnid = Annotated[str, Field(pattern=r"^n\d{8}$")]


class JudgeRecord(FileModel):
    """A model whose stored predictions judge the images."""

    spec: str
    weights_sha256: Sha256
    predictions_sha256: Sha256
    """Hash of the file of predictions."""
    kinship: FilterKinship
    """Its relation to the filter of the split; the filter itself is left out."""
    cautions: tuple[str, ...]
    """What else it has in common with the split, such as training images of the same generator."""
    recognised: Estimate
    """Share of the images whose class is among its first five answers."""


class LeftOutJudge(FileModel):
    """A model that may not judge."""

    spec: str
    weights_sha256: Sha256
    reason: str


class ShuffledLevel(FileModel):
    """The same share with the labels shuffled among the images: what is reached without recognition."""

    value: Fraction
    """Expected over all permutations, exactly."""
    low: Fraction
    """Of `num_permutations` drawn permutations, 2.5 % lie below."""
    high: Fraction
    num_permutations: Count
    seed: Count

    @model_validator(mode="after")
    def _validate_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is upside down")
        return self


class ClassRecognition(FileModel):
    """One class."""

    wnid: _Wnid
    n: Count
    recognised: Count


class ReferenceRecognition(FileModel):
    """The share of the reference that the same judges recognise."""

    set: str
    num_images: Count
    share: Estimate
    shuffled: ShuffledLevel


class RecognitionSection(FileModel):
    """The machine-recognised share of a split."""

    schema_version: Literal[1] = 1
    split: str
    """The reference with its view."""
    content_sha256: Sha256
    outputs: Outputs
    """What the judges chose among: "all" 1000 classes, or the classes of the split."""
    num_outputs: Count
    k: Annotated[int, Field(ge=1, le=5)]
    """How many answers of a judge count."""
    num_images: Count
    num_unscored: Count
    """Images for which a judge has no answer; they count as not recognised by it."""
    judges: Annotated[tuple[JudgeRecord, ...], Field(min_length=1)]
    left_out: tuple[LeftOutJudge, ...]
    share: Estimate
    """Share of the images whose class is among the first k answers of at least one judge."""
    by_all: Estimate
    """The same, of every judge."""
    shuffled: ShuffledLevel
    reference: ReferenceRecognition | None
    """The same judges on real images of the same classes; null where they were not run on them."""
    classes: tuple[ClassRecognition, ...]
    """By wnid."""
    statement: str
    """What the share is not; shown wherever it is."""


class HypernymPair(FileModel):
    """A class whose images are given the name of another class of its hypernym."""

    wnid: _Wnid
    answered: _Wnid
    hypernym: str
    count: Count
    n: Count
    """Images of the class."""


class HypernymErrors(FileModel):
    """The errors of one judge on one set."""

    set: str
    num_images: Count
    """Images of classes that share a hypernym with another class among the outputs."""
    num_other: Count
    """Images of the other classes, which have no near class to be confused with."""
    accuracy: Estimate
    """Of `num_images`."""
    accuracy_within_hypernym: Estimate
    """The same where any class of the hypernym counts as right."""
    num_wrong: Count
    """Wrong answers among `num_images`; images without an answer are not counted here."""
    inside: Estimate | None
    """Share of the wrong answers that are of the same hypernym; null where there is no wrong answer."""
    by_chance: Fraction | None
    """What that share would be if a wrong answer were any other class alike; null likewise."""


class FineGrainedSection(FileModel):
    """The errors of a judge inside one hypernym, and outside it."""

    schema_version: Literal[1] = 1
    judge: str
    weights_sha256: Sha256
    outputs: Outputs
    num_hypernyms: Count
    """Hypernyms that two or more of the outputs share."""
    split: HypernymErrors
    reference: HypernymErrors | None
    """The same judge on real images of the same classes; null where it was not run on them."""
    pairs: tuple[HypernymPair, ...]
    """The most frequent confusions inside a hypernym on the split, the most frequent first."""


class StylePrompts(FileModel):
    """One style, and the texts that stand for it."""

    style: str
    prompts: Annotated[tuple[str, ...], Field(min_length=1)]


class StyleShares(FileModel):
    """The styles of one set of images."""

    set: str
    num_images: Count
    shares: dict[str, Estimate]
    """Share of the images that are nearest to each style; in the order of the prompts, they sum to 1."""


class StyleSection(FileModel):
    """Which share of the images a CLIP takes for photographs, drawings, paintings and renderings."""

    schema_version: Literal[1] = 1
    clip: ClipRecord
    kinship: FilterKinship | None
    """Its relation to the filter of the split; null for unknown."""
    styles: Annotated[tuple[StylePrompts, ...], Field(min_length=2)]
    split: StyleShares
    reference: StyleShares | None
    """The same of the real images, which shows how well the CLIP knows styles; null where not measured."""
    statement: str
    """How far to trust the shares; shown wherever they are."""
