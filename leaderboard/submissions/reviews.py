"""Reviews: the findings of validation, or of a maintainer, about one exact file.

`<org>__<model>.review.json` lies beside the submission and names the sha256 of its bytes. The board shows a
submission only with a review of those very bytes, so an edit after validation takes it off the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.records import Count, Difference, FileModel, Fraction, Sha256
from imagenet_g.benchmark.storage import write_text
from imagenet_g.leaderboard.submissions.problems import Problem, ValidationReport, warning
from imagenet_g.leaderboard.submissions.submission import REVIEW_SUFFIX, SUFFIX
from imagenet_g.leaderboard.submissions.untrusted import read_json

LABELS_READ = "labels-read"
LABELS_READ_TEXT = (
    "public accuracy exceeds the accuracy on a private sibling of the split by more than chance gives: these "
    "answers used the public images or their labels"
)


class Verification(FileModel):
    """A second run by a maintainer."""

    by: Annotated[str, Field(min_length=1, max_length=80)]
    device: str
    created_utc: str
    weights_equal: bool
    differences: dict[str, Difference]
    """Top-1 of the second run less that of the submission, by split."""
    # Has a default because reviews were written before answers were compared.
    other_answers: dict[str, Count] = Field(default_factory=dict)
    """Images with another answer in the second run, by split; absent where predictions were not available."""


class SiblingFinding(FileModel):
    """The answers to a split against the model's answers to its private sibling."""

    commitment: Sha256
    num_private: Count
    level: Fraction
    labels_read: bool
    """Whether the public answers are too good by a test at that level; its p-value is kept by maintainers."""


class Review(FileModel):
    """The review of one submission file."""

    schema_version: Literal[1] = 1
    submission_sha256: Sha256
    trust: Literal["self-reported", "recomputed", "verified"]
    flags: tuple[Problem, ...]
    """Warnings that readers of the board must see."""
    imagenet_g: str
    created_utc: str
    verification: Verification | None
    # Absent where empty: reviews were written before there were siblings.
    siblings: Annotated[dict[str, SiblingFinding], Field(exclude_if=lambda value: not value)] = Field(
        default_factory=dict
    )
    """By split."""


def find_review_path(submission: Path) -> Path:
    """The path of a submission's review.

    Example:
        >>> find_review_path(Path("mini/lab__resnet.json")).name
        'lab__resnet.review.json'
    """
    return submission.with_name(submission.name.removesuffix(SUFFIX) + REVIEW_SUFFIX)


def make_review(
    report: ValidationReport,
    verification: Verification | None = None,
    siblings: Mapping[str, SiblingFinding] = MappingProxyType({}),
) -> Review:
    """A review from an accepted report; who read labels is flagged and at most self-reported, so not ranked.

    Raises:
        InputError: The submission was refused.
    """
    if not report.accepted or report.trust is None or report.submission_sha256 is None:
        raise InputError(f"'{report.file}' was refused and cannot be reviewed. Correct it first.")
    trust: Literal["self-reported", "recomputed", "verified"] = (
        "recomputed" if report.trust == "recomputed" else "self-reported"
    )
    if verification:
        trust = "verified"
    flags = tuple(problem for problem in report.problems if problem.severity == "warning")
    if read := [ref for ref, finding in siblings.items() if finding.labels_read]:
        trust = "self-reported"
        flags += tuple(warning(LABELS_READ, ref, LABELS_READ_TEXT) for ref in read)
    environment = make_environment()
    return Review(
        submission_sha256=report.submission_sha256,
        trust=trust,
        # Errors do not reach a review, and notes are for the author alone.
        flags=flags,
        imagenet_g=environment.imagenet_g,
        created_utc=environment.created_utc,
        verification=verification,
        siblings=dict(siblings),
    )


def write_review(submission: Path, review: Review) -> Path:
    """Write a review beside its submission and return its path."""
    path = find_review_path(submission)
    write_text(path, review.model_dump_json(indent=2) + "\n")
    return path


def load_review(submission: Path) -> Review | str:
    """The review of exactly these bytes, or the reason why it is missing."""
    path = find_review_path(submission)
    if not path.exists():
        return "it has no review; run 'imagenet-g validate --record' on it"
    # A reason and no exception: one damaged review must not keep all others from the board.
    try:
        review = Review.model_validate(read_json(path)[1])
    except (UntrustedFileError, ValidationError):
        return f"its review '{path.name}' cannot be read; run 'imagenet-g validate --record' again"
    # The bytes and not the seal: the seal is computed by whoever writes the file, and can be computed again.
    if review.submission_sha256 != hash_file(submission):
        return "it was edited after its review; run 'imagenet-g validate --record' again"
    return review
