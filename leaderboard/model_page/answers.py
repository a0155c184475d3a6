"""A model's stored answers on a split, and on the clean set that the split's row is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.confusions.answers import (
    AnsweredPair,
    FirstAnswers,
    count_confusions,
    count_images,
)
from imagenet_g.benchmark.confusions.shares import Share
from imagenet_g.benchmark.confusions.tables import ClassRow, ConfusionRow, tabulate_classes
from imagenet_g.leaderboard.board.answer_tables import ANSWER, PROBABILITY, compute_right
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.models import BoardEntry
from imagenet_g.leaderboard.pages.cells import Row
from imagenet_g.leaderboard.pages.pages import name_base


@dataclass(frozen=True, slots=True)
class AnsweredSplit:
    """A whole split with stored answers of the model, and the version it is of."""

    version: str
    split: str


def list_answered(board: Board, entry: BoardEntry) -> Iterator[AnsweredSplit]:
    """Whole splits on which the model's single answers are stored, in the page's order."""
    for one in entry.versions:
        for split in dict.fromkeys(name_base(row.split) for row in one.splits if row.row is not None):
            if board.has_answers(split, entry.model_id):
                yield AnsweredSplit(one.version.name, split)


def load_answered_pair(board: Board, entry: BoardEntry, split: str) -> AnsweredPair | None:
    """Answers on a whole split and on its clean set; None where they are not stored.

    The clean set is left out where its answers are not stored, were given among other classes, or may be
    those of other weights.
    """
    shifted = load_first_answers(board, split, entry.model_id)
    if shifted is None:
        return None
    row = find_split_row(entry, split)
    clean = None if row is None else _load_clean(board, entry, row, shifted)
    return AnsweredPair(
        model=entry.model_id,
        split=split,
        shifted=shifted,
        reference=None if clean is None or row is None else str(row["clean_set"]),
        clean=clean,
        outputs="" if row is None else str(row["outputs"]),
    )


def load_first_answers(board: Board, split: str, model_id: str) -> FirstAnswers | None:
    """A model's first answers on a split; None where they are not stored."""
    frame = board.load_answers(split, model_id)
    if frame is None:
        return None
    return FirstAnswers(
        image_ids=tuple(frame["image_id"]),
        classes=np.array([labels[0] for labels in frame["labels"]], dtype=np.int64),
        answered=frame[ANSWER + model_id].to_numpy(dtype=np.int64),
        probabilities=frame[PROBABILITY + model_id].to_numpy(dtype=np.float64),
        correct=compute_right(frame, model_id),
    )


def find_split_row(entry: BoardEntry, split: str) -> Row | None:
    """The model's row on a split."""
    rows = (one.row for version in entry.versions for one in version.splits if one.split == split)
    return next((row for row in rows if row is not None), None)


def _load_clean(board: Board, entry: BoardEntry, row: Row, shifted: FirstAnswers) -> FirstAnswers | None:
    name = str(row["clean_set"])
    clean_row = find_split_row(entry, name)
    if row["clean_kind"] != "measured" or clean_row is None or clean_row["outputs"] != row["outputs"]:
        return None
    facts = [entry.find_facts(str(one["version"])) for one in (row, clean_row)]
    if len({None if one is None else one.weights_sha256 for one in facts}) > 1:
        return None
    clean = load_first_answers(board, name, entry.model_id)
    if clean is None:
        return None
    # Answers among fewer than all classes are comparable only where those classes are the same.
    if row["outputs"] != NUM_CLASSES and set(clean.classes.tolist()) != set(shifted.classes.tolist()):
        return None
    return keep_classes(clean, set(shifted.classes.tolist()))


def keep_classes(answers: FirstAnswers, classes: set[int]) -> FirstAnswers:
    """The images of some classes."""
    kept = np.isin(answers.classes, sorted(classes))
    return replace(
        answers,
        image_ids=tuple(one for one, there in zip(answers.image_ids, kept, strict=True) if there),
        classes=answers.classes[kept],
        answered=answers.answered[kept],
        probabilities=answers.probabilities[kept],
        correct=answers.correct[kept],
    )


def rank_classes(pair: AnsweredPair) -> tuple[ClassRow, ...]:
    """The split's classes, the surely hardest first: by the upper end of the interval, then by the share.

    By the share alone, a class of two images would stand before one of fifty.
    """
    rows = tabulate_classes(replace(pair, clean=None, reference=None))
    return tuple(sorted(rows, key=lambda row: (row.split.bounds[1], row.split.value, row.index)))


def rank_confusions(pair: AnsweredPair) -> tuple[ConfusionRow, ...]:
    """Wrong answers, those first that the split adds most images to, as in `show --per-class`.

    Without the tests of that command: on a split of 1000 classes they take seconds.
    """
    ours, totals = count_confusions(pair.shifted, NUM_CLASSES), count_images(pair.shifted, NUM_CLASSES)[1]
    theirs = {} if pair.clean is None else count_confusions(pair.clean, NUM_CLASSES)
    others = None if pair.clean is None else count_images(pair.clean, NUM_CLASSES)[1]
    rows = [
        ConfusionRow(
            index=index,
            answer=answer,
            split=Share(count, int(totals[index])),
            reference=None
            if others is None or not others[index]
            else Share(theirs.get((index, answer), 0), int(others[index])),
            change=None,
            p_fdr=None,
        )
        for (index, answer), count in ours.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.added, row.index, row.answer)))
