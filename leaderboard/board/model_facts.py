"""What a submission says of its model and of how its numbers came about, for the model's own page."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import FileModel, Preprocessing, Sha256, ZeroShot
from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.submissions.reviews import Review
from imagenet_g.leaderboard.submissions.submission import Submission, make_stem
from imagenet_g.leaderboard.validation.second_runs.running import HashedInputs, make_command

OUT = Path("again")
"""Where the command that reproduces a row writes its result."""


class RunFacts(FileModel):
    """How the predictions on one split were made."""

    split: str
    started_utc: str
    device_name: str
    dtype: str
    backend: str
    predictions_sha256: Sha256


class SubmissionFacts(FileModel):
    """One reviewed submission, without its numbers, which are rows of the board."""

    version: str
    model_id: str
    submission_sha256: Sha256
    authors: tuple[str, ...]
    training_data_details: str | None
    license: str | None
    notes: str | None
    weights_sha256: Sha256
    revision: str | None
    num_outputs: int
    class_map: str | None
    preprocessing: Preprocessing
    zero_shot: ZeroShot | None
    trained_until: str | None
    rerun: tuple[str, ...]
    """Words of the command that runs the model again, unquoted; empty where none can be given."""
    rerun_note: str | None
    """What else the command needs, or the reason for its absence."""
    written_utc: str
    """When the result was computed from the predictions."""
    reviewed_utc: str
    verified_by: str | None
    verified_utc: str | None
    runs: tuple[RunFacts, ...]


def make_model_facts(submission: Submission, review: Review) -> SubmissionFacts:
    """The facts of one submission; its authors' command is left out, because a reader might paste it."""
    statement, result, verification = submission.statement, submission.result, review.verification
    model = result.model
    rerun, note = make_rerun(submission)
    return SubmissionFacts(
        version=submission.version,
        model_id=make_stem(statement),
        submission_sha256=review.submission_sha256,
        authors=statement.authors,
        training_data_details=statement.training_data_details,
        license=statement.license,
        notes=statement.notes,
        weights_sha256=model.weights_sha256,
        revision=model.revision,
        num_outputs=model.num_outputs,
        class_map=model.class_map,
        preprocessing=model.preprocessing,
        zero_shot=model.zero_shot,
        trained_until=None if model.trained_until is None else model.trained_until.isoformat(),
        rerun=rerun,
        rerun_note=note,
        written_utc=result.environment.created_utc,
        reviewed_utc=review.created_utc,
        verified_by=None if verification is None else verification.by,
        verified_utc=None if verification is None else verification.created_utc,
        runs=tuple(_make_run(entry) for entry in result.entries),
    )


def _make_run(entry: Entry) -> RunFacts:
    run = entry.predictions.run
    return RunFacts(
        split=entry.split.ref,
        started_utc=run.started_utc,
        device_name=run.device_name,
        dtype=run.dtype,
        backend=run.backend,
        predictions_sha256=entry.predictions.sha256,
    )


def make_rerun(submission: Submission) -> tuple[tuple[str, ...], str | None]:
    """Words of the `evaluate` that repeats a submission, and what it needs besides.

    Made from the parts of the record, and not the command that the authors state: theirs may be anything.
    """
    model = submission.result.model
    inputs, needed = _name_inputs(submission)
    try:
        words = make_command(submission, OUT, (), inputs)
    except ImagenetGError as problem:
        return (), str(problem)
    kinds = {gap.reference.kind for entry in submission.result.entries for gap in entry.gaps}
    if kinds == {"published"}:
        words.append("--reference=published")
    if not all(word.isprintable() for word in words):
        return (), "A name in the record has characters that cannot be typed."
    if model.class_map is not None and "packaged:" not in model.spec:
        needed.append("--class-map FILE, where the model does not bring the class of each output")
    return ("imagenet-g", *words), f"It needs {'; '.join(needed)}." if needed else None


def _name_inputs(submission: Submission) -> tuple[HashedInputs, list[str]]:
    """Names in the place of files that a submission has only the hash of, and what they stand for."""
    model, texts = submission.result.model, submission.result.model.zero_shot
    weights = Path("WEIGHTS") if model.spec.endswith(OWN_WEIGHTS) else None
    prompts = Path("TEMPLATES") if texts is not None and texts.templates.startswith("own-") else None
    names = Path("CLASS_NAMES") if texts is not None and texts.class_names is not None else None
    given = HashedInputs(checkpoint=weights, templates=prompts, class_names=names)
    return given, [f"the authors' own file for {place}" for place in (weights, prompts, names) if place]
