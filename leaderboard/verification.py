"""A second run held against a submission."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.entries import choose_headline
from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.result_files import RESULT_NAME, load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.slugs import make_slug
from imagenet_g.leaderboard.reviews import Verification
from imagenet_g.leaderboard.submissions import Submission
from imagenet_g.leaderboard.untrusted import read_json
from imagenet_g.leaderboard.validation import parse_submission

MAX_DIFFERENCE = 0.003
"""Another machine or library moves a few images near a tie; half a point is another model."""
RUNNABLE = ("timm", "open_clip", "torchvision", "wheel")


def load_second_run(path: Path, given: Path | None, out: Path, data: Sequence[str]) -> Result:
    """The maintainer's result: the one given, or a fresh one of the same model on the same splits.

    Raises:
        InputError: The model cannot be run by name, or the run failed.
    """
    if given is not None:
        return load_result(given)
    submission = load_submission(path)
    words = make_command(submission, out, data)
    if main(words) != 0:
        raise InputError(f"The second run failed: imagenet-g {' '.join(words)}")
    return load_result(out / make_slug(submission.result.model.spec) / RESULT_NAME)


def load_submission(path: Path) -> Submission:
    """A submission that was validated before.

    Raises:
        UntrustedFileError: It does not parse.
    """
    submission, problems = parse_submission(read_json(path)[1])
    if submission is None:
        raise UntrustedFileError(f"'{path}' is no submission: {problems[0].message}")
    return submission


def make_command(submission: Submission, out: Path, data: Sequence[str]) -> list[str]:
    """Words of the `evaluate` that repeats a submission.

    Raises:
        InputError: Its model is code of its authors, which is never run from a submission.
    """
    spec = submission.result.model.spec
    if spec.split(":", 1)[0] not in RUNNABLE:
        raise InputError(f"'{spec}' is not run from a submission. Run it yourself and give --result.")
    references = {
        gap.reference.set
        for entry in submission.result.entries
        for gap in entry.gaps
        if gap.reference.kind == "measured"
    }
    words = ["evaluate", f"--model={spec}", f"--out={out}"]
    words += [f"--split={entry.split.ref}" for entry in submission.result.entries]
    words += [f"--data={pair}" for pair in data]
    return words + [f"--reference={reference}" for reference in sorted(references)]


def verify_run(path: Path, again: Result, *, by: str) -> Verification:
    """Compare a second run with the submission.

    Raises:
        InputError: Weights differ, a split is missing, or a score is more than `MAX_DIFFERENCE` off.
    """
    submission = load_submission(path)
    if again.model.weights_sha256 != submission.result.model.weights_sha256:
        raise InputError("The second run used other weights; it verifies nothing.")
    theirs = {entry.split.ref: entry for entry in again.entries}
    differences = {}
    for entry in submission.result.entries:
        ref = entry.split.ref
        other = theirs.get(ref)
        if other is None or other.split.content_sha256 != entry.split.content_sha256 or other.partial:
            raise InputError(f"The second run has no whole '{ref}' of the same images.")
        differences[ref] = choose_headline(other).top1.value - choose_headline(entry).top1.value
        if abs(differences[ref]) > MAX_DIFFERENCE:
            raise InputError(
                f"The second run is {100 * differences[ref]:+.2f} points off on '{ref}'; at most "
                f"{100 * MAX_DIFFERENCE:.1f} are allowed. Do not verify; ask the authors."
            )
    run = again.entries[0].predictions.run
    return Verification(
        by=by,
        device=f"{run.device} {run.device_name}",
        created_utc=again.environment.created_utc,
        weights_equal=True,
        differences=differences,
    )
