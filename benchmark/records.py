"""What was run on what: the model, its preprocessing, the run and the split, as every file records them.

`FileModel` is the base of everything that crosses a file boundary. Unknown keys are refused, NaN is refused,
and a field that may be unknown has no default: a writer must state `null`. Accuracies are
fractions in [0, 1].
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Difference = Annotated[float, Field(ge=-1.0, le=1.0)]
Count = Annotated[int, Field(ge=0, le=10**15)]
"""No model has so many parameters and no split so many images; what is larger breaks tables and plots."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Outputs = Literal["all", "split-classes"]


class FileModel(BaseModel):
    """Base of everything that crosses a file boundary."""

    # Unknown keys are refused because a misspelt one would be dropped in silence. Not strict, because TOML
    # arrives as lists where the models have tuples.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_truth_as_version(cls, content: object) -> object:
        # To Python true equals 1, so that `Literal[1]` takes it.
        if isinstance(content, dict) and isinstance(content.get("schema_version"), bool):
            raise ValueError("schema_version is a number, not true or false")
        return content


class Preprocessing(FileModel):
    """How an image becomes the model's input."""

    input_size_px: tuple[int, int]
    """Height and width."""
    interpolation: str
    crop_fraction: float | None
    crop_mode: str | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    description: str
    """The whole transform, as the library prints it."""


class ZeroShot(FileModel):
    """The text side of a zero-shot classifier."""

    templates: str
    num_templates: Count
    templates_sha256: Sha256
    class_names_sha256: Sha256
    # Has a default, because results were written before the field existed.
    class_names: str | None = None
    """"own-" and the start of their hash for names of the user's own; null for those of open_clip."""


class PublishedAccuracy(FileModel):
    """A clean accuracy from a publication."""

    set: str
    """Set the figure is for, such as "imagenet-val"."""
    class_set: str
    """Classes of the images, and of the outputs where `outputs` says so; "all" for the full 1000."""
    top1: Fraction
    n: Count
    source: str


class Estimate(FileModel):
    """A fraction with its interval; low and high are null where no interval can be given."""

    value: Fraction
    low: Fraction | None
    high: Fraction | None
    method: str
    """How the interval was computed, such as "wilson"; "none" where there is no interval."""
    confidence: Fraction = 0.95

    @model_validator(mode="after")
    def _validate_order(self) -> Self:
        validate_order(self)
        return self


class MetricEstimate(FileModel):
    """The value of a metric with its interval; the metric's row limits the values."""

    value: float
    low: float | None
    high: float | None
    method: str
    """How the interval was computed, such as "wilson"; "none" where there is no interval."""
    confidence: Fraction = 0.95
    right: Count | None
    """How many images count, where the metric is a share of the images; null for any other."""

    @model_validator(mode="after")
    def _validate_order(self) -> Self:
        validate_order(self)
        return self


def validate_order(estimate: Estimate | MetricEstimate) -> None:
    """Refuse an interval that is upside down."""
    if estimate.low is not None and estimate.high is not None and estimate.low > estimate.high:
        raise ValueError(f"interval [{estimate.low}, {estimate.high}] is upside down")


class ClipRecord(FileModel):
    """Which CLIP, closely enough to run it again."""

    requested: str
    """The spec as the user typed it."""
    spec: str
    """The spec it resolved to; a local folder by its name."""
    weights_sha256: Sha256
    """Hash of the whole state dict, text side included."""
    revision: str | None
    """Commit of the repository the weights came from."""
    num_parameters: Count
    num_dimensions: Count
    preprocessing: Preprocessing


class ModelRecord(FileModel):
    """Which model was run, closely enough to run it again."""

    requested: str
    """The spec as the user typed it."""
    spec: str
    """The spec it resolved to."""
    weights_sha256: Sha256
    """Hash of the state dict: names, dtypes, shapes and bytes, in name order."""
    revision: str | None
    """Commit of the repository the weights came from."""
    num_parameters: Count
    num_outputs: Count
    class_map: str | None
    """How outputs were mapped to the 1000 classes; null for a head of 1000 in ImageNet order."""
    preprocessing: Preprocessing
    zero_shot: ZeroShot | None
    training_data: str | None
    generated_training_data: tuple[str, ...] | None
    """Generators whose images the model was trained on; empty for none, null for unknown."""
    # Has a default, unlike other unknowns, because results were written before the field existed.
    trained_until: date | None = None
    """Last day the training data can be from; null for unknown."""
    assumptions: tuple[str, ...] | None = None
    """What the weights do not say and was assumed, such as the activation of a CLIP; null for unknown."""
    weights_notes: tuple[str, ...] | None = None
    """What was taken from the file of weights, taken away from its names and left out; null for unknown."""
    behaviour_sha256: Sha256 | None = None
    """Hash of code, settings and answers on fixed inputs, for code of the user's own and for local folders.

    Their weights alone do not say what they do. Null where name and weights do, and where it is unknown.
    """
    towers: dict[Literal["text", "image"], Sha256] | None = None
    """Of a CLIP: hashes by which the two sides are found again in a generator; null for unknown."""


OUTSIDE = "answers:"
"""Begins the spec of a system of which only its answers are known; no model library has that name."""
DECLARED_FIELDS = ("requested", "training_data", "trained_until", "generated_training_data")
"""Declared by the submitter; no prediction depends on them."""


def is_same_model(first: ModelRecord, second: ModelRecord) -> bool:
    """Whether two records are of the same weights run the same way, whatever was declared about them."""
    # Blanked and not removed: a field that is added to a record later is compared without a change here.
    # `assumptions` is words about facts that preprocessing and architecture hold, `weights_notes` about the
    # way to weights whose hash is compared, `towers` follows from these weights; earlier records lack them.
    blank = dict.fromkeys((*DECLARED_FIELDS, "assumptions", "weights_notes", "towers"))
    return first.model_dump() | blank == second.model_dump() | blank


class OriginModel(FileModel):
    """A model that helped to make or to choose the images of a split."""

    role: Literal["filter", "reward", "text-encoder", "image-encoder"]
    spec: str
    """What the release calls it: a model spec, a repository, or the name of a column of scores."""
    weights_sha256: Sha256 | None
    """As in `ModelRecord`; null where the release does not record it."""
    tower_sha256: Sha256 | None = None
    """Of an encoder: as in `ModelRecord.towers`; null for unknown."""
    file_sha256: Sha256 | None = None
    """Of an encoder: hash of its file of weights; null for unknown."""
    view: str | None = None
    """Of a filter: the view that it makes; it has no part in the whole split."""
    detail: str
    """Where the release says so, or by which threshold."""


class SplitOrigin(FileModel):
    """How the images of a split were made, as its own release says."""

    generators: tuple[str, ...] | None
    """Repositories or addresses of what drew the images; empty where nothing did, null for unknown."""
    models: tuple[OriginModel, ...]
    sources: str | None
    """Reference of the real images that the images were made from; null for images made from words alone."""
    released: date | None
    """Day on which the release was published; null before that, and where it is unknown."""


class SplitRecord(FileModel):
    """Which images were scored."""

    ref: str
    """The reference with its view, such as "v1/sd-li:clip-filtered"."""
    version: str | None
    name: str
    view: str | None
    manifest_sha256: Sha256
    """Hash of the release's manifest, or of all file names and contents of a folder, before any view."""
    content_sha256: Sha256
    """Hash of this split's own images and labels; another split joining the release does not change it."""
    revision: str | None
    """Hub commit the files came from; null for local files."""
    num_classes: Count
    notice: str | None
    """What a reader must consider before quoting a number on this split."""
    # Has a default, because results were written before the field existed.
    origin: SplitOrigin | None = None
    """How the images were made; null for unknown, and for images that are no part of a release."""

    @property
    def base_ref(self) -> str:
        """The reference without its view."""
        return self.ref if self.view is None else self.ref.removesuffix(f":{self.view}")


def find_view(ref: str, base: str) -> str | None:
    """The view that a reference names of the split `base`; None for the whole split.

    Example:
        >>> find_view("mini/real:clip-filtered", "mini/real"), find_view("mini/real", "mini/real")
        ('clip-filtered', None)
    """
    return ref.removeprefix(base).removeprefix(":") or None


def is_view_of(ref: str, base: str) -> bool:
    """Whether a reference names a whole split or one of its views.

    Example:
        >>> is_view_of("mini/real:clip-filtered", "mini/real"), is_view_of("mini/real2", "mini/real")
        (True, False)
    """
    return ref == base or ref.startswith(f"{base}:")


SPLIT_COMMENTARY = ("manifest_sha256", "notice", "origin", "revision")
"""Comments on a split and on its release: they may change later, and no number depends on them.

The facts of the images and labels are held by `content_sha256`.
"""


def is_same_split(first: SplitRecord, second: SplitRecord) -> bool:
    """Whether two records are of the same images through the same view, whatever the comments on them."""
    blank = dict.fromkeys(SPLIT_COMMENTARY)
    return first.model_dump() | blank == second.model_dump() | blank


class Choice(FileModel):
    """What a run took where the user named nothing."""

    what: Literal["split", "reference", "baseline"]
    taken: str | None
    """Its name; null where there was nothing to take."""
    reason: str
