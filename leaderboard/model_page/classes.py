"""A model's hardest and easiest classes on one split, with images, and what it takes them for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from imagenet_g.benchmark.confusions.answers import AnsweredPair, FirstAnswers
from imagenet_g.benchmark.confusions.shares import format_share
from imagenet_g.benchmark.confusions.tables import ClassRow, ConfusionRow
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.answers import (
    AnsweredSplit,
    list_answered,
    load_answered_pair,
    rank_classes,
    rank_confusions,
)
from imagenet_g.leaderboard.model_page.models import BoardEntry
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.image_cards import THUMBNAIL_PX, find_rows, make_thumbnail, open_split
from imagenet_g.leaderboard.pages.model_links import MODEL_TAB
from imagenet_g.leaderboard.pages.pages import name_base
from imagenet_g.leaderboard.pages.pairs import name_class

NUM_CLASSES_SHOWN = 5
NUM_CONFUSIONS = 10
NUM_IMAGES = 4
"""Beside a class: as many wrong as right ones, where there are."""


def format_classes(board: Board, entry: BoardEntry, split: str) -> str:
    """The section on one split.

    Args:
        board: The board.
        entry: The model.
        split: What the reader chose; another split with stored answers stands in for one without.
    """
    answered = list(list_answered(board, entry))
    if not answered:
        return (
            '<p class="mp-note">No single answers of this model are stored, so its classes are unknown.</p>'
        )
    base = name_base(split)
    # A reader may come from a split of which no answers are stored.
    chosen = next((one for one in answered if one.split == base), answered[0])
    pair = load_answered_pair(board, entry, chosen.split)
    assert pair is not None, "it was listed because its answers are stored"
    absent = "" if chosen.split == base else f" No answers on {escape(base)} are stored."
    ranked = rank_classes(pair)
    # Of few classes none may stand among the hardest and the easiest at once.
    half = min(NUM_CLASSES_SHOWN, len(ranked) // 2) or 1
    return (
        f"{_format_choices(entry, answered, chosen)}"
        f'<p class="mp-note">{len(ranked)} classes of {escape(chosen.split)}, by the end of their 95 % '
        f"interval.{absent}</p>{_describe_images(chosen.split)}"
        f'<div class="mp-columns"><div><h4>Hardest</h4>{_format_cards(pair, ranked[:half])}</div>'
        f"<div><h4>Easiest</h4>{_format_cards(pair, order_easiest(ranked)[:half])}</div></div>"
        f"<h4>Most frequent confusions</h4>{format_confusions(pair, rank_confusions(pair)[:NUM_CONFUSIONS])}"
    )


def order_easiest(ranked: Sequence[ClassRow]) -> list[ClassRow]:
    """The surely easiest first: by the lower end of the interval, then by the share."""
    # The index comes last: among equals the order is the same each time.
    return sorted(ranked, key=lambda row: (-row.split.bounds[0], -row.split.value, row.index))


def _format_choices(entry: BoardEntry, answered: Sequence[AnsweredSplit], chosen: AnsweredSplit) -> str:
    links = []
    for one in answered:
        if one == chosen:
            links.append(f'<span aria-current="true">{escape(one.split)}</span>')
            continue
        words = urlencode(
            {"version": one.version, "split": one.split, "tab": MODEL_TAB, "model": entry.model_id}
        )
        links.append(f'<a href="?{escape(words)}">{escape(one.split)}</a>')
    return f'<nav class="mp-splits" aria-label="Splits with stored answers">{" ".join(links)}</nav>'


def _describe_images(split: str) -> str:
    there = open_split(split)
    if not isinstance(there, str):
        return ""
    return f'<p class="mp-note">The images of {escape(split)} cannot be shown here: {escape(there)}</p>'


def _format_cards(pair: AnsweredPair, rows: Sequence[ClassRow]) -> str:
    return "".join(_format_class(pair, row) for row in rows)


def _format_class(pair: AnsweredPair, row: ClassRow) -> str:
    low, high = row.split.bounds
    mistaken = ""
    if row.mistaken_for is not None:
        answer, count = row.mistaken_for
        mistaken = f", most often called {escape(name_class(answer))} ({count})"
    return (
        f'<div class="mp-class"><p><strong>{escape(name_class(row.index))}</strong> '
        f"{format_share(row.split)} right <small>{100 * low:.0f}–{100 * high:.0f} %{mistaken}</small></p>"
        f'<div class="mp-images">{_format_images(pair, row.index)}</div></div>'
    )


def _format_images(pair: AnsweredPair, index: int) -> str:
    # Wrong answers first: they are what a reader comes for, right ones are the contrast.
    wrong, right = list_images(pair.shifted, index)
    many_wrong = NUM_IMAGES - min(len(right), NUM_IMAGES // 2)
    shown = [*wrong[:many_wrong], *right][:NUM_IMAGES]
    return "".join(_format_image(pair, row) for row in shown)


def list_images(answers: FirstAnswers, index: int) -> tuple[list[int], list[int]]:
    """Rows of a class that were answered wrongly and rightly, the most confident first.

    Example:
        >>> import numpy as np
        >>> found = FirstAnswers(
        ...     image_ids=("a", "b", "c"),
        ...     classes=np.array([4, 4, 4]),
        ...     answered=np.array([7, 4, 8]),
        ...     probabilities=np.array([0.5, 0.6, 0.9]),
        ...     correct=np.array([False, True, False]),
        ... )
        >>> list_images(found, 4)
        ([2, 0], [1])
    """
    rows = [int(row) for row in (answers.classes == index).nonzero()[0]]
    rows.sort(key=lambda row: -answers.probabilities[row])
    wrong = [row for row in rows if not answers.correct[row]]
    return wrong, [row for row in rows if answers.correct[row]]


def _format_image(pair: AnsweredPair, row: int) -> str:
    answers, right = pair.shifted, bool(pair.shifted.correct[row])
    said = name_class(int(answers.answered[row]))
    image_id = answers.image_ids[row]
    place = find_rows(pair.split, [image_id])
    address = make_thumbnail(pair.split, place[0]) if place else ""
    name = f"{name_class(int(answers.classes[row]))}, image {image_id}"
    image = (
        f'<img src="{address}" alt="{escape(name)}" width="{THUMBNAIL_PX}" height="{THUMBNAIL_PX}">'
        if address
        else f"<code>{escape(image_id)}</code>"
    )
    mark, kind = ("✓", "right") if right else ("✗", "wrong")
    return (
        f'<figure>{image}<figcaption class="{kind}">{mark} {escape(said)}'
        f"<small>{100 * answers.probabilities[row]:.0f} %</small></figcaption></figure>"
    )


def format_confusions(pair: AnsweredPair, rows: Sequence[ConfusionRow]) -> str:
    """A table of wrong answers, beside what the clean set has of them."""
    shown = [row for row in rows if row.added > 0]
    if not shown:
        return '<p class="mp-note">No wrong answer is more frequent than on the clean set.</p>'
    clean = pair.reference or "clean set"
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in ("Class", "Called"))
    head += "".join(f'<th scope="col" class="num">{escape(title)}</th>' for title in (pair.split, clean))
    body = "".join(_format_confusion(row, pair.split, clean) for row in shown)
    rule = "The images that the split adds to the clean set's share decide the order."
    note = rule if pair.clean is not None else "No answers on a clean set are stored; the counts decide."
    return (
        f'<p class="mp-note">{note} Nothing is tested here; <code>imagenet-g show RESULT --per-class</code> '
        "does that.</p>"
        '<div class="board-scroll" role="region" tabindex="0" aria-label="Confusions"><table class="board">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _format_confusion(row: ConfusionRow, split: str, clean: str) -> str:
    share = '<span class="none">–</span>' if row.reference is None else format_share(row.reference)
    # The titles stand beside the cells where a narrow screen makes a card of the row.
    return (
        f'<tr><th scope="row">{escape(name_class(row.index))}</th>'
        f'<td data-title="Called">{escape(name_class(row.answer))}</td>'
        f'<td class="num" data-title="{escape(split)}">{format_share(row.split)}</td>'
        f'<td class="num" data-title="{escape(clean)}">{share}</td></tr>'
    )
