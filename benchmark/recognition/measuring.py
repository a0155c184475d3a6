"""The machine-recognised share of a split from the stored predictions of judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.answers.top_five import TOP_K
from imagenet_g.benchmark.classes import NUM_CLASSES, ClassSet, load_classes, name_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.lineage.filter_kin import FilterKinship, find_filter_kinship
from imagenet_g.benchmark.lineage.flags import find_flags
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets, align_rows, drop_repeated
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy, select_outputs
from imagenet_g.benchmark.recognition.records import (
    NO_BOUND,
    ClassRecognition,
    JudgeRecord,
    LeftOutJudge,
    RecognitionSection,
    ReferenceRecognition,
    ShuffledLevel,
)
from imagenet_g.benchmark.recognition.shuffling import NUM_PERMUTATIONS, SEED, shuffle_labels
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS, BoolArray, IntArray, compute_correct


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedImages:
    """What several judges answered to the same images.

    Attributes:
        labels: `(N, L)` acceptable classes, padded with -1.
        answers: Of each judge, `(N, 5)` classes, best first; -1 for no answer.
    """

    labels: IntArray
    answers: tuple[IntArray, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def find_recognised(self, k: int) -> BoolArray:
        """`(J, N)` whether a label is among the first `k` answers of each judge."""
        return np.stack([compute_correct(one, self.labels, k=k) for one in self.answers])

    def estimate_shuffled(self, k: int, *, num_permutations: int, seed: int) -> ShuffledLevel:
        """The share that at least one judge names where labels are shuffled."""
        found = shuffle_labels(self.answers, self.labels, k=k, num_permutations=num_permutations, seed=seed)
        return ShuffledLevel(
            value=found.value,
            low=found.low,
            high=found.high,
            num_permutations=num_permutations,
            seed=seed,
        )


def measure_recognition(
    models: Sequence[AnsweredSets],
    *,
    k: int = TOP_K,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = SEED,
) -> RecognitionSection:
    """The share of a split's images whose class is among the first `k` answers of at least one judge.

    Args:
        models: Stored answers of the judges to the split (or a view of it, already taken), and to its
            reference. The filter of the split is left out wherever it stands among them.
        k: Answers that count, 1..5.
        num_permutations: Permutations of the labels.
        seed: Of the permutations.

    Raises:
        DataError: The answers are to different images, or lack the outputs of the split's classes.
        InputError: No model is left that may judge, or no image was run by all judges.
    """
    models = drop_repeated(models)
    judges, left_out = choose_judges(models)
    shifted = align_rows([one.evidence for one in judges])
    first, stored = shifted[0], _name_outputs(shifted[0])
    judged = make_judged(shifted, stored)
    recognised = judged.find_recognised(k)
    by_any: BoolArray = np.asarray(recognised.any(axis=0))
    every = [one.model for one in (model.evidence for model in models)]
    return RecognitionSection(
        split=first.record.ref,
        content_sha256=first.record.content_sha256,
        outputs=first.outputs,
        num_outputs=NUM_CLASSES if stored == "all" else len(first.output_set.indices),
        k=k,
        num_images=len(judged),
        num_unscored=int(np.any([one[:, 0] == NO_CLASS for one in judged.answers], axis=0).sum()),
        judges=tuple(
            _describe(one, find_filter_kinship(one.model, first.record.origin, known=every), row)
            for one, row in zip(shifted, recognised, strict=True)
        ),
        left_out=left_out,
        share=_estimate(by_any),
        by_all=_estimate(np.asarray(recognised.all(axis=0))),
        shuffled=judged.estimate_shuffled(k, num_permutations=num_permutations, seed=seed),
        reference=_measure_reference(judges, first.class_set, stored, k, num_permutations, seed),
        classes=_count_classes(judged, by_any),
        statement=NO_BOUND,
    )


def choose_judges(
    models: Sequence[AnsweredSets],
) -> tuple[tuple[AnsweredSets, ...], tuple[LeftOutJudge, ...]]:
    """The models that may judge a split, and those that may not.

    The filter may not: what it does not recognise was taken away, in a filtered view and in what follows from
    one. Kin of it may, and is marked.

    Raises:
        InputError: No model is left.
    """
    judges, left_out = [], []
    for model in models:
        evidence = model.evidence
        kinship = find_filter_kinship(evidence.model, evidence.record.origin)
        if kinship.relation != "is-filter":
            judges.append(model)
            continue
        left_out.append(
            LeftOutJudge(
                spec=evidence.model.spec,
                weights_sha256=evidence.model.weights_sha256,
                reason=kinship.reason,
            )
        )
    if not judges:
        named = "; ".join(f"{one.spec}: {one.reason}" for one in left_out) or "no model was given"
        raise InputError(f"No model may judge the images ({named}). Give the predictions of another model.")
    return tuple(judges), tuple(left_out)


def make_judged(evidences: Sequence[Evidence], stored_as: str) -> JudgedImages:
    """Answers of several judges under one choice of outputs, their rows aligned."""
    return JudgedImages(
        labels=evidences[0].predictions.labels.astype(np.int64),
        answers=tuple(
            select_outputs(one.predictions, stored_as).indices.astype(np.int64) for one in evidences
        ),
    )


def _name_outputs(evidence: Evidence) -> str:
    return "all" if evidence.outputs == "all" else name_class_set(evidence.output_set)


def _describe(evidence: Evidence, kinship: FilterKinship, recognised: BoolArray) -> JudgeRecord:
    flags = find_flags(evidence.model, evidence.record)
    return JudgeRecord(
        spec=evidence.model.spec,
        weights_sha256=evidence.model.weights_sha256,
        predictions_sha256=evidence.source.sha256,
        kinship=kinship,
        # That it may be the filter is what `kinship` says.
        cautions=tuple(flag.reason for flag in flags if flag.kind != "is-filter"),
        recognised=_estimate(recognised),
    )


def _estimate(hits: BoolArray) -> Estimate:
    return estimate_accuracy(int(hits.sum()), len(hits))


def _measure_reference(
    judges: Sequence[AnsweredSets],
    class_set: ClassSet,
    stored: str,
    k: int,
    num_permutations: int,
    seed: int,
) -> ReferenceRecognition | None:
    clean = [one.clean for one in judges if one.clean is not None]
    # Fewer judges name fewer images: a reference without some of them would not compare.
    if len(clean) < len(judges):
        return None
    aligned = align_rows([one.with_labels_in(class_set) for one in clean])
    judged = make_judged(aligned, stored)
    return ReferenceRecognition(
        set=aligned[0].record.ref,
        num_images=len(judged),
        share=_estimate(np.asarray(judged.find_recognised(k).any(axis=0))),
        shuffled=judged.estimate_shuffled(k, num_permutations=num_permutations, seed=seed),
    )


def _count_classes(judged: JudgedImages, hits: BoolArray) -> tuple[ClassRecognition, ...]:
    classes = judged.labels[:, 0]
    total = np.bincount(classes, minlength=NUM_CLASSES)
    right = np.bincount(classes[hits], minlength=NUM_CLASSES)
    infos = load_classes()
    return tuple(
        ClassRecognition(wnid=infos[index].wnid, n=int(total[index]), recognised=int(right[index]))
        for index in np.flatnonzero(total)
    )
