"""`python -m imagenet_g.leaderboard.ci FILE ...`: what a pull request with submissions is answered.

Every changed submission is validated against the others; the answer is markdown, with the two nearest models
of the same version beside the new one, so that a reviewer sees at a glance whether a number can be.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.entries import choose_headline
from imagenet_g.leaderboard.cells import escape
from imagenet_g.leaderboard.peers import KnownSubmission
from imagenet_g.leaderboard.problems import ValidationReport
from imagenet_g.leaderboard.reviews import find_review_path
from imagenet_g.leaderboard.split_facts import SplitShelf
from imagenet_g.leaderboard.submissions import REVIEW_SUFFIX, Submission
from imagenet_g.leaderboard.untrusted import read_json
from imagenet_g.leaderboard.validation import (
    ValidationContext,
    load_known_baselines,
    load_known_submissions,
    parse_submission,
    validate_submission,
)

NUM_REFERENCES = 2


def run_ci(paths: Sequence[Path], root: Path) -> tuple[str, bool]:
    """The comment in markdown, and whether every submission is accepted."""
    known = load_known_submissions(root)
    context = ValidationContext(SplitShelf(), known, load_known_baselines(root))
    submissions = [path for path in paths if path.suffix == ".json" and not path.name.endswith(REVIEW_SUFFIX)]
    parts, accepted = [], True
    for path in submissions:
        report = validate_submission(path, context)
        accepted &= report.accepted
        parts.append(format_comment(path, report, known))
    smuggled = [path for path in paths if path.name.endswith(REVIEW_SUFFIX)]
    if smuggled:
        names = ", ".join(f"`{escape(path.name)}`" for path in smuggled)
        parts.append(f"Reviews are written by maintainers, after merging; take out {names}.")
    return "\n\n".join(parts) or "No submission was changed.", accepted and not smuggled


def format_comment(path: Path, report: ValidationReport, known: Sequence[KnownSubmission]) -> str:
    """One submission: verdict, findings, and its scores between two reference models."""
    verdict = f"accepted, `{report.trust}`" if report.accepted else "refused"
    lines = [f"### `{escape(path.name)}`: {verdict}"]
    lines += [
        f"* **{p.severity}** `{p.code}` {escape(p.where)}: {escape(p.message)}" for p in report.problems
    ]
    submission = _parse(path) if report.accepted else None
    if submission is not None:
        lines += ["", *format_references(submission, choose_references(submission, known))]
    if report.accepted and find_review_path(path).exists():
        lines.append("")
        lines.append("It had a review; the edit makes it void until `imagenet-g validate --record`.")
    return "\n".join(lines)


def choose_references(submission: Submission, known: Sequence[KnownSubmission]) -> list[Submission]:
    """The submissions of the same version whose first common split is nearest in accuracy."""
    ours = {entry.split.ref: choose_headline(entry).top1.value for entry in submission.result.entries}
    distances = []
    for one in known:
        theirs = {e.split.ref: choose_headline(e).top1.value for e in one.submission.result.entries}
        shared = [ref for ref in ours if ref in theirs]
        same = one.submission.statement.model == submission.statement.model
        if shared and not same and one.submission.version == submission.version:
            distances.append((abs(ours[shared[0]] - theirs[shared[0]]), one.path, one.submission))
    return [found for _, _, found in sorted(distances, key=lambda item: item[:2])[:NUM_REFERENCES]]


def format_references(submission: Submission, references: Sequence[Submission]) -> list[str]:
    """A markdown table: one row a split, top-1 in percent."""
    columns = [submission, *references]
    lines = ["| top-1, % | " + " | ".join(escape(one.statement.model) for one in columns) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    scores = [
        {entry.split.ref: choose_headline(entry).top1.value for entry in one.result.entries}
        for one in columns
    ]
    for ref in scores[0]:
        cells = [f"{100 * found[ref]:.2f}" if ref in found else "" for found in scores]
        lines.append(f"| {escape(ref)} | " + " | ".join(cells) + " |")
    return lines


def _parse(path: Path) -> Submission | None:
    return parse_submission(read_json(path)[1])[0]


def main(argv: Sequence[str]) -> int:
    """Print the comment; 0 where everything is accepted, 2 otherwise."""
    comment, accepted = run_ci([Path(word) for word in argv], Path("submissions"))
    sys.stdout.write(comment + "\n")
    return 0 if accepted else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
