"""A submission checked against itself: names, statement, numbers. No file is opened here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Score
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.leaderboard.submissions.names import (
    explain_bad_contact,
    explain_bad_name,
    explain_bad_text,
    explain_bad_url,
)
from imagenet_g.leaderboard.submissions.problems import Problem, error, note, warning
from imagenet_g.leaderboard.submissions.submission import (
    SUFFIX,
    Submission,
    compute_seal,
    make_predictions_path,
    make_stem,
)

MAX_UNSCORED = 0.01
"""Share of images without an answer, such as files that cannot be decoded; more is a broken copy."""
_TOLERANCE = 1e-9


def check_seal(submission: Submission, content: object) -> Iterator[Problem]:
    """Whether the file's content, as parsed from its JSON, is what was written."""
    if not isinstance(content, dict) or compute_seal(content) != submission.seal:
        yield error(
            "edited",
            "seal",
            "the file was edited after it was written; make it again with 'imagenet-g submit'",
        )


def check_place(submission: Submission, path: PurePath) -> Iterator[Problem]:
    """Whether the file's path matches its content."""
    expected = f"{make_stem(submission.statement)}{SUFFIX}"
    if path.name != expected:
        yield error("wrong-place", "file name", f"is '{path.name}'; by its names it must be '{expected}'")
    if path.parent.name != submission.version:
        yield error(
            "wrong-place",
            "folder",
            f"lies in '{path.parent.name}'; version '{submission.version}' belongs in its own",
        )


def check_statement(submission: Submission) -> Iterator[Problem]:
    """Whether names may be shown on the board, and addresses lead to a person."""
    statement = submission.statement
    for field, name in (("organisation", statement.organisation), ("model", statement.model)):
        if reason := explain_bad_name(name):
            yield error("bad-name", f"statement.{field}", f"{name!r} {reason}")
    if statement.family is not None and (reason := explain_bad_name(statement.family)):
        yield error("bad-name", "statement.family", reason)
    for field, text in _list_texts(submission):
        if reason := explain_bad_text(text):
            yield error("bad-text", f"statement.{field}", f"{text!r} {reason}")
    if reason := explain_bad_contact(statement.contact):
        yield error("bad-contact", "statement.contact", f"{statement.contact!r} {reason}")
    if statement.url is not None and (reason := explain_bad_url(statement.url)):
        yield error("bad-address", "statement.url", f"{statement.url!r} {reason}")


def _list_texts(submission: Submission) -> Iterator[tuple[str, str]]:
    statement = submission.statement
    yield from (("authors", author) for author in statement.authors)
    yield from (("generated_training_data", name) for name in statement.generated_training_data or ())
    for field in ("training_data_details", "license", "notes"):
        if text := getattr(statement, field):
            yield field, text


def check_consistency(submission: Submission) -> Iterator[Problem]:
    """Whether the statement and the model's own record agree."""
    statement, model = submission.statement, submission.result.model
    recorded = model.training_data
    known_both = recorded is not None and statement.training_data != "unknown"
    if known_both and (recorded == "imagenet-1k") != (statement.training_data == "imagenet-1k"):
        yield error(
            "contradiction",
            "statement.training_data",
            f"is '{statement.training_data}'; the result's model has '{recorded}'",
        )
    stated, known = statement.generated_training_data, model.generated_training_data
    if known and stated is not None and not set(known) <= set(stated):
        yield error(
            "contradiction",
            "statement.generated_training_data",
            f"leaves out {', '.join(sorted(set(known) - set(stated)))}, which the result's model names",
        )
    if (model.zero_shot is not None) != (statement.supervision == "zero-shot"):
        yield error(
            "contradiction",
            "statement.supervision",
            f"is '{statement.supervision}'; its head is {'' if model.zero_shot else 'not '}zero-shot",
        )


def check_statistics(submission: Submission) -> Iterator[Problem]:
    """Whether the numbers follow the rules of today; those of an older version are checked by its own."""
    if (statistics := submission.result.statistics) < STATISTICS_VERSION:
        yield note(
            "old-statistics",
            "result.statistics",
            f"old statistics: the numbers follow version {statistics}, by whose rules they are checked; this "
            f"release computes version {STATISTICS_VERSION}. Bring them up from the stored predictions with "
            "'imagenet-g score --upgrade FILE'",
        )


def check_entries(submission: Submission) -> Iterator[Problem]:
    """Whether every split comes once, is complete, and belongs to one version."""
    entries = submission.result.entries
    if not any(entry.split.version == submission.version for entry in entries):
        yield error("no-split", "entries", f"there is no split of version '{submission.version}'")
    for ref, times in Counter(entry.split.ref for entry in entries).items():
        if times > 1:
            yield error("repeated-split", ref, f"comes {times} times; one entry a split")
    # By their predictions: the gap of a filtered view is from a view of the clean set.
    references = {gap.reference.predictions_sha256 for entry in entries for gap in entry.gaps}
    for entry in entries:
        ref = entry.split.ref
        try:
            parsed = parse_split_ref(ref)
        except ImagenetGError as problem:
            yield error("unknown-split", ref, str(problem))
            continue
        if entry.label_rule is not None:
            yield error("other-labels", ref, "was scored with --pairs; a submission has the split's labels")
        if parsed.kind == "folder":
            yield error("private-split", ref, "is your own folder, which others cannot check")
        if entry.split.version != parsed.version or parsed.view != entry.split.view:
            yield error(
                "contradiction", ref, "the split's version or view is not the one its reference names"
            )
        # The measured clean set is an entry too, and of another version by nature.
        if entry.split.version != submission.version and entry.predictions.sha256 not in references:
            yield error(
                "other-version", ref, f"is not of version '{submission.version}'; submit versions apart"
            )
        yield from check_entry(entry, make_stem(submission.statement))


def _check_extent(entry: Entry) -> Iterator[Problem]:
    """Whether all images were run, and count, by the set's own labels."""
    ref = entry.split.ref
    if entry.partial:
        yield error("partial", ref, f"only {entry.limit} images were run; run without --limit")
    if entry.relabelled is not None:
        yield error("relabelled", ref, f"is scored by {entry.relabelled.name} labels; submit the set's own")
    if entry.unscored_count_as == "left-out" and entry.n_unscored:
        yield error(
            "left-out", ref, f"{entry.n_unscored} images were left out; run without --skip-unreadable"
        )


def check_entry(entry: Entry, stem: str) -> Iterator[Problem]:
    """One entry's numbers against each other."""
    ref = entry.split.ref
    yield from _check_extent(entry)
    if entry.n == 0 or not entry.scores:
        yield error("impossible", ref, "there is no image or no score")
    if entry.n_unscored > entry.n:
        yield error("impossible", ref, f"{entry.n_unscored} unscored of {entry.n} images")
    elif entry.n_unscored > MAX_UNSCORED * entry.n:
        message = (
            f"{entry.n_unscored} of {entry.n} images have no answer; the images or the model are damaged"
        )
        yield error("no-answers", ref, message)
    elif entry.n_unscored:
        yield warning("no-answers", ref, f"{entry.n_unscored} of {entry.n} images have no answer; ask why")
    expected = str(make_predictions_path(stem, entry))
    if entry.predictions.file != expected:
        yield error(
            "bad-path", ref, f"predictions lie at {entry.predictions.file!r}; they must be at '{expected}'"
        )
    run = entry.predictions.run
    # The seconds of a run that was resumed, or joined from shares, are sums; each holds its warm-up.
    if run.batch_size == 0 or run.images_per_second < 0 or run.seconds < (run.warm_up_seconds or 0.0):
        yield error("impossible", ref, "batch size, seconds or speed of the run cannot be")
    for score in entry.scores:
        yield from check_score(score, entry.n, ref)
    for gap in entry.gaps:
        bounds = (gap.low, gap.high)
        if None not in bounds and not _encloses(gap.low, gap.value, gap.high):
            yield error("impossible", ref, f"gap {gap.value} lies outside its interval")


def check_score(score: Score, num_images: int, ref: str) -> Iterator[Problem]:
    """Values that their metrics allow, and that agree with one another."""
    for name, estimate in score.metrics.items():
        where = f"{ref} ({score.outputs}): {name}"
        metric = load_metrics().get(name)
        if metric is None:
            # Of a package that is not installed: `compare_numbers` warns that it was not recomputed.
            continue
        yield from check_estimate(metric, estimate, num_images, where)
        floor = score.metrics.get(metric.not_below or "")
        if floor is not None and estimate.value < floor.value - _TOLERANCE:
            yield error(
                "impossible", where, f"{estimate.value:.6f} is below {metric.not_below}, {floor.value:.6f}"
            )


def check_estimate(
    metric: Metric, estimate: MetricEstimate, num_images: int, where: str
) -> Iterator[Problem]:
    """One value against its metric's bounds, its own interval and its own count."""
    for number in (estimate.value, estimate.low, estimate.high):
        if number is not None and not metric.allows(number):
            message = f"{number} is outside the bounds {metric.low} to {metric.high} of {metric.title}"
            yield error("impossible", where, message)
    if not _encloses(estimate.low, estimate.value, estimate.high):
        yield error("impossible", where, f"{estimate.value} lies outside its interval")
    right = estimate.right
    if right is None:
        return
    if right > num_images:
        yield error("impossible", where, f"{right} right answers on {num_images} images")
    if num_images and not math.isclose(estimate.value, right / num_images, abs_tol=_TOLERANCE):
        yield error("impossible", where, f"is {estimate.value:.6f}, but {right} of {num_images} are right")


def _encloses(low: float | None, value: float, high: float | None) -> bool:
    above = low is None or low <= value + _TOLERANCE
    return above and (high is None or value <= high + _TOLERANCE)
