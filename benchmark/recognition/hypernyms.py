"""The errors of a judge inside one hypernym, and outside it.

A hypernym is the next more general term of WordNet: that of the fiddler crab and of the rock crab is "crab".
A generator that draws a rock crab for a fiddler crab misses a detail, one that draws a beach misses the
class; accuracy counts both alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes, load_index_by_wnid, name_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy, select_outputs
from imagenet_g.benchmark.recognition.records import FineGrainedSection, HypernymErrors, HypernymPair
from imagenet_g.benchmark.statistics.accuracy import BoolArray, IntArray, compute_correct

NUM_PAIRS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NearClasses:
    """Which classes share a hypernym.

    Attributes:
        near: `(1000, 1000)` whether two different classes among the outputs share one.
        names: By class, its hypernyms.
        num_hypernyms: How many hypernyms two or more of the outputs share.
        num_outputs: How many classes there are to choose among.
    """

    near: BoolArray
    names: Mapping[int, tuple[str, ...]]
    num_hypernyms: int
    num_outputs: int


def find_near_classes(hypernyms: Mapping[str, Sequence[str]], outputs: Sequence[int]) -> NearClasses:
    """Classes of one hypernym, among some outputs.

    Args:
        hypernyms: Hypernyms of each class by wnid.
        outputs: Class indices that a judge chooses among.

    Raises:
        InputError: No two of the outputs share a hypernym.

    Example:
        >>> found = find_near_classes(
        ...     {"n01440764": ["fish"], "n01443537": ["fish"], "n01514668": ["bird"]}, [0, 1, 7]
        ... )
        >>> bool(found.near[0, 1]), bool(found.near[0, 7]), found.num_hypernyms
        (True, False, 1)
    """
    chosen, index_of = set(outputs), load_index_by_wnid()
    names = {index_of[wnid]: tuple(own) for wnid, own in hypernyms.items() if wnid in index_of}
    members: dict[str, list[int]] = {}
    for index, own in names.items():
        for name in own:
            members.setdefault(name, []).extend([index] if index in chosen else [])
    shared = [indices for indices in members.values() if len(indices) > 1]
    if not shared:
        raise InputError("No two of the classes share a hypernym: there is no error inside one to count.")
    near = np.zeros((NUM_CLASSES, NUM_CLASSES), dtype=np.bool_)
    for indices in shared:
        near[np.ix_(indices, indices)] = True
    np.fill_diagonal(near, False)
    return NearClasses(near=near, names=names, num_hypernyms=len(shared), num_outputs=len(chosen))


def measure_fine_grained(
    model: AnsweredSets, hypernyms: Mapping[str, Sequence[str]], *, num_pairs: int = NUM_PAIRS
) -> FineGrainedSection:
    """How many errors of a judge are of the right hypernym.

    Args:
        model: Stored answers of the judge to the split and to its reference.
        hypernyms: Hypernyms of each class by wnid.
        num_pairs: How many confusions to list.

    Raises:
        DataError: The answers lack the outputs of the split's classes.
        InputError: No two classes share a hypernym, or no image of such a class was run.
    """
    evidence = model.evidence
    stored = "all" if evidence.outputs == "all" else name_class_set(evidence.output_set)
    outputs = range(NUM_CLASSES) if stored == "all" else evidence.output_set.indices
    near = find_near_classes(hypernyms, outputs)
    # The reference may have classes that the split lacks, with other neighbours to be confused with.
    clean = None if model.clean is None else model.clean.with_labels_in(evidence.class_set)
    return FineGrainedSection(
        judge=evidence.model.spec,
        weights_sha256=evidence.model.weights_sha256,
        outputs=evidence.outputs,
        num_hypernyms=near.num_hypernyms,
        split=_measure(evidence, stored, near),
        reference=None if clean is None else _measure(clean, stored, near),
        pairs=_list_pairs(evidence, stored, near, num_pairs),
    )


def _measure(evidence: Evidence, stored: str, near: NearClasses) -> HypernymErrors:
    classes, answered, correct = _read(evidence, stored)
    # A class alone under its hypernym cannot have an error inside, and would only lower the share.
    has_near = np.asarray(near.near[classes].any(axis=1))
    if not has_near.any():
        raise InputError(f"No image of '{evidence.record.ref}' is of a class that shares its hypernym.")
    classes, answered, correct = classes[has_near], answered[has_near], correct[has_near]
    inside = _find_inside(classes, answered, correct, near)
    # No answer is wrong by accuracy, but an error of neither kind.
    wrong = ~correct & (answered >= 0)
    size, missed = len(classes), int(wrong.sum())
    return HypernymErrors(
        set=evidence.record.ref,
        num_images=size,
        num_other=len(has_near) - size,
        accuracy=estimate_accuracy(int(correct.sum()), size),
        accuracy_within_hypernym=estimate_accuracy(int((correct | inside).sum()), size),
        num_wrong=missed,
        inside=estimate_accuracy(int(inside.sum()), missed) if missed else None,
        by_chance=_expect_inside(classes[wrong], near) if missed else None,
    )


def _expect_inside(classes: IntArray, near: NearClasses) -> float:
    """The share inside where each wrong answer is any of the other outputs alike."""
    return float(near.near[classes].sum(axis=1).mean() / (near.num_outputs - 1))


def _list_pairs(
    evidence: Evidence, stored: str, near: NearClasses, num_pairs: int
) -> tuple[HypernymPair, ...]:
    classes, answered, correct = _read(evidence, stored)
    inside = _find_inside(classes, answered, correct, near)
    total = np.bincount(classes, minlength=NUM_CLASSES)
    counts = Counter(zip(classes[inside].tolist(), answered[inside].tolist(), strict=True))
    infos = load_classes()
    # By count, then by class, so that ties have one order.
    return tuple(
        HypernymPair(
            wnid=infos[truth].wnid,
            answered=infos[answer].wnid,
            hypernym=_name_shared(near, truth, answer),
            count=count,
            n=int(total[truth]),
        )
        for (truth, answer), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:num_pairs]
    )


def _name_shared(near: NearClasses, first: int, second: int) -> str:
    return next(name for name in near.names[first] if name in near.names[second])


def _find_inside(classes: IntArray, answered: IntArray, correct: BoolArray, near: NearClasses) -> BoolArray:
    # An answer of -1, none, would index the last class.
    return np.asarray(near.near[classes, answered] & ~correct & (answered >= 0))


def _read(evidence: Evidence, stored: str) -> tuple[IntArray, IntArray, BoolArray]:
    """Class, first answer and whether it is right, of each image."""
    predictions = evidence.predictions
    top5 = select_outputs(predictions, stored)
    correct = compute_correct(top5.indices, predictions.labels, k=1)
    return predictions.labels[:, 0].astype(np.int64), top5.indices[:, 0].astype(np.int64), correct
