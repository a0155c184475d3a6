"""What can be wrong with a submission, and the report that lists all of it."""

from __future__ import annotations

from typing import Literal

from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.redaction import redact

Severity = Literal["error", "warning", "note"]
Trust = Literal["self-reported", "recomputed", "verified", "published"]
TRUST_LEVELS: dict[Trust, str] = {
    "verified": "run again by a maintainer, with the same numbers and, except for rounding, the same answers",
    "recomputed": "every number recomputed from the stored predictions, which cover every image of the split;"
    " not proof that the model gave these answers",
    "self-reported": "as reported by the authors; not every number could be recomputed here",
    "published": "a figure from a paper or a public table, not run by the maintainers",
}
RECOMPUTED_LIMITS = (
    "Recomputing shows that the numbers follow from the answers, not that the model gave them. Answers that "
    "were edited, invented or taken from the labels are not detected for certain if every number is "
    "computed again from them. "
    "'imagenet-g verify-submission' runs the model and compares every answer."
)
"""What the trust level 'recomputed' cannot prove."""
IMPLAUSIBLE = "implausible"
"""Code of what is said of answers that are not such as models give."""
SELF_REPORTED_REASONS = {
    IMPLAUSIBLE: "the answers are not such as models give; not ranked before a second run",
    "no-predictions": "predictions were not given",
    "split-not-on-hand": "a split is not available here",
    "unknown-metric": "a metric could not be computed here",
}
"""What keeps the numbers from being recomputed, by the code of the warning."""
# A stranger's file could otherwise fill a terminal, or the comment on a pull request, with one field.
MAX_TEXT = 300


class Problem(FileModel):
    """One finding."""

    code: str
    """Stable code for programs, such as "wrong-hash"; messages may change, codes do not."""
    severity: Severity
    """An error refuses the submission, a warning is for the reviewer, a note explains."""
    where: str
    """Field, split or file."""
    message: str
    """What is wrong, what is right, what to do next."""


class ValidationReport(FileModel):
    """Everything found in one submission."""

    schema_version: Literal[1] = 1
    file: str
    submission_sha256: str | None
    """Hash of the file's bytes; null where it could not be read."""
    accepted: bool
    trust: Trust | None
    """Level the evidence supports; null for a refused submission."""
    model: str | None
    version: str | None
    splits: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that refuse it."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def error(code: str, where: str, message: str) -> Problem:
    """A finding that refuses the submission."""
    return Problem(code=code, severity="error", where=clip_text(where), message=clip_text(message))


def warning(code: str, where: str, message: str) -> Problem:
    """A finding for the reviewer."""
    return Problem(code=code, severity="warning", where=clip_text(where), message=clip_text(message))


def note(code: str, where: str, message: str) -> Problem:
    """Something worth knowing."""
    return Problem(code=code, severity="note", where=clip_text(where), message=clip_text(message))


def clip_text(text: str) -> str:
    r"""At most `MAX_TEXT` printable characters: what is quoted may come from a hostile file.

    Example:
        >>> clip_text("two\nlines") == "two\N{REPLACEMENT CHARACTER}lines"
        True
        >>> len(clip_text("x" * 1000))
        300
    """
    # Escape sequences would be run by a reader's terminal, and a line break would forge a line of the report.
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in redact(text))
    return printable if len(printable) <= MAX_TEXT else printable[: MAX_TEXT - 1] + "…"


def _explain_trust(report: ValidationReport, trust: Trust) -> str:
    codes = {problem.code for problem in report.problems}
    found = [text for code, text in SELF_REPORTED_REASONS.items() if code in codes]
    reasons = f" ({'; '.join(found)})" if found and trust == "self-reported" else ""
    return TRUST_LEVELS[trust] + reasons


def format_report(report: ValidationReport, *, limits: bool = True) -> str:
    """The report in words, errors first.

    Args:
        report: What was found.
        limits: Whether to add what the trust level 'recomputed' cannot prove, where the report has it.
    """
    verdict = "accepted" if report.accepted else "refused"
    trust = f", trust level '{report.trust}': {_explain_trust(report, report.trust)}" if report.trust else ""
    lines = [f"{clip_text(report.file)}: {verdict}{trust}"]
    if report.model is not None:
        lines.append(
            f"  {clip_text(report.model)} on {', '.join(map(clip_text, report.splits)) or 'no split'}"
        )
    for severity in ("error", "warning", "note"):
        found = [problem for problem in report.problems if problem.severity == severity]
        lines += [f"  {severity:7} {problem.code}: {problem.where}: {problem.message}" for problem in found]
    if limits and report.trust == "recomputed":
        lines.append(f"  {RECOMPUTED_LIMITS}")
    return "\n".join(lines)
