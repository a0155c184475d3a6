"""One class as it really looks and as every strategy draws it, from an edition that ships its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.leaderboard.board.answer_tables import ANSWER, list_answering_models
from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.opening.finding import STRATEGIES, choose_version, name_split
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.image_cards import find_rows, make_thumbnail, open_split, read_column

NUM_IMAGES = 3
"""Of each strategy."""
SOURCE = "source_image_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A version whose images can be shown.

    Attributes:
        version: The version.
        reference: Its split of real images.
        splits: Its generated splits.
    """

    version: BoardVersion
    reference: str
    splits: tuple[str, ...]


def format_class_strip(board: Board) -> str:
    """Real images of a class beside those of every strategy; a sentence where no version ships any."""
    edition = find_edition(board)
    if edition is None:
        return (
            '<p class="key">No images are shown: no version on this board has its images in the package.</p>'
        )
    right = {split: count_right(board, split) for split in (edition.reference, *edition.splits)}
    index, share = choose_class(edition, right)
    chosen = choose_rows(edition, index)
    columns = "".join(
        _format_column(split, rows, load_classes()[index].name, right[split])
        for split, rows in chosen.items()
    )
    return (
        f"<h3>One class, real and by every strategy: {escape(load_classes()[index].name)}</h3>"
        f'<div class="strip">{columns}</div><p class="key">{_explain(board, edition, share)}</p>'
    )


def find_edition(board: Board) -> Edition | None:
    """The first version on the board that ships its images and is not superseded; None without one."""
    known = load_versions()
    for version in board.info.versions:
        # Not those that would have to be fetched: a page must open without a download.
        spec = known.get(version.name)
        if spec is None or not spec.embedded:
            continue
        named = (split for split in version.splits if split.partition("/")[2] in STRATEGIES)
        splits = tuple(split for split in named if split not in version.split_notices)
        if splits and not any(isinstance(open_split(one), str) for one in (spec.default_reference, *splits)):
            return Edition(version=version, reference=spec.default_reference, splits=splits)
    return None


def count_right(board: Board, split: str) -> dict[str, tuple[int, int]]:
    """For each image, how many models are right and how many answered; empty without stored answers."""
    answers, images = board.load_answers(split), open_split(split)
    if answers is None or isinstance(images, str):
        return {}
    said = np.stack([answers[ANSWER + model].to_numpy() for model in list_answering_models(answers)])
    labels = dict(zip(images.rows.image_ids, images.rows.labels[:, 0].tolist(), strict=True))
    wanted = np.array([labels.get(image_id, -1) for image_id in answers["image_id"]])
    right = (said == wanted).sum(axis=0)
    return {image_id: (int(n), len(said)) for image_id, n in zip(answers["image_id"], right, strict=True)}


def choose_class(
    edition: Edition, right: Mapping[str, Mapping[str, tuple[int, int]]]
) -> tuple[int, float | None]:
    """The class of the generated images that is as hard as all together, and that share of right answers.

    A class chosen by eye would show what whoever chose it wished to show. Without stored answers it is the
    first class, and the share None.
    """
    shares: dict[int, list[float]] = {}
    for split in edition.splits:
        images = open_split(split)
        if isinstance(images, str):
            continue
        for image_id, label in zip(images.rows.image_ids, images.rows.labels[:, 0].tolist(), strict=True):
            known = right[split].get(image_id)
            shares.setdefault(label, []).extend([] if known is None else [known[0] / known[1]])
    every = [share for found in shares.values() for share in found]
    if not every:
        return min(shares), None
    mean = float(np.mean(every))
    asked = {label: float(np.mean(found)) for label, found in shares.items() if found}
    return min(asked, key=lambda label: (abs(asked[label] - mean), label)), mean


def choose_rows(edition: Edition, index: int) -> dict[str, tuple[int, ...]]:
    """Rows of a class by split; the real images are those that generated ones started from."""
    chosen: dict[str, tuple[int, ...]] = {edition.reference: ()}
    sources: list[str] = []
    for split in edition.splits:
        rows, started = _list_class(split, index), read_column(split, SOURCE) or ()
        if started and any(started[row] for row in rows):
            # The same real images for every strategy that starts from one.
            sources = sources or [str(started[row]) for row in rows[:NUM_IMAGES] if started[row]]
            by_source = {str(started[row]): row for row in rows}
            rows = tuple(by_source[one] for one in sources if one in by_source)
        chosen[split] = rows[:NUM_IMAGES]
    chosen[edition.reference] = find_rows(edition.reference, sources) or _list_class(edition.reference, index)
    return {split: rows[:NUM_IMAGES] for split, rows in chosen.items()}


def _list_class(split: str, index: int) -> tuple[int, ...]:
    images = open_split(split)
    if isinstance(images, str):
        return ()
    return tuple(int(row) for row in np.flatnonzero(images.rows.labels[:, 0] == index))


def _format_column(split: str, rows: Sequence[int], name: str, right: Mapping[str, tuple[int, int]]) -> str:
    images = open_split(split)
    title = name_split(split) if split.partition("/")[2] in STRATEGIES else "Real"
    ids = () if isinstance(images, str) else images.rows.image_ids
    cards = "".join(
        f'<figure><img src="{make_thumbnail(split, row)}" width="88" height="88" '
        f'alt="{escape(name)}, {escape(title)}, number {number}"><figcaption>{_say(right.get(ids[row]))}'
        "</figcaption></figure>"
        for number, row in enumerate(rows, 1)
    )
    return f'<section><h4>{escape(title)}</h4><div class="thumbs">{cards}</div></section>'


def _say(known: tuple[int, int] | None) -> str:
    return "not asked" if known is None else f"{known[0]} of {known[1]} right"


def _explain(board: Board, edition: Edition, share: float | None) -> str:
    newest, name = choose_version(board), escape(edition.version.label)
    other = f", not from {escape(newest.name)}, whose images are not here"
    parts = [f"The pictures are from {name}{'' if newest.name == edition.version.name else other}."]
    if edition.version.practice:
        parts.append("Its real images are drawings, and no photographs.")
    if share is not None:
        parts.append(
            f"Models get as many images of this class right as of all, {format_percent(share, 0)} %."
        )
    parts.append("Strategies that start from a real image start from those shown, in their order.")
    parts.append("Below each image: how many of the models on the board name its class.")
    return " ".join(parts)
