"""A submission among the others: look-alike names, copies, and what changed since the last one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.leaderboard.submissions.names import find_lookalike
from imagenet_g.leaderboard.submissions.problems import Problem, error, note, warning
from imagenet_g.leaderboard.submissions.submission import Submission, make_stem
from imagenet_g.leaderboard.validation.identity_checks import is_same_preprocessing, ships

WEIGHTY_FIELDS = ("training_data", "generated_training_data", "supervision")
"""A change of these moves a model to another group of the board."""


@dataclass(frozen=True, slots=True)
class KnownSubmission:
    """A submission that is already in the folder."""

    path: Path
    submission: Submission
    reviewed: bool = False
    """Whether it has been accepted: its review is of these bytes."""


def check_peers(
    submission: Submission, others: Sequence[KnownSubmission], *, reviewed: bool = False
) -> Iterator[Problem]:
    """Findings against submissions of every version, except the earlier file of the same model.

    Args:
        submission: The newcomer.
        others: The others; a newcomer among them is no reason to doubt a submission that has been accepted.
        reviewed: Whether this one has been accepted.
    """
    strangers = list_strangers(submission, others, reviewed=reviewed)
    yield from check_names(submission, strangers)
    yield from check_copies(submission, [k for k in strangers if k.submission.version == submission.version])
    for known in others:
        if _is_same(known.submission, submission):
            yield from explain_change(known.submission, submission)


def list_strangers(
    submission: Submission, others: Sequence[KnownSubmission], *, reviewed: bool
) -> list[KnownSubmission]:
    """Submissions of other models that stand before this one, so that a likeness is this one's to explain.

    Before an accepted one stand those that have been accepted too; before a new one stand all, because of two
    in one request neither was first. Who was made from this one, by its own words, does not stand before it.
    A forged review gains nothing: the accepted ones stand before it all the same.
    """
    return [
        known
        for known in others
        if not _is_same(known.submission, submission)
        and (known.reviewed or not reviewed)
        and not (reviewed and names_kin(known.submission, submission))
    ]


def _is_same(one: Submission, other: Submission) -> bool:
    return (make_stem(one.statement), one.version) == (make_stem(other.statement), other.version)


def names_kin(submission: Submission, other: Submission) -> bool:
    """Whether a statement names another's model, as what its own was made from, in its notes or its data."""
    texts = (submission.statement.notes, submission.statement.training_data_details)
    # As a word: "Net" is not named by "ResNet".
    pattern = rf"(?<!\w){re.escape(other.statement.model)}(?!\w)"
    return any(re.search(pattern, text, re.IGNORECASE) for text in texts if text)


def check_names(submission: Submission, others: Sequence[KnownSubmission]) -> Iterator[Problem]:
    """Names that a reader would take for another model or organisation."""
    statement = submission.statement
    models = {known.submission.statement.model for known in others}
    organisations = {known.submission.statement.organisation for known in others}
    if twin := find_lookalike(statement.model, sorted(models)):
        yield error("look-alike", "statement.model", f"{statement.model!r} looks like '{twin}' on the board")
    if twin := find_lookalike(statement.organisation, sorted(organisations)):
        yield error(
            "look-alike",
            "statement.organisation",
            f"{statement.organisation!r} looks like '{twin}' on the board",
        )


def check_copies(submission: Submission, others: Sequence[KnownSubmission]) -> Iterator[Problem]:
    """The same weights or the same predictions under another name."""
    ours = {entry.predictions.sha256: entry.split.ref for entry in submission.result.entries}
    for known in others:
        name = known.submission.statement.model
        result = known.submission.result
        yield from _check_weights(submission, known)
        if result.model.weights_sha256 == submission.result.model.weights_sha256:
            same = is_same_preprocessing(result.model.preprocessing, submission.result.model.preprocessing)
            how = "and the same preprocessing" if same else "with other preprocessing"
            # The same weights with another input size can be a fair comparison, which a reviewer must see.
            finding = error if same else warning
            advice = (
                "to replace it, submit under its organisation and name"
                if same
                else "say in statement.notes why both belong on the board"
            )
            yield finding(
                "duplicate", "model.weights_sha256", f"'{name}' has the same weights {how}; {advice}"
            )
            continue
        shared = sorted({ours[e.predictions.sha256] for e in result.entries if e.predictions.sha256 in ours})
        if shared:
            yield error("copied", shared[0], f"the predictions are those of '{name}', byte for byte")
        elif alike := _find_equal_scores(submission, known.submission):
            yield warning("identical", alike, f"every score equals that of '{name}'; is it the same model?")


def _check_weights(submission: Submission, known: KnownSubmission) -> Iterator[Problem]:
    """Whether a model that another submission names alike has the same weights."""
    ours, theirs = submission.result.model, known.submission.result.model
    if ours.spec != theirs.spec or ours.spec.endswith(OWN_WEIGHTS) or ours.revision != theirs.revision:
        return
    if ours.weights_sha256 != theirs.weights_sha256:
        # What ships never changes under its name; elsewhere a publisher may have renewed its weights.
        finding = error if ships(ours) else warning
        yield finding(
            "other-weights",
            "model.weights_sha256",
            f"'{ours.spec}' has other weights than in the submission '{known.submission.statement.model}'",
        )


def _find_equal_scores(one: Submission, other: Submission) -> str | None:
    theirs = {entry.split.ref: entry.scores for entry in other.result.entries}
    shared = [entry for entry in one.result.entries if entry.split.ref in theirs]
    equal = shared and all(entry.scores == theirs[entry.split.ref] for entry in shared)
    return shared[0].split.ref if equal else None


def explain_change(before: Submission, after: Submission) -> Iterator[Problem]:
    """What differs from the model's earlier submission: statement, model, run, and split by split."""
    if before.seal == after.seal:
        return
    yield note("resubmission", "file", "replaces the earlier submission of this model, whose review is void")
    yield from _explain_statement(before, after)
    if before.result.model.weights_sha256 != after.result.model.weights_sha256:
        yield warning(
            "changed", "model.weights_sha256", "the weights are not those of the earlier submission"
        )
    if before.result.model.preprocessing != after.result.model.preprocessing:
        yield warning("changed", "model.preprocessing", "differs from the earlier submission")
    yield from _explain_entries(before, after)


def _explain_statement(before: Submission, after: Submission) -> Iterator[Problem]:
    if before.statement.model != after.statement.model:
        yield warning("changed", "statement.model", f"the model was called '{before.statement.model}'")
    old, new = before.statement.model_dump(), after.statement.model_dump()
    for field in [field for field in old if field != "model" and old[field] != new[field]]:
        finding = warning if field in WEIGHTY_FIELDS else note
        yield finding("changed", f"statement.{field}", f"was {old[field]!r}, is {new[field]!r}")


def _explain_entries(before: Submission, after: Submission) -> Iterator[Problem]:
    old = {entry.split.ref: entry for entry in before.result.entries}
    new = {entry.split.ref: entry for entry in after.result.entries}
    for ref in sorted(set(old) - set(new)):
        yield warning("changed", ref, "was in the earlier submission and is gone")
    for ref in sorted(set(new) - set(old)):
        yield note("changed", ref, "is new since the earlier submission")
    for ref in sorted(set(old) & set(new)):
        was, now = choose_headline(old[ref]).top1.value, choose_headline(new[ref]).top1.value
        if was != now:
            # Half a point is more than another machine or library explains.
            finding = warning if abs(now - was) > 0.005 else note
            yield finding("changed", ref, f"top-1 was {100 * was:.2f} %, is {100 * now:.2f} %")
        elif old[ref].predictions.sha256 != new[ref].predictions.sha256:
            yield note("changed", ref, "other predictions with the same top-1")
        precisions = old[ref].predictions.run.dtype, new[ref].predictions.run.dtype
        if precisions[0] != precisions[1]:
            yield note("changed", ref, f"was run in {precisions[0]}, is in {precisions[1]}")
