"""A second run compared with a submission: weights, accuracies, and the answer to every image.

Predictions show that the numbers follow from the answers, not that the model gave them. Here the model is run
again: an answer that rounding on another machine cannot explain was edited, or is another model's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.predictions import Predictions, load_predictions
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.leaderboard.submissions.reviews import Verification
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.second_runs.running import SecondRun, load_submission

MAX_DIFFERENCE = 0.003
"""Another machine or library moves a few images near a tie; half a point is another model."""
ROUNDING = 0.01
"""How far probabilities of float32 runs may lie apart: libraries, devices and TF32 together."""
HALF_ROUNDING = 0.05
"""The same where a run was in half precision."""
MAX_NAMED = 5


def verify_run(path: Path, again: SecondRun, *, by: str, allowed: int = 0) -> Verification:
    """Compare a second run with the submission.

    Args:
        path: The submission, its predictions beside it.
        again: The second run.
        by: The maintainer who made it.
        allowed: Images of a split that may have another answer, because the maintainer looked at them.

    Raises:
        InputError: Weights or class maps differ, a split is missing, a score is more than `MAX_DIFFERENCE`
            off, or more images than allowed have another answer.
        DataError: Predictions are damaged, or not those a result was computed from.
    """
    submission = load_submission(path)
    _compare_class_maps(submission.result.model.class_map, again.result.model.class_map)
    if again.result.model.weights_sha256 != submission.result.model.weights_sha256:
        raise InputError("The second run used other weights, so it cannot verify the submission.")
    theirs = {entry.split.ref: entry for entry in again.result.entries}
    on_hand = list_predictions(path, submission)
    differences: dict[str, float] = {}
    other_answers: dict[str, int] = {}
    for entry in submission.result.entries:
        other = theirs.get(entry.split.ref)
        differences[entry.split.ref] = _compare_scores(entry, other)
        # Taken out of the mapping: views are rows of the same file.
        file = on_hand.pop(entry.predictions.file, None)
        if file is not None and other is not None:
            other_answers[entry.split.ref] = _compare_answers(entry, file, other, again.folder, allowed)
    run = again.result.entries[0].predictions.run
    return Verification(
        by=by,
        device=f"{run.device} {run.device_name}",
        created_utc=again.result.environment.created_utc,
        weights_equal=True,
        differences=differences,
        other_answers=other_answers,
    )


def _compare_class_maps(claimed: str | None, again: str | None) -> None:
    if claimed != again:
        raise InputError(
            f"The submission has the class map '{claimed or 'none'}', the second run '{again or 'none'}'. "
            "Ask the authors for the file, and give it with --class-map FILE."
        )


def _compare_scores(entry: Entry, other: Entry | None) -> float:
    ref = entry.split.ref
    if other is None or other.split.content_sha256 != entry.split.content_sha256 or other.partial:
        raise InputError(f"The second run has no whole '{ref}' of the same images.")
    claimed = choose_headline(entry)
    # Among as many classes: which score leads follows from the clean set, and that may be another one here.
    again = next((one for one in other.scores if one.outputs == claimed.outputs), choose_headline(other))
    difference = again.top1.value - claimed.top1.value
    if abs(difference) > MAX_DIFFERENCE:
        raise InputError(
            f"The second run is {100 * difference:+.2f} points off on '{ref}'; at most "
            f"{100 * MAX_DIFFERENCE:.1f} are allowed. Do not verify; ask the authors."
        )
    return difference


def _compare_answers(entry: Entry, file: Path, other: Entry, folder: Path, allowed: int) -> int:
    claimed = _load_answers(file, entry)
    again = _load_answers(folder / other.predictions.file, other)
    # One run in half precision is enough for the wider bound.
    half = {entry.predictions.run.dtype, other.predictions.run.dtype} != {"float32"}
    found = find_other_answers(claimed, again, rounding=HALF_ROUNDING if half else ROUNDING)
    if len(found) > allowed:
        named = ", ".join(found[:MAX_NAMED]) + (", ..." if len(found) > MAX_NAMED else "")
        raise InputError(
            f"The second run has other answers than the submission for {len(found)} of {len(claimed)} images "
            f"of '{entry.split.ref}', beyond rounding: {named}. Do not verify; look at them and ask the "
            "authors. --allow N accepts N of them for each split."
        )
    return len(found)


def _load_answers(file: Path, entry: Entry) -> Predictions:
    if file.is_file() and hash_file(file) != entry.predictions.sha256:
        raise DataError(f"'{file}' is not the file its result was computed from: its sha256 differs.")
    return load_predictions(file)[0]


def find_other_answers(claimed: Predictions, again: Predictions, *, rounding: float) -> tuple[str, ...]:
    """Images whose answers differ by more than rounding can make them.

    Every class among the best five of one run must have nearly the same probability in the other; where it
    is not among the other's best five, it can have at most the least of them. An exchange of two answers
    that are nearly as probable is within rounding, and no second run can detect it.

    Args:
        claimed: The submission's predictions.
        again: The second run's, of the same images in any order.
        rounding: How far probabilities may lie apart.

    Raises:
        DataError: The images are not the same.
    """
    row_of = {image_id: row for row, image_id in enumerate(again.image_ids)}
    if set(row_of) != set(claimed.image_ids):
        raise DataError("The two runs are not on the same images.")
    again = again.take(np.array([row_of[image_id] for image_id in claimed.image_ids], dtype=np.intp))
    shared = claimed.restricted.keys() & again.restricted.keys()
    pairs = [(claimed.top5, again.top5)]
    pairs += [(claimed.restricted[name], again.restricted[name]) for name in shared]
    differs = np.zeros(len(claimed), dtype=np.bool_)
    for one, other in pairs:
        differs |= _exceeds(one, other, rounding) | _exceeds(other, one, rounding)
    return tuple(claimed.image_ids[row] for row in np.flatnonzero(differs))


def _exceeds(one: TopFive, other: TopFive, rounding: float) -> npt.NDArray[np.bool_]:
    same = one.indices[:, :, None] == other.indices[:, None, :]
    given = (same * other.probabilities[:, None, :]).sum(axis=-1)
    least = np.minimum(one.probabilities, other.probabilities[:, -1:])
    expected = np.where(same.any(axis=-1), given, least)
    apart = np.abs(one.probabilities - expected) > rounding
    return np.asarray((apart & (one.indices != NO_CLASS)).any(axis=1)) | _exceeds_sums(one, other, rounding)


def _exceeds_sums(one: TopFive, other: TopFive, rounding: float) -> npt.NDArray[np.bool_]:
    """Whether the sums over all outputs differ by more than rounding; what one run lacks cannot."""
    if one.sums is None or other.sums is None:
        return np.zeros(len(one.indices), dtype=np.bool_)
    label = np.abs(np.exp(one.sums.log_label) - np.exp(other.sums.log_label)) > rounding
    # A change of every probability by so much changes a sum of squares by twice as much at most.
    return np.asarray(label | (np.abs(one.sums.squares - other.sums.squares) > 2 * rounding))
