"""The result file: every number of a model on its splits, with its interval.

These models are the contract of `result.json`; what was run on what is described by `records`. Version 2 of
the schema holds a score's numbers in a mapping from the metric's name; version 1 had a field for each, and is
read for ever.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from imagenet_g.benchmark.formats.flags import ContaminationFlag
from imagenet_g.benchmark.formats.relabels import RelabelRecord
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.formats.scores_v1 import upgrade_score
from imagenet_g.benchmark.formats.strengths import StrengthRecord
from imagenet_g.benchmark.records import (
    Choice,
    Count,
    Difference,
    Estimate,
    FileModel,
    Fraction,
    MetricEstimate,
    ModelRecord,
    Outputs,
    Sha256,
    SplitRecord,
)

SCHEMA_VERSION: Literal[2] = 2
STATISTICS_VERSION = 2
"""Version of the rules that intervals, references and effective robustness are computed by.

Version 1 compared filters by their column, let a model be judged by a line that it fits, and drew classes for
the interval of effective robustness. Its files say nothing of a version.
"""
HEADLINE = "top1"
WIDENED = "-widened"
"""How the name of a rule ends whose intervals are never shorter than the noise within classes."""
METRIC_PATTERN = r"^[a-z][a-z0-9_]{0,60}$"
MetricName = Annotated[str, Field(pattern=METRIC_PATTERN)]


class UnscoredImage(FileModel):
    """An image without a prediction."""

    image_id: str
    reason: str


class UnscoredReason(FileModel):
    """Why images have no prediction, and how many of them."""

    reason: str
    n: Count


class Score(FileModel):
    """A model's metrics under one choice of outputs.

    `outputs` is "all" when the model chose among all 1000 classes, "split-classes" when it chose among the
    classes of the split only (the field's protocol for ImageNet-R, -A and ObjectNet).
    """

    outputs: Outputs
    num_outputs: Count
    metrics: dict[MetricName, MetricEstimate]
    """By the metric's name; "top1" is always there. A name may belong to a package that is not installed."""
    strength: StrengthRecord | None = None
    """Of top-1; null where the split does not say how strongly its images are shifted, and in older files."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, data: object) -> object:
        # Here and not in `Result`: other files hold entries too.
        return upgrade_score(data) if isinstance(data, dict) and "metrics" not in data else data

    @model_validator(mode="after")
    def _validate_top1(self) -> Self:
        if HEADLINE not in self.metrics:
            raise ValueError(f"metrics lack '{HEADLINE}', which every score has")
        _ = self.top1
        return self

    @property
    def top1(self) -> Estimate:
        """The accuracy that gaps, lines and ranks are about."""
        return Estimate(**{name: part for name, part in self.metrics[HEADLINE] if name != "right"})


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


class BalancedGap(FileModel):
    """The mean over classes of the difference of their accuracies: each class counts alike."""

    value: Difference
    low: Difference | None
    high: Difference | None
    method: str
    num_classes: Count
    """Classes that have images on both sides."""


class Gap(FileModel):
    """Accuracy gap, AG = A(D') - A(D_test): a drop is negative (Bansal and Grover 2023, Eq. 1)."""

    reference: Reference
    value: Difference
    low: Difference | None
    high: Difference | None
    method: str
    num_resamples: Count
    seed: int
    balanced: BalancedGap | None = None
    """For a view filtered by a score, which keeps more images of some classes; null for any other, for a
    published reference, and in results written before the field existed."""


class EffectiveRobustness(FileModel):
    """ER = A(D') - beta(A(D_test)) against one baseline and link (Bansal and Grover 2023, Eq. 2)."""

    baseline: str
    baseline_sha256: Sha256
    link: Literal["linear", "logit", "probit"]
    value: Difference
    low: Difference | None
    high: Difference | None
    clustered: bool
    """Whether the interval accounts for images that share a class; if not, it is too narrow."""
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
    method: str | None = None
    """How the interval was computed; null in results written before it held the noise within classes."""
    no_interval: str | None = None
    """Why there is no interval; null where there is one, and in older files."""
    left_out: tuple[str, ...] | None = None
    """The model's own points, which the line goes without; null in older files, which left out none."""
    kin_left_out: tuple[str, ...] | None = None
    """The other baseline models of its family, where they were left out with it; null in older files."""
    leverage: Fraction | None = None
    """That the model's point would have in the line with it; null where unknown."""
    leverage_limit: Fraction | None = None
    """2 p / M, above which the leverage is high."""
    hole: tuple[Fraction, Fraction] | None = None
    """Clean accuracies of its neighbours in the baseline, where they are far apart; null for no hole."""


class RobustnessRefusal(FileModel):
    """A baseline that has a line for the split, and why there is no effective robustness against it."""

    baseline: str
    baseline_sha256: Sha256
    reason: str


class FeaturesRecord(FileModel):
    """Image features that were kept beside the predictions."""

    file: str
    """Path relative to the result file."""
    sha256: Sha256
    """Hash of the file's bytes."""
    values_sha256: Sha256
    """Hash of the features themselves: rows in order, float32, little endian."""
    num_dimensions: Count


class PredictionsRecord(FileModel):
    """The evidence a score was computed from."""

    file: str
    """Path relative to the result file."""
    sha256: Sha256
    """Hash of the file's bytes."""
    run: RunRecord
    features: FeaturesRecord | None = None
    """Of a run with `--keep-features`; null for none, and for earlier results."""


class Entry(FileModel):
    """One model on one split."""

    split: SplitRecord
    predictions: PredictionsRecord
    n: Count
    n_unscored: Count
    unscored_count_as: Literal["wrong", "left-out"]
    unscored: tuple[UnscoredImage, ...]
    unscored_reasons: tuple[UnscoredReason, ...] | None = None
    """All reasons with their counts, the commonest first; null in files older than this field."""
    limit: Count | None
    """Only this many images were run; null when all were. A limited result cannot be submitted."""
    scores: tuple[Score, ...]
    gaps: tuple[Gap, ...]
    effective_robustness: tuple[EffectiveRobustness, ...]
    warnings: tuple[str, ...]
    contamination: tuple[ContaminationFlag, ...] = ()
    """Empty where nothing known indicates it, which is no proof of the contrary."""
    contamination_rules: Sha256 | None = None
    """Hash of what was known of generators and training sets when the flags were found; null for unknown."""
    no_robustness: tuple[RobustnessRefusal, ...] = ()
    """Baselines of this split without an effective robustness; empty in older files."""
    choices: tuple[Choice, ...] = ()
    """What was taken by default; empty where the user named all, and in older files."""
    relabelled: RelabelRecord | None = None
    """Other labels than the set's own, such as ReaL; null for its own. Cannot be submitted."""
    label_rule: Literal["pairs"] | None = None
    """"pairs": either label of classes of one name is right; null for the labels as they are."""

    @property
    def partial(self) -> bool:
        """Whether some images of the split were never run."""
        return self.limit is not None


def has_widened_intervals(entry: Entry) -> bool:
    """Whether an entry's intervals hold the noise within classes; those of earlier results do not."""
    methods = [estimate.method for score in entry.scores for estimate in score.metrics.values()]
    return any(method.endswith(WIDENED) for method in (*methods, *(gap.method for gap in entry.gaps)))


class Environment(FileModel):
    """What computed the numbers from the predictions."""

    imagenet_g: str
    command: str
    created_utc: str
    versions: dict[str, str]


class Result(FileModel):
    """A result file."""

    schema_version: Literal[2] = SCHEMA_VERSION
    statistics: Annotated[int, Field(ge=1)] = 1
    """The `STATISTICS_VERSION` that computed the numbers; a file without it is of version 1."""
    model: ModelRecord
    environment: Environment
    entries: tuple[Entry, ...]
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """For the submitter's own notes; never read by the benchmark."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, data: object) -> object:
        # Its scores upgrade themselves.
        # True equals 1, and is refused by the base.
        if isinstance(data, dict) and data.get("schema_version") == 1 and data["schema_version"] is not True:
            return {**data, "schema_version": SCHEMA_VERSION}
        return data

    @field_validator("statistics")
    @classmethod
    def _validate_statistics(cls, statistics: int) -> int:
        if statistics > STATISTICS_VERSION:
            raise ValueError(
                f"is {statistics}; this release knows up to {STATISTICS_VERSION}. Update imagenet-g"
            )
        return statistics
