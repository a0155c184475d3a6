"""A newcomer's predictions beside its own probabilities, and beside the accepted submissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.submissions.problems import Problem, note
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers
from imagenet_g.leaderboard.validation.likeness.findings import find_twin, list_whole_splits
from imagenet_g.leaderboard.validation.peers import KnownSubmission
from imagenet_g.leaderboard.validation.plausibility.beside import IntArray, compare_with
from imagenet_g.leaderboard.validation.plausibility.confidence import is_right, measure_confidence
from imagenet_g.leaderboard.validation.plausibility.near_ties import BoolArray, measure_near_ties
from imagenet_g.leaderboard.validation.plausibility.verdicts import (
    MIN_IMAGES,
    MIN_NEAR,
    judge_beside,
    judge_confidence,
    judge_robustness,
    judge_ties,
)

MIN_OTHERS = 3
"""Models that a newcomer is compared with at least: what two have wrong says little of an image."""
NOT_TESTED = "plausibility"
First = tuple[IntArray, BoolArray]
"""First answers of a model, and whether they are right."""


def check_plausibility(
    submission: Submission, files: Mapping[str, Path], others: Sequence[KnownSubmission]
) -> Iterator[Problem]:
    """Whether the answers are such as models give.

    Args:
        submission: The newcomer.
        files: Its predictions that are there, by the path that it names.
        others: Submissions of other models; only those that have been accepted are a yardstick.
    """
    accepted = [known for known in others if known.reviewed]
    untested: list[str] = []
    for ref, entry in list_whole_splits(submission).items():
        path = files.get(entry.predictions.file)
        ours = None if path is None else load_answers(path)
        # What is missing or cannot be read has a finding of its own.
        if ours is None:
            continue
        others_here = list(_load_others(entry, submission, ours, accepted))
        yield from judge_answers(ours, others_here, ref, untested)
    for entry in submission.result.entries:
        for found in entry.effective_robustness:
            if problem := judge_robustness(found.low, found.baseline, entry.split.ref):
                yield problem
    if untested:
        yield note(NOT_TESTED, "predictions", f"not tested: {'; '.join(untested)}")


def judge_answers(
    ours: SplitAnswers, others: Sequence[First], ref: str, untested: list[str]
) -> Iterator[Problem]:
    """Findings about the answers to a split, by themselves and beside others.

    Args:
        ours: The answers.
        others: First answers of other models to the same images, and whether they are right.
        ref: What the split is called.
        untested: Receives what could not be tested, and why.
    """
    if len(ours.labels) < MIN_IMAGES:
        untested.append(f"{ref} ({len(ours.labels)} images, {MIN_IMAGES} needed)")
        return
    right = is_right(ours.top5, ours.labels)
    ties = measure_near_ties(ours.top5, ours.labels)
    if ties is None or ties.num_images < MIN_NEAR:
        found = 0 if ties is None else ties.num_images
        untested.append(f"near ties of {ref} ({found} images, {MIN_NEAR} needed)")
    elif problem := judge_ties(ties, ref):
        yield problem
    yield from judge_confidence(measure_confidence(ours.top5, right), ref)
    if len(others) < MIN_OTHERS:
        untested.append(f"{ref} beside other models ({len(others)} accepted here, {MIN_OTHERS} needed)")
        return
    yield from judge_beside(compare_with(ours.top5.indices[:, 0], right, others), len(others), ref)


def _load_others(
    entry: Entry, submission: Submission, ours: SplitAnswers, accepted: Sequence[KnownSubmission]
) -> Iterator[First]:
    for known in accepted:
        path = find_twin(known, entry, submission)
        theirs = None if path is None else load_answers(path)
        if theirs is not None:
            # Of each submission three bytes an image are kept: the answers of all would not fit into memory.
            aligned = theirs.align(ours.image_ids)
            yield aligned.indices[:, 0].astype(np.int16), is_right(aligned, ours.labels)
