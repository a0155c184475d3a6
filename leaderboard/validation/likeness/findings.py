"""A newcomer's predictions against those of every submission that stands before it, one file at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.submissions.problems import Problem
from imagenet_g.leaderboard.submissions.submission import Submission, make_stem
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.identity_checks import is_same_preprocessing
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers
from imagenet_g.leaderboard.validation.likeness.pairs import compute_likeness, match_fives
from imagenet_g.leaderboard.validation.likeness.stitching import explain_rows
from imagenet_g.leaderboard.validation.likeness.verdicts import judge_pair, judge_rows
from imagenet_g.leaderboard.validation.peers import KnownSubmission, names_kin


def check_likeness(
    submission: Submission, files: Mapping[str, Path], others: Sequence[KnownSubmission]
) -> Iterator[Problem]:
    """Whether the answers are those of others.

    Args:
        submission: The newcomer.
        files: Its predictions that are there, by the path that it names.
        others: Submissions that stand before it, of every version: splits may be shared.
    """
    for ref, entry in list_whole_splits(submission).items():
        path = files.get(entry.predictions.file)
        ours = None if path is None else load_answers(path)
        if ours is not None:
            yield from _check_split(ref, entry, submission, ours, others)


def list_whole_splits(submission: Submission) -> dict[str, Entry]:
    """One entry for each whole split, by its reference: views are rows of the same file."""
    found: dict[str, Entry] = {}
    for entry in submission.result.entries:
        view = entry.split.view
        found.setdefault(entry.split.ref.removesuffix(f":{view}") if view else entry.split.ref, entry)
    return found


def _check_split(
    ref: str, entry: Entry, submission: Submission, ours: SplitAnswers, others: Sequence[KnownSubmission]
) -> Iterator[Problem]:
    names: list[str] = []
    declared: list[bool] = []
    # Of each submission one bit an image is kept: the answers of all would not fit into memory.
    masks: list[npt.NDArray[np.uint8]] = []
    for known in others:
        path = find_twin(known, entry, submission)
        theirs = None if path is None else load_answers(path)
        if theirs is None:
            continue
        name, kin = known.submission.statement.model, is_kin(submission, known.submission)
        aligned = theirs.align(ours.image_ids)
        if problem := judge_pair(compute_likeness(ours.top5, aligned, ours.labels), name, ref, kin=kin):
            yield problem
        names.append(name)
        declared.append(kin)
        masks.append(np.packbits(match_fives(ours.top5, aligned)))
    explained = explain_rows(masks, len(ours.labels))
    # One alone is a copy, which the pair says.
    if len(explained.sources) > 1:
        chosen = [names[source] for source in explained.sources]
        kin = all(declared[source] for source in explained.sources)
        if problem := judge_rows(explained.num_rows, len(ours.labels), chosen, ref, kin=kin):
            yield problem


def find_twin(known: KnownSubmission, entry: Entry, submission: Submission) -> Path | None:
    """The other's predictions on the same images; None where nothing is to be compared.

    Of the same model in another version, and of what `check_copies` refuses from the file alone.
    """
    ours, theirs = submission.result.model, known.submission.result.model
    same_model = ours.weights_sha256 == theirs.weights_sha256 and is_same_preprocessing(
        ours.preprocessing, theirs.preprocessing
    )
    if make_stem(known.submission.statement) == make_stem(submission.statement):
        return None
    same_version = known.submission.version == submission.version
    if same_version and same_model:
        return None
    for other in list_whole_splits(known.submission).values():
        said = same_version and other.predictions.sha256 == entry.predictions.sha256
        if other.split.content_sha256 == entry.split.content_sha256 and not said:
            return list_predictions(known.path, known.submission).get(other.predictions.file)
    return None


def is_kin(submission: Submission, other: Submission) -> bool:
    """Whether a submission's file says that its model was made from another: by weights, or by name."""
    same = submission.result.model.weights_sha256 == other.result.model.weights_sha256
    return same or names_kin(submission, other)
