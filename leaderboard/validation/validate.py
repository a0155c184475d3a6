"""One submission, hostile until proved otherwise, to one report with everything that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.lines.version_lines import list_shipped_lines
from imagenet_g.benchmark.results import SCHEMA_VERSION, STATISTICS_VERSION
from imagenet_g.benchmark.robustness.attach import Baseline
from imagenet_g.benchmark.robustness.measured_sets import load_measured_baseline
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.leaderboard.submissions.problems import (
    IMPLAUSIBLE,
    Problem,
    Trust,
    ValidationReport,
    error,
)
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.submissions.submission import REVIEW_SUFFIX, SUFFIX, Submission
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.validation.claim_checks import (
    check_consistency,
    check_entries,
    check_place,
    check_seal,
    check_statement,
    check_statistics,
)
from imagenet_g.leaderboard.validation.evidence_checks import check_evidence
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.flag_checks import check_flag_rules
from imagenet_g.leaderboard.validation.identity_checks import (
    check_identity,
    check_known_weights,
    check_secrets,
)
from imagenet_g.leaderboard.validation.likeness.findings import check_likeness
from imagenet_g.leaderboard.validation.lines import load_tables
from imagenet_g.leaderboard.validation.model_checks import check_model
from imagenet_g.leaderboard.validation.peers import (
    KnownSubmission,
    check_peers,
    list_strangers,
)
from imagenet_g.leaderboard.validation.plausibility.findings import check_plausibility
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.time_checks import check_times

# A stranger's file can break every field; the report must stay readable.
MAX_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class ValidationContext:
    """What a submission is checked with.

    Attributes:
        store: Available splits.
        others: Submissions that are already there.
        baselines: Published tables and available measured baselines.
    """

    store: SplitStore
    others: Sequence[KnownSubmission] = ()
    baselines: Sequence[Baseline] = field(default_factory=load_tables)


def validate_submission(path: Path, context: ValidationContext) -> ValidationReport:
    """Everything that is wrong with a submission file and the predictions beside it."""
    try:
        data, content = read_json(path)
    except UntrustedFileError as refused:
        return make_report(path, None, None, [error("unreadable", path.name, str(refused))])
    sha256 = hash_bytes(data)
    # First and alone: other findings quote the file, and a report may be public.
    if secrets := list(check_secrets(data, content)):
        return make_report(path, sha256, None, secrets)
    submission, problems = parse_submission(content)
    if submission is None:
        return make_report(path, sha256, None, problems)
    files = list_predictions(path, submission)
    others = [other for other in context.others if other.path != path.absolute()]
    reviewed = is_reviewed(path)
    strangers = list_strangers(submission, others, reviewed=reviewed)
    problems += [
        *check_seal(submission, content),
        *check_place(submission, path.absolute()),
        *check_statement(submission),
        *check_identity(submission),
        *check_known_weights(submission),
        *check_consistency(submission),
        *check_model(submission),
        *check_statistics(submission),
        *check_flag_rules(submission.result),
        *check_entries(submission),
        *check_times(submission),
        *check_peers(submission, others, reviewed=reviewed),
        *check_likeness(submission, files, strangers),
        *check_plausibility(submission, files, strangers),
    ]
    findings = check_evidence(submission, files, context.store, context.baselines)
    refs = {entry.split.ref for entry in submission.result.entries}
    doubted = any(problem.code == IMPLAUSIBLE for problem in problems)
    trust: Trust = "recomputed" if refs == findings.recomputed and not doubted else "self-reported"
    report = make_report(path, sha256, submission, [*problems, *findings.problems], trust=trust)
    return dispel_doubts(report) if is_verified(path) else report


def dispel_doubts(report: ValidationReport) -> ValidationReport:
    """The report on a submission whose model gave the same answers in a second run: no doubt refuses it."""
    problems = [
        problem.model_copy(update={"severity": "warning"}) if problem.code == IMPLAUSIBLE else problem
        for problem in report.problems
    ]
    accepted = report.model is not None and all(problem.severity != "error" for problem in problems)
    trust = report.trust or ("self-reported" if accepted else None)
    return report.model_copy(update={"problems": tuple(problems), "accepted": accepted, "trust": trust})


def parse_submission(content: object) -> tuple[Submission | None, list[Problem]]:
    """A submission from parsed JSON, or one problem for each broken field."""
    if isinstance(content, dict):
        result = content.get("result")
        inside = result if isinstance(result, dict) else {}
        for where, number, newest in (
            ("schema_version", content.get("schema_version"), 1),
            ("result.schema_version", inside.get("schema_version"), SCHEMA_VERSION),
            ("result.statistics", inside.get("statistics"), STATISTICS_VERSION),
        ):
            if isinstance(number, int) and not isinstance(number, bool) and number > newest:
                message = f"is {number}; this release reads up to {newest}. Update it, or submit with it"
                return None, [error("future-schema", where, message)]
    try:
        return Submission.model_validate(content), []
    except ValidationError as broken:
        return None, [
            error("schema", ".".join(map(str, problem["loc"])) or "file", problem["msg"])
            for problem in broken.errors()[:MAX_PROBLEMS]
        ]


def make_report(
    path: Path,
    sha256: str | None,
    submission: Submission | None,
    problems: Sequence[Problem],
    *,
    trust: Trust = "self-reported",
) -> ValidationReport:
    """A report; it accepts when nothing is an error."""
    accepted = submission is not None and all(problem.severity != "error" for problem in problems)
    return ValidationReport(
        file=path.name,
        submission_sha256=sha256,
        accepted=accepted,
        trust=trust if accepted else None,
        model=submission.statement.model if submission else None,
        version=submission.version if submission else None,
        splits=tuple(entry.split.ref for entry in submission.result.entries) if submission else (),
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def list_submission_files(root: Path) -> tuple[Path, ...]:
    """Submission files below a folder, or the one file; without reviews."""
    if not root.is_dir():
        return (root,)
    found = (path for path in root.rglob(f"*__*{SUFFIX}") if not path.name.endswith(REVIEW_SUFFIX))
    return tuple(sorted(path for path in found if path.is_file()))


def load_known_submissions(root: Path) -> tuple[KnownSubmission, ...]:
    """Every readable submission below a folder; `validate` reports the others."""
    paths = list_submission_files(root) if root.is_dir() else ()
    return tuple(known for path in paths for known in load_known(path))


def load_known(path: Path) -> tuple[KnownSubmission, ...]:
    """The submission in a file; nothing where it cannot be read."""
    try:
        submission, _ = parse_submission(read_json(path)[1])
    except UntrustedFileError:
        return ()
    return () if submission is None else (KnownSubmission(path.absolute(), submission, is_reviewed(path)),)


def is_reviewed(path: Path) -> bool:
    """Whether a maintainer's review is of exactly these bytes: the submission has been accepted."""
    return isinstance(load_review(path), Review)


def is_verified(path: Path) -> bool:
    """Whether a maintainer ran the model of exactly these bytes again, and got the same answers."""
    review = load_review(path)
    return isinstance(review, Review) and review.trust == "verified"


def load_known_baselines(root: Path, given: Sequence[Path] = ()) -> tuple[Baseline, ...]:
    """The published tables, the lines that ship, those in `<root>/<version>/baselines/`, and given files.

    Raises:
        DataError: A file is missing or malformed.
    """
    stored = sorted(root.glob("*/baselines/*.json")) if root.is_dir() else []
    shipped = (line for version in load_versions() for line in list_shipped_lines(version))
    found: tuple[Baseline, ...] = (*load_tables(), *shipped, *map(load_measured_baseline, [*stored, *given]))
    # A line that ships with its version may also be stored with the submissions.
    return tuple({one.sha256: one for one in found}.values())
