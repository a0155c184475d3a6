"""From rated images to the numbers of a report."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.audits.agreement import compute_alpha, compute_raw_agreement, count_paired
from imagenet_g.benchmark.audits.files import LoadedSample, RaterAnswers, load_all_ratings, load_sample
from imagenet_g.benchmark.audits.records import (
    AgreementRecord,
    AuditSection,
    PrintedStudy,
    RaterRecord,
    Role,
    Treatment,
    ValidityRecord,
)
from imagenet_g.benchmark.audits.validity import (
    ControlCounts,
    FloatArray,
    compute_share,
    estimate_corrected,
    estimate_mean,
    estimate_rate,
    estimate_share,
)
from imagenet_g.benchmark.audits.verdicts import CANNOT_SAY, YES, IntArray, count_answers, decide
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import MetricEstimate

FEW_CONTROLS = 30
"""Rated controls of a kind below which a note says that the correction is coarse."""
_LEVELS = 5


@dataclass(frozen=True, slots=True)
class RatedItems:
    """The items of a sample as arrays, with their answers.

    Attributes:
        roles: `(N,)` role of each item.
        strata: `(N,)` wnid of the image's own class.
        weights: `(N,)` weight of a generated image; 1 for a control.
        answers: `(N, 3)` numbers of answers yes, no and cannot say.
        quality: `(N, 5)` numbers of ratings from 1 to 5.
    """

    roles: npt.NDArray[np.str_]
    strata: npt.NDArray[np.str_]
    weights: FloatArray
    answers: IntArray
    quality: IntArray

    def take(self, role: Role) -> RatedItems:
        """The items of one role."""
        rows = self.roles == role
        return RatedItems(
            self.roles[rows], self.strata[rows], self.weights[rows], self.answers[rows], self.quality[rows]
        )


def measure_audit_folder(folder: Path) -> AuditSection:
    """The report of an audit on disk.

    Raises:
        InputError: There is no sample or no rating, or a rating file is of another sample.
        UntrustedFileError: A file is malformed.
    """
    sample = load_sample(folder)
    return measure_audit(sample, load_all_ratings(folder, sample))


def measure_audit(sample: LoadedSample, raters: Sequence[RaterAnswers]) -> AuditSection:
    """Everything that the ratings say: validity, quality, agreement, and how well raters do on the controls.

    Raises:
        InputError: Nothing is rated.
    """
    raters = [rater for rater in raters if rater.answers]
    if not raters:
        raise InputError("There are no ratings yet: 'imagenet-g audit serve' collects them.")
    rated = arrange(sample, raters)
    drawn, right, wrong = (rated.take(role) for role in ("generated", "right control", "wrong control"))
    return AuditSection(
        simulated=raters[0].header.simulated,
        split=sample.sample.split,
        reference=sample.sample.reference,
        sample_sha256=sample.sha256,
        ratings=tuple(rater.make_record() for rater in raters),
        num_drawn=len(drawn.roles),
        num_rated=_count_rated(drawn),
        num_right_controls=_count_rated(right),
        num_wrong_controls=_count_rated(wrong),
        not_valid=measure_validity(rated, "cannot say counts as not valid"),
        left_out=measure_validity(rated, "cannot say is left out"),
        quality=measure_quality(drawn),
        control_quality=measure_quality(right),
        agreement=measure_agreement(drawn),
        raters=tuple(_judge_rater(sample, rater) for rater in raters),
        study=load_study(),
        notes=tuple(_list_notes(raters, drawn, right, wrong)),
    )


def arrange(sample: LoadedSample, raters: Sequence[RaterAnswers]) -> RatedItems:
    """The answers of some raters as arrays, a row an item in the sample's order."""
    items = sample.sample.items
    row_of = {item.item: row for row, item in enumerate(items)}
    quality = np.zeros((len(items), _LEVELS), dtype=np.int64)
    for rater in raters:
        for rating in rater.answers.values():
            if rating.quality is not None:
                quality[row_of[rating.item], rating.quality - 1] += 1
    return RatedItems(
        roles=np.array([item.role for item in items]),
        strata=np.array([item.own_wnid for item in items]),
        weights=np.array([1.0 if item.weight is None else item.weight for item in items]),
        answers=count_answers(sample.sample, raters),
        quality=quality,
    )


def measure_validity(rated: RatedItems, treatment: Treatment) -> ValidityRecord:
    """The share of valid images, raw and corrected by the controls, with "cannot say" counted in one way."""
    drawn = rated.take("generated")
    decided = decide(drawn.answers, treatment)
    rows = decided.has_verdict
    picked = decided.valid[rows], drawn.strata[rows], drawn.weights[rows]
    right, wrong = count_controls(rated, treatment)
    corrected, why_not = estimate_corrected(compute_share(*picked) if rows.any() else None, right, wrong)
    return ValidityRecord(
        treatment=treatment,
        num_images=int(rows.sum()),
        num_ties=int(decided.tied.sum()),
        consistency=estimate_share(*picked),
        sensitivity=estimate_rate(right),
        specificity=estimate_rate(wrong),
        corrected=corrected,
        why_not_corrected=why_not,
    )


def count_controls(rated: RatedItems, treatment: Treatment) -> tuple[ControlCounts, ControlCounts]:
    """Right controls judged valid and wrong controls judged not valid, of those with a verdict."""
    right = decide(rated.take("right control").answers, treatment)
    wrong = decide(rated.take("wrong control").answers, treatment)
    return (
        ControlCounts(int(right.valid.sum()), int(right.has_verdict.sum())),
        ControlCounts(int((wrong.has_verdict & ~wrong.valid).sum()), int(wrong.has_verdict.sum())),
    )


def measure_quality(rated: RatedItems) -> MetricEstimate | None:
    """Mean quality from 1 to 5, each image by the mean of its raters; None where nobody rated any."""
    num = rated.quality.sum(axis=1)
    rows = num > 0
    # By image first, or an image that many rated would count as many images.
    means = rated.quality[rows] @ np.arange(1, _LEVELS + 1) / num[rows]
    found = estimate_mean(means, rated.strata[rows], rated.weights[rows])
    if found is None:
        return None
    value, low, high = found
    # Student's interval does not know that quality ends at 1 and 5.
    bounds = (None, None) if low is None or high is None else (max(1.0, low), min(float(_LEVELS), high))
    method = "none" if bounds[0] is None else "student-stratified"
    return MetricEstimate(value=value, low=bounds[0], high=bounds[1], method=method, right=None)


def measure_agreement(rated: RatedItems) -> AgreementRecord:
    """Agreement on the images given, "cannot say" both as a category and as missing."""
    return AgreementRecord(
        num_images=count_paired(rated.answers),
        raw=compute_raw_agreement(rated.answers),
        alpha=compute_alpha(rated.answers, level="nominal"),
        alpha_missing=compute_alpha(rated.answers[:, :CANNOT_SAY], level="nominal"),
        num_quality=count_paired(rated.quality),
        quality_raw=compute_raw_agreement(rated.quality),
        quality_alpha=compute_alpha(rated.quality, level="ordinal"),
    )


@cache
def load_study() -> PrintedStudy:
    """The paper's own human study, as printed."""
    path = files("imagenet_g.benchmark.data") / "human_study.toml"
    return PrintedStudy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def _judge_rater(sample: LoadedSample, rater: RaterAnswers) -> RaterRecord:
    rated = arrange(sample, [rater])
    # The strict way for all: who often cannot say would else be judged on the easy controls alone.
    right, wrong = count_controls(rated, "cannot say counts as not valid")
    drawn = rated.take("generated")
    rows = drawn.answers.sum(axis=1) > 0
    return RaterRecord(
        rater=rater.header.rater,
        num_ratings=len(rater.answers),
        num_cannot_say=int(rated.answers[:, CANNOT_SAY].sum()),
        sensitivity=estimate_rate(right),
        specificity=estimate_rate(wrong),
        share_yes=estimate_share(drawn.answers[rows, YES] > 0, drawn.strata[rows], drawn.weights[rows]),
    )


def _count_rated(rated: RatedItems) -> int:
    return int((rated.answers.sum(axis=1) > 0).sum())


def _list_notes(
    raters: Sequence[RaterAnswers], drawn: RatedItems, right: RatedItems, wrong: RatedItems
) -> Iterator[str]:
    if raters[0].header.simulated:
        yield "Simulated: a program made these ratings, and the numbers say nothing about the images."
    if missing := len(drawn.roles) - _count_rated(drawn):
        yield (
            f"{missing} of {len(drawn.roles)} generated images have no rating yet; "
            "the shares are of the others."
        )
    if len(raters) == 1:
        yield "One rater: agreement is unknown, and a verdict is one person's answer."
    few = min(_count_rated(right), _count_rated(wrong))
    if 0 < few < FEW_CONTROLS:
        yield f"Only {few} controls of one kind are rated: the correction is coarse."
    if few:
        yield (
            "The correction takes raters to err on generated images as on the real controls. A wrong control "
            "is of any other class of the split, which is easier to see than a near miss. A right control "
            "whose label is wrong counts as a miss, so that wrong labels make the corrected share too high."
        )
    for rater in raters:
        if rater.torn:
            yield f"The last line of {rater.header.rater} is torn (a killed process); it is left out."
