"""What `imagenet-g probe` writes: accuracies of probes, and all that was run to get them."""

from __future__ import annotations

from typing import Literal

from imagenet_g.benchmark.records import ClipRecord, Count, FileModel, Fraction, Sha256


class ProbeTrial(FileModel):
    """One choice of hyper-parameters."""

    values: dict[str, float]
    accuracy: Fraction
    """On the part for validation."""
    converged: bool


class ProbeSeed(FileModel):
    """One search and the classifier that followed from it, learnt from train and val together."""

    seed: Count
    num_train: Count
    num_val: Count
    """Images that the search learnt from and was judged on."""
    trials: tuple[ProbeTrial, ...]
    chosen: dict[str, float]
    val_accuracy: Fraction
    converged: bool
    iterations: Count
    top1: Fraction
    """On the test part; an image without features counts as wrong."""


class ProbeEstimate(FileModel):
    """An accuracy with its interval."""

    value: Fraction
    low: Fraction
    high: Fraction
    method: str
    """"wilson" over images, or "images and seeds"."""


class ProbeProtocol(FileModel):
    """How probes were fitted."""

    protocol: Literal["printed", "shipped"]
    """Sizes of the validation part: those of the paper's table, or a fifth of each class as in its code."""
    num_trials: Count
    seeds: tuple[Count, ...]
    fit: Literal["lbfgs", "sgd"]
    scaling: Literal["none", "l2", "standard"]
    input: Literal["printed", "model"]
    """Images resized to the input's size and cropped, as the paper prints, or as the model is evaluated."""


class ProbeEntry(FileModel):
    """One model on one set."""

    set: str
    title: str
    spec_sha256: Sha256
    """Hash of the set's description."""
    content_sha256: Sha256
    """Hash of all names and files of the set."""
    partial: bool
    """Whether its sizes are other than the printed ones: then this is no accuracy of that set."""
    notice: str | None
    num_classes: Count
    num_test: Count
    num_learnt: Count
    num_without_features: Count
    num_shared: Count
    """Test images whose file is also learnt from."""
    features_sha256: Sha256
    """Hash of the features as the model gave them, in the order of the rows."""
    protocol: ProbeProtocol
    seeds: tuple[ProbeSeed, ...]
    top1: ProbeEstimate
    mean_per_class: Fraction
    """Over classes with a test image, each counting the same; the mean over seeds."""
    top1_without_shared: Fraction | None
    """Over test images that are not learnt from; null where no image is shared, or all are."""
    printed_metric: Literal["top-1", "mean per class"]
    predictions: str
    """File of the answers, relative to the result."""
    predictions_sha256: Sha256
    warnings: tuple[str, ...]
    device: str
    created_utc: str
    command: str
    versions: dict[str, str]


class ProbeMeans(FileModel):
    """Means over sets; each set counts the same."""

    sets: tuple[str, ...]
    mean: Fraction
    mean_low: Fraction
    mean_high: Fraction
    mean_log_odds: float
    """Mean of log(p / (1 - p)), by the natural logarithm; half an image stands in for 0 or for all right."""
    log_odds_low: float
    log_odds_high: float
    accuracy_at_mean_log_odds: Fraction


class ProbeResult(FileModel):
    """The file: one model."""

    schema_version: Literal[1] = 1
    encoder: ClipRecord
    """The model, and how images were brought to its size."""
    entries: tuple[ProbeEntry, ...]
    means: ProbeMeans | None
    """Null where no whole set was probed."""
