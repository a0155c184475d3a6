"""What maintainers kept of a submission on private siblings, as findings of its review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.scores import load_score
from imagenet_g.leaderboard.submissions.reviews import SiblingFinding
from imagenet_g.leaderboard.validation.second_runs.running import load_submission


def read_siblings(path: Path, scores: Sequence[Path]) -> dict[str, SiblingFinding]:
    """The findings by split.

    Args:
        path: The submission.
        scores: Files of `imagenet-g sibling score`.

    Raises:
        InputError: A score is of other answers, of other images or of another model than the submission's.
        DataError: A score is damaged or was edited.
    """
    submission = load_submission(path)
    entries = {entry.split.base_ref: entry for entry in submission.result.entries}
    found: dict[str, SiblingFinding] = {}
    for file in scores:
        score = load_score(file)
        entry = entries.get(score.split)
        if entry is None or entry.split.content_sha256 != score.content_sha256:
            raise InputError(f"'{file}' is of '{score.split}', of which the submission has no such images.")
        if entry.predictions.sha256 != score.predictions_sha256:
            raise InputError(f"'{file}' is of other answers to '{score.split}' than the submission's.")
        if submission.result.model.weights_sha256 != score.weights_sha256:
            raise InputError(f"'{file}' is of a model with other weights than the submission's.")
        found[score.split] = SiblingFinding(
            commitment=score.commitment,
            num_private=score.num_private,
            level=score.level,
            labels_read=score.labels_read,
        )
    return found
