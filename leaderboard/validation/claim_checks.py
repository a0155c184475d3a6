"""A submission checked against itself: names, statement, model, numbers. No file is opened here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.naming.libraries import find_library, list_schemes
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import MetricEstimate, ModelRecord, Preprocessing
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

INTERPOLATIONS = ("bicubic", "bilinear", "nearest", "lanczos", "box", "hamming", "area", "random")
# The package's small models take 32 pixels, timm's EfficientNet-L2 takes 800: a number outside is a mistake.
MIN_INPUT_PX, MAX_INPUT_PX = 32, 1024
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


def check_model(submission: Submission) -> Iterator[Problem]:
    """Whether the model's record is possible, and whether it can be run again."""
    model = submission.result.model
    yield from check_library(model)
    if model.num_parameters == 0:
        yield error("impossible", "model.num_parameters", "a model has parameters; found 0")
    if model.num_outputs != 1000 and model.class_map is None:
        yield error("impossible", "model.num_outputs", f"{model.num_outputs} outputs need a class map")
    if set(model.weights_sha256) == {"0"}:
        # The placeholder of a record that was never filled in.
        yield error("impossible", "model.weights_sha256", "is all zeros, which is not the hash of a file")
    yield from check_preprocessing(model.preprocessing)


def check_library(model: ModelRecord) -> Iterator[Problem]:
    """Whether a known library loads the model, and whether the record has what it needs."""
    scheme, _, rest = model.spec.partition(":")
    try:
        library = find_library(scheme)
    except UnknownNameError:
        yield _name_known_libraries(model.spec)
        return
    except InputError as problem:
        yield error("bad-model", "model.spec", str(problem))
        return
    if not rest:
        yield _name_known_libraries(model.spec)
    if not library.runs_again:
        yield warning("private-model", "model.spec", "is code of its authors: others cannot run it by name")
    if library.needs_prompts and model.zero_shot is None:
        yield error("preprocessing", "model.zero_shot", f"a model of {scheme} needs its prompts recorded")


def _name_known_libraries(spec: str) -> Problem:
    known = ", ".join(list_schemes())
    return error(
        "bad-model",
        "model.spec",
        f"{spec!r} is not a model spec; known: {known}. If another package registers its model library, "
        "install that package before validating",
    )


def check_preprocessing(found: Preprocessing) -> Iterator[Problem]:
    """Whether images are prepared the way a trained network can have been."""
    where = "model.preprocessing"
    if not all(MIN_INPUT_PX <= side <= MAX_INPUT_PX for side in found.input_size_px):
        yield error(
            "preprocessing", where, f"input of {found.input_size_px} px; expected {MIN_INPUT_PX} to 1024"
        )
    if found.interpolation == "unknown":
        yield warning("preprocessing", where, "how images are resized is unknown; a reviewer must ask")
    elif found.interpolation.lower() not in INTERPOLATIONS:
        yield error("preprocessing", where, f"unknown interpolation {found.interpolation!r}")
    # A fraction and not percent; published models crop to 0.875 or more, so a half is generous.
    if found.crop_fraction is not None and not 0.5 <= found.crop_fraction <= 1.0:
        yield error("preprocessing", where, f"crop fraction {found.crop_fraction} is outside 0.5 to 1")
    if found.mean is not None and not (
        len(found.mean) == 3 and all(-0.01 <= value <= 1 for value in found.mean)
    ):
        yield error("preprocessing", where, f"mean {found.mean} is not a colour of pixels in [0, 1]")
    if found.std is not None and not (len(found.std) == 3 and all(0 < value <= 1.01 for value in found.std)):
        yield error("preprocessing", where, f"std {found.std} is not a spread of pixels in [0, 1]")
    if not found.description.strip():
        yield error("preprocessing", where, "the transform is not described")


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
