"""The result file: what was run, on what, and every number with its interval.

These models are the contract of `result.json`. Unknown keys are refused, NaN is refused, and a field that may
be unknown has no default: whoever writes a result must say `null`. Accuracies are fractions in [0, 1].
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

SCHEMA_VERSION: Literal[1] = 1
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Difference = Annotated[float, Field(ge=-1.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Outputs = Literal["all", "split-classes"]


class FileModel(BaseModel):
    """Base of everything that crosses a file boundary."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


class Estimate(FileModel):
    """A fraction with its interval; low and high are null where no interval can be given."""

    value: Fraction
    low: Fraction | None
    high: Fraction | None
    method: Literal["wilson", "class-bootstrap", "none"]
    confidence: Fraction = 0.95

    @model_validator(mode="after")
    def _validate_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is upside down")
        return self


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
    """The library's own words for the whole transform."""


class ZeroShot(FileModel):
    """The text side of a zero-shot classifier."""

    templates: str
    num_templates: Count
    templates_sha256: Sha256
    class_names_sha256: Sha256


class PublishedAccuracy(FileModel):
    """A clean accuracy somebody else reported."""

    set: str
    """Set the figure is for, such as "imagenet-val"."""
    class_set: str
    """Classes of the images, and of the outputs where `outputs` says so; "all" for the full 1000."""
    top1: Fraction
    n: Count
    source: str


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
    # Has a default, unlike other unknowns, because results were written before it was asked for.
    trained_until: date | None = None
    """Last day the training data can be from; null for unknown."""


DECLARED_FIELDS = ("requested", "training_data", "trained_until", "generated_training_data")
"""What people say of a model; it changes no prediction."""


def is_same_model(first: ModelRecord, second: ModelRecord) -> bool:
    """Whether two records are of the same weights run the same way, whatever was declared about them."""
    blank = dict.fromkeys(DECLARED_FIELDS)
    return first.model_dump() | blank == second.model_dump() | blank


class RunRecord(FileModel):
    """Where and how predictions were computed."""

    device: str
    device_name: str
    dtype: str
    backend: str
    batch_size: Count
    seconds: float
    images_per_second: float
    started_utc: str
    versions: dict[str, str]


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
    """What a reader must know before quoting a number on this split."""


SPLIT_COMMENTARY = ("manifest_sha256", "notice", "revision")
"""What is said of a split and of the release around it: it may change later, and changes no number.

The facts of the images and labels are held by `content_sha256`.
"""


def is_same_split(first: SplitRecord, second: SplitRecord) -> bool:
    """Whether two records are of the same images seen through the same view, whatever was said about them."""
    blank = dict.fromkeys(SPLIT_COMMENTARY)
    return first.model_dump() | blank == second.model_dump() | blank


class UnscoredImage(FileModel):
    """An image without a prediction."""

    image_id: str
    reason: str


class Score(FileModel):
    """Accuracy under one choice of outputs.

    `outputs` is "all" when the model chose among all 1000 classes, "split-classes" when it chose among the
    classes of the split only (the field's protocol for ImageNet-R, -A and ObjectNet).
    """

    outputs: Outputs
    num_outputs: Count
    num_correct_top1: Count
    num_correct_top5: Count
    top1: Estimate
    top5: Estimate
    mean_per_class_top1: Fraction


class Reference(FileModel):
    """The clean accuracy a gap is measured from."""

    kind: Literal["measured", "published"]
    set: str
    outputs: Outputs
    num_outputs: Count
    n: Count
    top1: Estimate
    same_classes: bool
    """Whether the reference covers exactly the classes of the split."""
    filtered_alike: bool
    """Whether the reference images passed the same filter as the split's; true where there is no filter."""
    source: str | None
    manifest_sha256: Sha256 | None
    predictions_sha256: Sha256 | None


class Gap(FileModel):
    """Accuracy gap, AG = A(D') - A(D_test): a drop is negative (Bansal and Grover 2023, Eq. 1)."""

    reference: Reference
    value: Difference
    low: Difference | None
    high: Difference | None
    method: str
    num_resamples: Count
    seed: int


class EffectiveRobustness(FileModel):
    """ER = A(D') - beta(A(D_test)) against one baseline and link (Bansal and Grover 2023, Eq. 2)."""

    baseline: str
    baseline_sha256: Sha256
    link: Literal["linear", "logit", "probit"]
    value: Difference
    low: Difference | None
    high: Difference | None
    clustered: bool
    """Whether the interval knows which images share a class; if not, it is too narrow."""
    expected_top1: Fraction
    band_low: Fraction
    """Where 95 % of standard models of this clean accuracy would lie."""
    band_high: Fraction
    axis: str
    """The clean accuracy the line is over, such as "imagenet-val (imagenet-r classes)"."""
    slope: float
    intercept: float
    r2: float
    num_models: Count
    num_families: Count
    reference_low: Fraction
    reference_high: Fraction
    extrapolated: bool
    weak: bool
    num_resamples: Count
    seed: int


class PredictionsRecord(FileModel):
    """The evidence a score was computed from."""

    file: str
    """Path relative to the result file."""
    sha256: Sha256
    """Hash of the file's bytes."""
    run: RunRecord


class ContaminationFlag(FileModel):
    """A reason to think that the model has seen the split, or images like it."""

    kind: Literal["data-after-release", "same-generator"]
    reason: str


class Entry(FileModel):
    """One model on one split."""

    split: SplitRecord
    predictions: PredictionsRecord
    n: Count
    n_unscored: Count
    unscored_count_as: Literal["wrong", "left-out"]
    unscored: tuple[UnscoredImage, ...]
    limit: Count | None
    """Only this many images were run; null when all were. A limited result can not be submitted."""
    scores: tuple[Score, ...]
    gaps: tuple[Gap, ...]
    effective_robustness: tuple[EffectiveRobustness, ...]
    warnings: tuple[str, ...]
    contamination: tuple[ContaminationFlag, ...] = ()
    """Empty where nothing known speaks for it, which is no proof of the contrary."""

    @property
    def partial(self) -> bool:
        """Whether some images of the split were never run."""
        return self.limit is not None


class Environment(FileModel):
    """What computed the numbers from the predictions."""

    imagenet_g: str
    command: str
    created_utc: str
    versions: dict[str, str]


class Result(FileModel):
    """A result file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    model: ModelRecord
    environment: Environment
    entries: tuple[Entry, ...]
    extra: dict[str, JsonValue] = {}
    """For the submitter's own notes; never read by the benchmark."""
