"""`python -m imagenet_g.leaderboard.ci FILE ...`: the comment on a pull request with submissions.

Every changed submission is validated against the others. The comment is markdown, with the two nearest models
of the same version beside the new one, so that a reviewer sees at a glance whether a number is plausible.
Text from a file stands in code spans: in a comment, a name must be neither a link nor a mention.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.errors import ImagenetGError, UntrustedFileError
from imagenet_g.benchmark.hub.fetching import NOT_CACHED
from imagenet_g.benchmark.naming.published import load_published_models
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.submissions.known_weights import load_known_weights
from imagenet_g.leaderboard.submissions.problems import ValidationReport, clip_text
from imagenet_g.leaderboard.submissions.reviews import Review, find_review_path, load_review
from imagenet_g.leaderboard.submissions.submission import REVIEW_SUFFIX, SUFFIX, Submission
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.validation.bounded import validate_bounded
from imagenet_g.leaderboard.validation.identity_checks import ships
from imagenet_g.leaderboard.validation.peers import KnownSubmission
from imagenet_g.leaderboard.validation.validate import load_known_submissions, parse_submission

NUM_REFERENCES = 2
PUBLIC = ("timm", "open_clip")
"""Libraries whose published models are run again where their weights are here already."""
DEAD_PROXY = "http://127.0.0.1:9"
"""Port 9 (discard) answers nowhere."""
MAX_SUBMISSIONS = 20
"""A larger pull request needs a person; validating it would block the queue for all others."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a pull request changes below the folder of submissions.

    Attributes:
        submissions: Submissions whose file or predictions were changed.
        removed: Submissions that are gone.
        reserved: Reviews and baselines, which maintainers write.
        foreign: Files that are no part of a submission.
    """

    submissions: tuple[Path, ...]
    removed: tuple[Path, ...]
    reserved: tuple[Path, ...]
    foreign: tuple[Path, ...]


def sort_changes(paths: Sequence[Path]) -> Changes:
    """Changed files by kind; changed predictions stand for their submission."""
    reserved = [path for path in paths if _is_reserved(path)]
    owners = {path: _find_owner(path) for path in paths if path not in reserved and path.name != "README.md"}
    named = dict.fromkeys(owner for owner in owners.values() if owner is not None)
    return Changes(
        # A link to nothing does not "exist"; it is a changed file all the same, and validation refuses it.
        submissions=tuple(path for path in named if path.exists() or path.is_symlink()),
        removed=tuple(path for path in named if not path.exists() and not path.is_symlink()),
        reserved=tuple(reserved),
        foreign=tuple(path for path, owner in owners.items() if owner is None),
    )


def _is_reserved(path: Path) -> bool:
    return path.name.endswith(REVIEW_SUFFIX) or path.parent.name == "baselines"


def _find_owner(path: Path) -> Path | None:
    if path.suffix == SUFFIX and "__" in path.name:
        return path
    if path.suffix == ".parquet" and "__" in path.parent.name:
        return path.parent.with_name(f"{path.parent.name}{SUFFIX}")
    return None


def run_ci(paths: Sequence[Path], root: Path) -> tuple[str, bool]:
    """The comment in markdown, and whether every submission is accepted.

    Args:
        paths: Changed files.
        root: Submissions and baselines to compare with: those of the branch the request is for.
    """
    changes = sort_changes(paths)
    # Counted before any of them is opened.
    if len(changes.submissions) > MAX_SUBMISSIONS:
        return f"{len(changes.submissions)} submissions in one request; at most {MAX_SUBMISSIONS}.", False
    known = load_known_submissions(root)
    parts, accepted = [], not (changes.reserved or changes.foreign)
    # Baselines come from the target branch only: a request must not bring the line that it is measured by.
    reports = validate_bounded(changes.submissions, root)
    for path, report in zip(changes.submissions, reports, strict=True):
        accepted &= report.accepted
        parts.append(format_comment(path, report, known))
    for reason, found in (
        ("Removed; a maintainer decides", changes.removed),
        ("Reviews and baselines are written by maintainers after merging; remove", changes.reserved),
        ("Not part of a submission; remove", changes.foreign),
    ):
        if found:
            parts.append(f"{reason}: {', '.join(quote(path.name) for path in found)}.")
    return "\n\n".join(parts) or "No submission was changed.", accepted


def run_second_runs(paths: Sequence[Path]) -> tuple[str, bool]:
    """The models of changed submissions run again, and whether every one that was run gave the same answers.

    Only models that ship with the package, and public models of timm and open_clip whose weights are here
    already, on splits that ship: nothing is fetched, and no code of a request is run. The findings of
    `run_ci` come first; a file that it refuses must not come here.

    Args:
        paths: Changed files.
    """
    lines, same = [], True
    for path in sort_changes(paths).submissions:
        submission = _parse(path)
        if submission is None or not _can_run_again(submission):
            lines.append(f"{quote(path.name)}: not run again here; a maintainer does.")
            continue
        words, equal = _run_again(path, public=not ships(submission.result.model))
        lines.append(f"{quote(path.name)}: {words}")
        same &= equal
    return "\n".join(f"* {line}" for line in lines) or "No submission was changed.", same


def _can_run_again(submission: Submission) -> bool:
    known = load_versions()
    versions = (known.get(entry.split.version or "") for entry in submission.result.entries)
    model = submission.result.model
    if not (ships(model) or is_public(model)):
        return False
    return all(one is not None and one.embedded for one in versions)


def is_public(model: ModelRecord) -> bool:
    """Whether a model is one of timm's or open_clip's that is published under its name.

    A repository of the Hub or a folder that a stranger names is none: what it holds is the stranger's.
    """
    scheme = model.spec.partition(":")[0]
    return scheme in PUBLIC and model.spec in {*load_published_models(), *load_known_weights()}


@contextmanager
def no_network() -> Iterator[None]:
    """Keep libraries to what is on this machine: a request must not make its host fetch anything.

    The Hub's own switch does not hold for weights at other addresses. So every request goes to a proxy that
    is not there.
    """
    words = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    dead = {name: DEAD_PROXY for word in words for name in (word, word.lower())}
    before = dict(os.environ)
    os.environ.update({**dead, "HF_HUB_OFFLINE": "1", "NO_PROXY": "", "no_proxy": ""})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run_again(path: Path, *, public: bool) -> tuple[str, bool]:
    # Not before: the validation of a request needs no library that runs models.
    from imagenet_g.leaderboard.validation.second_runs.comparing import verify_run
    from imagenet_g.leaderboard.validation.second_runs.running import load_second_run

    said = io.StringIO()
    # Standard output is the comment.
    with (
        TemporaryDirectory(prefix="imagenet-g-") as folder,
        redirect_stdout(sys.stderr),
        redirect_stderr(said),
        no_network(),
    ):
        try:
            again = load_second_run(path, None, Path(folder), ())
            found = verify_run(path, again, by="CI")
        except ImagenetGError as problem:
            if public and NOT_CACHED in " ".join(said.getvalue().split()):
                return "not run again here: its weights are not here; a maintainer does.", True
            return f"**second run failed**: {quote(problem)}", False
        finally:
            # The log of the job has what was said.
            if sys.__stderr__ is not None:
                sys.__stderr__.write(said.getvalue())
    return f"second run of {len(found.differences)} splits: the same numbers and answers.", True


def format_comment(path: Path, report: ValidationReport, known: Sequence[KnownSubmission]) -> str:
    """One submission: verdict, findings, and its scores between two reference models."""
    verdict = f"accepted, `{report.trust}`" if report.accepted else "refused"
    lines = [f"### {quote(path.name)}: {verdict}"]
    lines += [f"* **{p.severity}** `{p.code}` {quote(p.where)}: {quote(p.message)}" for p in report.problems]
    submission = _parse(path) if report.accepted else None
    if submission is not None:
        lines += ["", *format_references(submission, choose_references(submission, known))]
    if report.accepted and find_review_path(path).exists() and not isinstance(load_review(path), Review):
        lines.append("")
        lines.append("Its review is void after this edit; a maintainer runs `imagenet-g validate --record`.")
    return "\n".join(lines)


def quote(text: object) -> str:
    """Text as a code span, which is shown as it is: no markup, no link, no mention.

    Example:
        >>> quote("@everyone [here](https://example.org)")
        '`@everyone [here](https://example.org)`'
        >>> quote("a`b|c")
        '`a&#39;b&#124;c`'
    """
    # A backtick would end the span, and a bar would end a cell of the table around it.
    return f"`{escape(clip_text(str(text))).replace('`', '&#39;').replace('|', '&#124;')}`"


def choose_references(submission: Submission, known: Sequence[KnownSubmission]) -> list[Submission]:
    """The submissions of the same version whose first common split is nearest in accuracy."""
    ours = {entry.split.ref: choose_headline(entry).top1.value for entry in submission.result.entries}
    distances = []
    for one in known:
        theirs = {e.split.ref: choose_headline(e).top1.value for e in one.submission.result.entries}
        shared = [ref for ref in ours if ref in theirs]
        # An earlier version of the same model is no reference: it would stand beside itself.
        same = one.submission.statement.model == submission.statement.model
        if shared and not same and one.submission.version == submission.version:
            distances.append((abs(ours[shared[0]] - theirs[shared[0]]), one.path, one.submission))
    return [found for _, _, found in sorted(distances, key=lambda item: item[:2])[:NUM_REFERENCES]]


def format_references(submission: Submission, references: Sequence[Submission]) -> list[str]:
    """A markdown table: one row a split, top-1 in percent."""
    columns = [submission, *references]
    lines = ["| top-1, % | " + " | ".join(quote(one.statement.model) for one in columns) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    scores = [
        {entry.split.ref: choose_headline(entry).top1.value for entry in one.result.entries}
        for one in columns
    ]
    for ref in scores[0]:
        cells = [f"{100 * found[ref]:.2f}" if ref in found else "" for found in scores]
        lines.append(f"| {quote(ref)} | " + " | ".join(cells) + " |")
    return lines


def _parse(path: Path) -> Submission | None:
    try:
        return parse_submission(read_json(path)[1])[0]
    except UntrustedFileError:
        return None


def main(argv: Sequence[str]) -> int:
    """Print the comment; 0 where everything is accepted, 2 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m imagenet_g.leaderboard.ci", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, metavar="FILE", help="changed files")
    parser.add_argument(
        "--names", type=Path, metavar="LIST", help="a file of changed files, a null byte behind each"
    )
    parser.add_argument(
        "--against", type=Path, default=Path("submissions"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--second-run",
        action="store_true",
        help="run models of accepted submissions again, in place of validating: those that ship, and public "
        "ones whose weights are here already",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="with --second-run: a folder of the Hub's cache that has weights (default: the user's own)",
    )
    given = parser.parse_args(argv)
    if given.weights is not None:
        # Before the Hub's client is imported, which reads it once.
        os.environ["HF_HUB_CACHE"] = str(given.weights.resolve())
    # A file name may hold newlines and bytes that are not UTF-8; git separates names by null bytes (`-z`).
    named = given.names.read_text(encoding="utf-8", errors="surrogateescape") if given.names else ""
    paths = [*given.paths, *(Path(name) for name in named.split("\0") if name)]
    comment, accepted = run_second_runs(paths) if given.second_run else run_ci(paths, given.against)
    sys.stdout.write(comment + "\n")
    return 0 if accepted else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
