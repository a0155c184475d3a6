"""Accuracies over the images that raters call valid, from stored answers: the audited view of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.audits.files import load_all_ratings, load_sample
from imagenet_g.benchmark.audits.records import SIMULATED, AuditSample
from imagenet_g.benchmark.audits.valid_accuracy import (
    TREATMENTS,
    ModelValidAccuracy,
    ValidAccuracySection,
    join_answers,
    measure_rated,
    measure_valid_accuracy,
)
from imagenet_g.benchmark.audits.verdicts import Verdict, list_verdicts
from imagenet_g.benchmark.classes import load_index_by_wnid, name_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets, drop_repeated, load_answered_sets
from imagenet_g.benchmark.predictions.class_counts import count_right
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.scoring import select_outputs
from imagenet_g.benchmark.statistics.accuracy import compute_correct
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.statistics.observations import Observation


def measure_valid_accuracies(
    models: Sequence[AnsweredSets],
    sample: AuditSample,
    verdicts: Sequence[Verdict],
    *,
    sample_sha256: str,
    simulated: bool,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> ValidAccuracySection:
    """AG on valid images of several models.

    Args:
        models: Stored answers to the whole split, and to the whole reference; at least one.
        sample: Of the audit.
        verdicts: Of its generated images, from `audits.verdicts.list_verdicts`.
        sample_sha256: Of the sample's file.
        simulated: Whether a program made the ratings.
        num_resamples: Resamples of the rated images within their classes.
        seed: Of the resampling.

    Raises:
        DataError: The audit is of other images than the answers.
        InputError: No image is rated, or a rated image was not run by a model.
    """
    models = drop_repeated(models)
    for model in models:
        if model.evidence.record.content_sha256 != sample.split.content_sha256:
            raise DataError(
                f"The audit is of '{sample.split.ref}', and '{model.evidence.model.spec}' was run on "
                f"'{model.evidence.record.ref}', or on other images of that name."
            )
    first = models[0]
    return ValidAccuracySection(
        simulated=simulated,
        split=sample.split.ref,
        view=sample.split.view,
        reference=None if first.clean is None else first.clean.record.ref,
        outputs=first.evidence.outputs,
        sample_sha256=sample_sha256,
        num_resamples=num_resamples,
        seed=seed,
        models=tuple(_measure(model, verdicts, num_resamples, seed) for model in models),
    )


def measure_audited_results(
    folder: Path, results: Sequence[Path], *, data: Mapping[str, Path] | None = None
) -> ValidAccuracySection:
    """AG on valid images of stored results, from the folder of an audit; its reference is that of controls.

    Args:
        folder: What `imagenet-g audit make` wrote, with ratings.
        results: Results, or folders with one; one a model.
        data: Local copies of splits.

    Raises:
        DataError: A file is missing or damaged, or the audit is of other images than a result.
        InputError: There are no ratings, or a rated image was not run by a model.
        UnknownNameError: A result has no answers to the audited split.
    """
    sample = load_sample(folder)
    raters = [one for one in load_all_ratings(folder, sample) if one.answers]
    if not raters:
        raise InputError(f"'{folder}' has no ratings yet; 'imagenet-g audit serve {folder}' collects them.")
    drawn = sample.sample
    reference = None if drawn.reference is None else drawn.reference.base_ref
    models = load_answered_sets(results, drawn.split.base_ref, reference, data=data)
    return measure_valid_accuracies(
        models,
        drawn,
        list_verdicts(drawn, raters),
        sample_sha256=sample.sha256,
        simulated=raters[0].header.simulated,
    )


def make_valid_path(folder: Path, *, simulated: bool) -> Path:
    """Where AG on valid images is kept; one of simulated ratings is called so.

    Example:
        >>> make_valid_path(Path("audit"), simulated=True).name
        'valid-accuracy-simulated.json'
    """
    return folder / (f"valid-accuracy-{SIMULATED}.json" if simulated else "valid-accuracy.json")


def list_valid_weights(verdicts: Sequence[Verdict]) -> Mapping[str, float]:
    """Weight of each image that raters call valid, by its id: the audited view of `measuring`."""
    return {one.image_id: one.weight for one in verdicts if one.valid and one.weight is not None}


def _measure(
    model: AnsweredSets, verdicts: Sequence[Verdict], num_resamples: int, seed: int
) -> ModelValidAccuracy:
    evidence = model.evidence
    rated = join_answers(verdicts, _find_right(evidence), load_index_by_wnid())
    clean = None if model.clean is None else observe_clean(evidence, model.clean)
    estimate, gap = measure_rated(rated, clean, num_resamples=num_resamples, seed=seed)
    return ModelValidAccuracy(
        spec=evidence.model.spec,
        weights_sha256=evidence.model.weights_sha256,
        predictions_sha256=evidence.source.sha256,
        rated=estimate,
        gap=gap,
        by_treatment=tuple(
            measure_valid_accuracy(rated, verdicts, treatment, clean, num_resamples=num_resamples, seed=seed)
            for treatment in TREATMENTS
        ),
    )


def observe_clean(evidence: Evidence, clean: Evidence) -> Observation | None:
    """Right answers on the reference's images of the split's classes; None where it has none of them."""
    twin = clean.with_labels_in(evidence.class_set)
    if not len(twin.predictions):
        return None
    counts = count_right(twin.predictions, _name_outputs(evidence))
    right, total = counts.right, counts.total
    return Observation(
        top1=float(right.sum() / total.sum()), n=int(total.sum()), right=right, total=np.asarray(total)
    )


def _find_right(evidence: Evidence) -> Mapping[str, bool]:
    predictions = evidence.predictions
    top5 = select_outputs(predictions, _name_outputs(evidence))
    correct = compute_correct(top5.indices, predictions.labels, k=1)
    return dict(zip(predictions.image_ids, correct.tolist(), strict=True))


def _name_outputs(evidence: Evidence) -> str:
    return "all" if evidence.outputs == "all" else name_class_set(evidence.output_set)
