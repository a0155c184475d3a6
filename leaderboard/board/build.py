"""Submissions, published tables and lines, to a board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import (
    KnownVersion,
    drop_superseded,
    format_superseded,
    load_versions,
)
from imagenet_g.leaderboard.board import paper_rows, published_rows
from imagenet_g.leaderboard.board.answer_tables import AnswerFile, build_answers
from imagenet_g.leaderboard.board.board import Board, BoardInfo, BoardVersion, LeftOut, write_board
from imagenet_g.leaderboard.board.equated import equate_rows
from imagenet_g.leaderboard.board.image_figures import add_image_figures
from imagenet_g.leaderboard.board.model_facts import make_model_facts
from imagenet_g.leaderboard.board.ranked_submissions import AnsweredEntry, rank_rows
from imagenet_g.leaderboard.board.rows import (
    RobustnessRow,
    ScoreRow,
    list_unknown_metrics,
    make_robustness_frame,
    make_score_frame,
)
from imagenet_g.leaderboard.board.submission_rows import list_submission_robustness, list_submission_scores
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.submissions.submission import Submission, make_stem
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.lines import fit_measured_lines, load_lines
from imagenet_g.leaderboard.validation.validate import list_submission_files, parse_submission

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A submission that may be shown on the board."""

    path: Path
    submission: Submission
    review: Review


def build_board(submissions: Path, out: Path, *, published: bool = True) -> Board:
    """Build and write a board.

    Args:
        submissions: Folder of submissions; those without a review of their very bytes are left out.
        out: Folder for the board's files.
        published: Whether to add the published figures: of models on real sets, and of the papers' tables.

    Raises:
        InputError: The board would be empty.
        StorageError: The folder cannot be written.
    """
    reviewed, left_out = load_reviewed(submissions)
    files = list_answer_files(reviewed)
    answered = list_answered(reviewed, files)
    ranked = rank_rows(_list_scores(reviewed, files), answered)
    scores = add_image_figures(equate_rows(ranked, answered))
    robustness = [row for one in reviewed for row in list_submission_robustness(one.submission)]
    if published:
        scores += published_rows.list_published_scores()
        scores += paper_rows.list_paper_scores()
        robustness += published_rows.list_published_robustness()
    if not scores:
        raise InputError(f"'{submissions}' has no reviewed submission. Run 'imagenet-g validate --record'.")
    board = assemble_board(scores, robustness, reviewed, left_out)
    write_board(out, board, {split: build_answers(by_model) for split, by_model in files.items()})
    return board


def load_reviewed(root: Path) -> tuple[list[Reviewed], list[LeftOut]]:
    """Submissions with a valid review, and why the others are left out."""
    # One damaged file is listed as left out and does not stop the build: files come from strangers.
    loaded = {path: _load(path) for path in (list_submission_files(root) if root.is_dir() else ())}
    # All at once, which is quick; file by file only where one of them breaks it.
    if _find_fault([one for one in loaded.values() if isinstance(one, Reviewed)]):
        loaded = {
            path: (_find_fault([one]) or one) if isinstance(one, Reviewed) else one
            for path, one in loaded.items()
        }
    reviewed = [one for one in loaded.values() if isinstance(one, Reviewed)]
    left_out = [
        LeftOut(file=path.name, reason=one) for path, one in loaded.items() if not isinstance(one, Reviewed)
    ]
    return reviewed, left_out


def _load(path: Path) -> Reviewed | str:
    """A submission with its review, or why it is left out."""
    review = load_review(path)
    if not isinstance(review, Review):
        return review
    try:
        submission, problems = parse_submission(read_json(path)[1])
    except UntrustedFileError as refused:
        return str(refused)
    # A stranger's file may break anything; it costs its own rows, not the board.
    except Exception as failure:
        return _explain(failure)
    return problems[0].message if submission is None else Reviewed(path, submission, review)


def _find_fault(reviewed: Sequence[Reviewed]) -> str:
    """Why no rows can be made of some submissions; empty where they can."""
    try:
        make_score_frame(
            row
            for one in reviewed
            for row in list_submission_scores(one.submission, one.review, has_answers=False)
        )
        make_robustness_frame(row for one in reviewed for row in list_submission_robustness(one.submission))
        for one in reviewed:
            make_model_facts(one.submission, one.review)
    except Exception as failure:
        return _explain(failure)
    return ""


def _explain(failure: Exception) -> str:
    return f"its rows cannot be made ({type(failure).__name__}: {failure})"


def list_answer_files(reviewed: Iterable[Reviewed]) -> dict[str, dict[str, AnswerFile]]:
    """Predictions of whole splits by split and model; only of those that were recomputed."""
    files: dict[str, dict[str, AnswerFile]] = {}
    for one in reviewed:
        # Unchecked answers would enter paired comparisons beside checked ones.
        if one.review.trust == "self-reported":
            continue
        there = list_predictions(one.path, one.submission)
        for entry in one.submission.result.entries:
            path = there.get(entry.predictions.file)
            if (
                path is not None
                and entry.split.view is None
                and entry.split.version == one.submission.version
                # The review is of the submission's own bytes, and those name the predictions by their hash.
                and hash_file(path) == entry.predictions.sha256
            ):
                found = AnswerFile(path, choose_headline(entry).outputs)
                files.setdefault(entry.split.ref, {})[make_stem(one.submission.statement)] = found
    return files


def list_answered(
    reviewed: Iterable[Reviewed], files: Mapping[str, Mapping[str, AnswerFile]]
) -> dict[tuple[str, str], AnsweredEntry]:
    """Entries whose single answers are stored and checked, by split and model; views of a split too."""
    found = {}
    for one in reviewed:
        stem = make_stem(one.submission.statement)
        for entry in one.submission.result.entries:
            file = files.get(parse_split_ref(entry.split.ref).base, {}).get(stem)
            if file is not None and entry.split.version == one.submission.version:
                found[entry.split.ref, stem] = AnsweredEntry(entry, file.path)
    return found


def assemble_board(
    scores: list[ScoreRow],
    robustness: list[RobustnessRow],
    reviewed: Sequence[Reviewed],
    left_out: list[LeftOut],
) -> Board:
    """Tables of the rows, and what the versions are."""
    frame = make_score_frame(scores)
    environment = make_environment()
    info = BoardInfo(
        imagenet_g=environment.imagenet_g,
        built_utc=environment.created_utc,
        versions=list_versions(frame, list_notices(reviewed)),
        left_out=tuple(left_out),
        unknown_metrics=list_unknown_metrics(name for row in scores for name in row.metrics),
    )
    facts = tuple(make_model_facts(one.submission, one.review) for one in reviewed)
    # Lines of published figures are of real sets; a generated split has those that its version measured.
    lines = (*load_lines(), *fit_measured_lines(version.name for version in info.versions))
    return Board(info, frame, make_robustness_frame(robustness), lines, facts=facts)


def list_notices(reviewed: Iterable[Reviewed]) -> dict[str, str | None]:
    """The notice of a version, without the sentences about a single superseded split."""
    return {
        one.submission.version: drop_superseded(entry.split.notice)
        for one in reviewed
        for entry in one.submission.result.entries
    }


def list_versions(scores: pd.DataFrame, notices: Mapping[str, str | None]) -> tuple[BoardVersion, ...]:
    """The rankings: newest ImageNet-G version first, then the real sets, and versions for practice last.

    A version that only renews splits of another comes after those that do not.
    """
    known = load_versions()
    titles = {name: spec.title for name, spec in known.items()} | {
        published_rows.VERSION: published_rows.TITLE
    }
    practice = {name for name, spec in known.items() if spec.practice}
    newest = list(reversed(known))
    # Sorting keeps the order of equals: the newest first.
    newest.sort(key=lambda name: known[name].renews is not None)
    order = [name for name in newest if name not in practice]
    order += [published_rows.VERSION, *(name for name in newest if name in practice)]
    present = list(scores["version"].unique())
    names = [name for name in order if name in present] + [name for name in present if name not in order]
    found = []
    for name in names:
        rows = scores[scores["version"] == name]
        splits = list(rows["split"].unique())
        ordered = [split for split in load_real_sets() if split in splits]
        found.append(
            BoardVersion(
                name=name,
                title=titles.get(name, name),
                notice=notices.get(name),
                split_notices=_list_split_notices(known.get(name), splits),
                splits=tuple(ordered + [split for split in splits if split not in ordered]),
                num_models=rows["model_id"].nunique(),
                practice=name in practice,
            )
        )
    return tuple(found)


def _list_split_notices(spec: KnownVersion | None, splits: Iterable[str]) -> dict[str, str]:
    if spec is None:
        return {}
    found = {split: format_superseded(spec, parse_split_ref(split).name) for split in splits}
    return {split: text for split, text in found.items() if text is not None}


def _list_scores(
    reviewed: Iterable[Reviewed], files: Mapping[str, Mapping[str, AnswerFile]]
) -> Iterable[ScoreRow]:
    for one in reviewed:
        stem = make_stem(one.submission.statement)
        bases = {split for split, by_model in files.items() if stem in by_model}
        yield from list_submission_scores(one.submission, one.review, has_answers=bool(bases))
