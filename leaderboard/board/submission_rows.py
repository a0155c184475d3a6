"""Rows of reviewed submissions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from imagenet_g.benchmark.catalogue.origins import restore_origin
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.lineage.flags import describe_flags
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.reports.sentences import read_balanced
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry
from imagenet_g.benchmark.robustness.wording import list_cautions
from imagenet_g.leaderboard.board.rows import NONE, UNKNOWN, RobustnessRow, ScoreRow
from imagenet_g.leaderboard.submissions.reviews import Review
from imagenet_g.leaderboard.submissions.submission import Submission, make_stem


def list_submission_scores(
    submission: Submission, review: Review, *, has_answers: bool
) -> Iterator[ScoreRow]:
    """One row for each entry of the submission's own version; its clean set is not ranked."""
    stem = make_stem(submission.statement)
    for entry in submission.result.entries:
        if entry.split.version == submission.version:
            yield _make_row(submission, stem, entry, review, has_answers=has_answers)


def list_submission_robustness(submission: Submission) -> Iterator[RobustnessRow]:
    """Every effective robustness that came with the submission and was checked with it."""
    stem = make_stem(submission.statement)
    for entry in submission.result.entries:
        for record in entry.effective_robustness if entry.split.version == submission.version else ():
            yield RobustnessRow(
                version=submission.version,
                split=entry.split.ref,
                model_id=stem,
                baseline=record.baseline,
                link=record.link,
                er=record.value,
                er_low=record.low,
                er_high=record.high,
                expected=record.expected_top1,
                axis="",
                # Validation refuses an effective robustness on any other axis.
                same_classes=True,
                extrapolated=record.extrapolated,
                weak=record.weak,
                cautions="\n".join(list_cautions(record)),
            )


def list_flags(entry: Entry, review: Review, *, statistics: int) -> list[str]:
    """Cautions about an entry; the notice of the whole version is not repeated on each row."""
    found = [text for text in entry.warnings if text != entry.split.notice]
    if statistics < STATISTICS_VERSION:
        found.append(f"Old statistics (version {statistics}): 'imagenet-g score --upgrade' renews them.")
    found += [f"{flag.where}: {flag.message}" for flag in review.flags]
    found += [text for gap in entry.gaps for text in read_balanced(gap)]
    found += [f"No ER against {refused.baseline}: {refused.reason}" for refused in entry.no_robustness]
    return list(dict.fromkeys(found))


def list_doubts(submission: Submission, entry: Entry, review: Review) -> list[str]:
    """The gravest cautions about an entry, in a few words: labels read, old statistics, contamination."""
    result, split = submission.result, entry.split
    old = ["old statistics"] if result.statistics < STATISTICS_VERSION else []
    # A damaged release is the fault of this machine: the flags that the file states stay.
    with suppress(DataError):
        split = restore_origin(split, {})
    base = entry.split.base_ref
    finding = review.siblings.get(base)
    read = ["answers used the public images"] if finding is not None and finding.labels_read else []
    return [*read, *old, *describe_flags(entry.model_copy(update={"split": split}), result.model)]


def _make_row(
    submission: Submission, stem: str, entry: Entry, review: Review, *, has_answers: bool
) -> ScoreRow:
    statement, model = submission.statement, submission.result.model
    score = choose_headline(entry)
    gap = entry.gaps[0] if entry.gaps else None
    generated = statement.generated_training_data
    return ScoreRow(
        version=submission.version,
        split=entry.split.ref,
        model_id=stem,
        model=statement.model,
        organisation=statement.organisation,
        trust=review.trust,
        source=f"submission {stem}",
        url=statement.url or "",
        spec=model.spec,
        family=statement.family or UNKNOWN,
        supervision=statement.supervision,
        training_data=statement.training_data,
        generated=UNKNOWN if generated is None else ", ".join(generated) or NONE,
        parameters=model.num_parameters,
        n=entry.n,
        outputs=score.num_outputs,
        metrics=score.metrics,
        clean=gap.reference.top1.value if gap else None,
        clean_kind=gap.reference.kind if gap else "",
        clean_set=gap.reference.set if gap else "",
        same_classes=gap.reference.same_classes if gap else False,
        gap=gap.value if gap else None,
        gap_low=gap.low if gap else None,
        gap_high=gap.high if gap else None,
        flags="\n".join(list_flags(entry, review, statistics=submission.result.statistics)),
        has_answers=has_answers,
        doubts="\n".join(list_doubts(submission, entry, review)),
        throughput=entry.predictions.run.images_per_second or None,
        device=entry.predictions.run.device_name,
        date=submission.result.environment.created_utc[:10],
    )
