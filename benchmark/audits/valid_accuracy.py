"""AG on valid images: the accuracy of a model over the images that raters call valid.

A model cannot be expected to name a class that the image does not show. Dividing an accuracy by the share of
valid images would take every answer to an image that is not valid for wrong, and it would take the valid
images of a class for as hard as all of them; neither holds. So the accuracy is counted over the valid images
themselves, each with the weight that the sample gives it (`statistics.weighted_shares`).

The verdicts are those of the majority as it is: raters who err make the valid images of this count a little
easier or harder than the truly valid ones. Their errors are in the report of the audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagenet_g.benchmark.audits.records import Treatment
from imagenet_g.benchmark.audits.verdicts import Verdict
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import Count, Difference, Estimate, FileModel, Fraction, Outputs, Sha256
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_difference_interval,
)
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.statistics.weighted_shares import WEIGHTED_METHOD, compute_weighted_share
from imagenet_g.benchmark.statistics.within import bound_within_classes

GAP_METHOD: Literal["square-and-add"] = "square-and-add"
TREATMENTS: tuple[Treatment, ...] = ("cannot say counts as not valid", "cannot say is left out")


class ValidGap(FileModel):
    """An accuracy over valid images less that on the reference, with its 95 % interval."""

    value: Difference
    low: Difference
    high: Difference
    method: Literal["square-and-add"] = GAP_METHOD
    reference: Estimate
    """What was taken off."""


class ValidAccuracy(FileModel):
    """One model, with "cannot say" counted in one way."""

    treatment: Treatment
    num_verdicts: Count
    """Rated images with a verdict."""
    num_valid: Count
    share_valid: Fraction | None
    """Of the images of the split, by the weights of the sample; the report of the audit has its interval;
    null without a verdict."""
    accuracy: Estimate | None
    """Over the valid images; null where no image is valid."""
    not_valid: Estimate | None
    """Over the images that are not valid; null where all are. Where it is high, models name a class that
    raters do not see, by its surroundings or because the raters err."""
    gap: ValidGap | None
    """Less the accuracy on the reference; null without a reference or a valid image."""
    gap_same_classes: ValidGap | None
    """The same with the classes of the reference weighted as those of the valid images."""


class ModelValidAccuracy(FileModel):
    """One model on the rated images."""

    spec: str
    weights_sha256: Sha256
    predictions_sha256: Sha256
    rated: Estimate
    """Accuracy over all rated images, valid or not, with the sample's weights."""
    gap: ValidGap | None
    """Of all rated images; null without a reference."""
    by_treatment: tuple[ValidAccuracy, ...]


class ValidAccuracySection(FileModel):
    """Models on the valid images of a split."""

    schema_version: Literal[1] = 1
    simulated: bool
    """Whether a program made the ratings; such numbers say nothing about the images."""
    split: str
    # Has a default, because sections were written before the field existed.
    view: str | None = None
    """Of the split, that was audited; the reference is whole, so that part of a gap may be the filter's."""
    reference: str | None
    outputs: Outputs
    sample_sha256: Sha256
    num_resamples: Count
    seed: Count
    models: tuple[ModelValidAccuracy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedImages:
    """Rated images of a split with the answers of one model.

    Attributes:
        classes: `(N,)` class of each; the strata of the sample.
        weights: `(N,)` how many images of the split each stands for.
        correct: `(N,)` whether the model is right.
    """

    classes: IntArray
    weights: FloatArray
    correct: BoolArray


def join_answers(
    verdicts: Sequence[Verdict], right: Mapping[str, bool], class_index: Mapping[str, int]
) -> RatedImages:
    """The rated images with a model's answers.

    Args:
        verdicts: Of generated images.
        right: Whether the model is right, by image id.
        class_index: Class index by wnid.

    Raises:
        InputError: A rated image was not run by the model, or no image is rated.
    """
    if not verdicts:
        raise InputError("No generated image is rated; there is no accuracy over valid images yet.")
    missing = [one.image_id for one in verdicts if one.image_id not in right]
    if missing:
        raise InputError(
            f"{len(missing)} rated images were not run by the model, first '{missing[0]}'; evaluate the "
            "whole split, without --limit."
        )
    return RatedImages(
        classes=np.array([class_index[one.wnid] for one in verdicts], dtype=np.int64),
        weights=np.array([one.weight or np.nan for one in verdicts], dtype=np.float64),
        correct=np.array([right[one.image_id] for one in verdicts], dtype=np.bool_),
    )


def measure_rated(
    rated: RatedImages,
    clean: Observation | None,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> tuple[Estimate, ValidGap | None]:
    """Accuracy over all rated images with the sample's weights, and its gap; arguments as below."""
    every = np.ones(len(rated.classes), dtype=np.bool_)
    estimate = _estimate(rated, every, num_resamples, seed)
    if estimate is None:
        raise InputError("There is no rated image.")
    return estimate, _subtract(estimate, clean, None)


def measure_valid_accuracy(
    rated: RatedImages,
    verdicts: Sequence[Verdict],
    treatment: Treatment,
    clean: Observation | None,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> ValidAccuracy:
    """Accuracy over the valid images, and its gap to the reference.

    Args:
        rated: Rated images with the model's answers.
        verdicts: Of the same images, in the same order.
        treatment: How "cannot say" counts.
        clean: Right answers by class on the reference, of the split's classes; None for no reference.
        num_resamples: Resamples of the rated images within their classes.
        seed: Of the resampling.
    """
    decided = [_decide(one, treatment) for one in verdicts]
    has_verdict = np.array([one is not None for one in decided], dtype=np.bool_)
    valid = np.array([one is True for one in decided], dtype=np.bool_)
    refused = has_verdict & ~valid
    accuracy = _estimate(rated, valid, num_resamples, seed)
    counted = rated.weights * has_verdict
    # Without a valid image numpy counts in whole numbers.
    mix = np.bincount(rated.classes[valid], weights=rated.weights[valid], minlength=1).astype(np.float64)
    return ValidAccuracy(
        treatment=treatment,
        num_verdicts=int(has_verdict.sum()),
        num_valid=int(valid.sum()),
        share_valid=float((counted * valid).sum() / counted.sum()) if has_verdict.any() else None,
        accuracy=accuracy,
        not_valid=_estimate(rated, refused, num_resamples, seed),
        gap=None if accuracy is None else _subtract(accuracy, clean, None),
        gap_same_classes=None if accuracy is None else _subtract(accuracy, clean, mix),
    )


def _decide(verdict: Verdict, treatment: Treatment) -> bool | None:
    return verdict.valid if treatment == "cannot say counts as not valid" else verdict.valid_left_out


def _estimate(rated: RatedImages, domain: BoolArray, num_resamples: int, seed: int) -> Estimate | None:
    found = compute_weighted_share(
        rated.correct, domain, rated.weights, rated.classes, num_resamples=num_resamples, seed=seed
    )
    if found is None:
        return None
    return Estimate(value=found.value, low=found.low, high=found.high, method=WEIGHTED_METHOD)


def _subtract(accuracy: Estimate, clean: Observation | None, mix: FloatArray | None) -> ValidGap | None:
    reference = None if clean is None else _estimate_reference(clean, mix)
    if reference is None or accuracy.low is None or accuracy.high is None:
        return None
    if reference.low is None or reference.high is None:
        return None
    low, high = compute_difference_interval(
        (accuracy.value, accuracy.low, accuracy.high), (reference.value, reference.low, reference.high)
    )
    return ValidGap(
        value=accuracy.value - reference.value,
        low=max(-1.0, low),
        high=min(1.0, high),
        reference=reference,
    )


def _estimate_reference(clean: Observation, mix: FloatArray | None) -> Estimate | None:
    """The clean accuracy; `mix` weights its classes, None for their own numbers of images."""
    if clean.right is None or clean.total is None:
        return None
    share = clean.total if mix is None else np.pad(mix, (0, len(clean.total) - len(mix)))
    # A class of the valid images without a real image has no clean accuracy to be weighted.
    share = np.where(clean.total > 0, share, 0.0)
    if not share.sum():
        return None
    share = share / share.sum()
    # A class without a real image would be 0/0 below, and NaN even with a weight of 0.
    used = share > 0
    right, total = clean.right[used], clean.total[used]
    low, high = bound_within_classes(right, total, weights=share[used])
    # Weights that sum to 1 but for rounding can carry a share past 1, which a record refuses.
    value = min(1.0, float(share[used] @ (right / total)))
    return Estimate(value=value, low=max(0.0, low), high=min(1.0, high), method="within-classes")
