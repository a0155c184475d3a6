"""The whole opening: what the board shows before a reader has chosen anything."""

from __future__ import annotations

from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.opening.class_strip import format_class_strip
from imagenet_g.leaderboard.opening.figure import format_figure
from imagenet_g.leaderboard.opening.finding import choose_version, find_real, list_generated, number_models
from imagenet_g.leaderboard.opening.overview import format_overview, rank_models
from imagenet_g.leaderboard.opening.sentences import format_headline, list_caveats, list_sentences
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.model_links import make_table_address


def format_opening(board: Board, *, links: bool = True) -> str:
    """Headline, figure, sentences and overview as HTML; nothing in it runs or is loaded.

    Args:
        board: The board.
        links: Whether to link to other states of the page; a file has none.
    """
    parts = format_finding(board, links=links), format_class_strip(board), format_practice(board)
    return f'<div class="opening">{"".join(parts)}</div>'


def format_finding(board: Board, *, links: bool) -> str:
    """The finding of the version that the page opens on."""
    version = choose_version(board)
    generated = list_generated(board)
    real = find_real(board, generated[0].clean_set) if generated else None
    numbers = number_models(board, version.name)
    sentences = "".join(f"<li>{sentence}</li>" for sentence in list_sentences(generated, real))
    caveats = "".join(f"<p>{escape(caveat)}</p>" for caveat in list_caveats(generated))
    panels = format_figure(generated, real, numbers)
    models = rank_models(board, version.name, numbers)
    table = format_overview(board, version.name, models, numbers=numbers, links=links)
    return (
        f"{_format_label(version)}<h2>{format_headline(generated)}</h2>{panels}"
        f'<ol class="sentences">{sentences}</ol><div class="caveats">{caveats}</div>'
        f"<h3>{escape(version.name)}: every model on every split</h3>{table}"
        f"{_format_more(version, links=links)}"
    )


def _format_label(version: BoardVersion) -> str:
    notice = f" {version.notice}" if version.notice else ""
    return f'<p class="edition">{escape(version.label)}: {escape(version.title)}.{escape(notice)}</p>'


def _format_more(version: BoardVersion, *, links: bool) -> str:
    if not links:
        return ""
    address = make_table_address(version.name, version.splits[0])
    return f'<p><a class="more" href="{escape(address)}">Sort, filter and download this table</a></p>'


def format_practice(board: Board) -> str:
    """Which versions are for practice, in one line; empty without one."""
    names = [version.name for version in board.info.versions if version.practice]
    if not names:
        return ""
    return (
        f'<p class="practice">Practice: {escape(" and ".join(names))} ship inside the package, for smoke '
        "tests, teaching and CI. Their numbers are no measure of a model; they stand last among the "
        "versions.</p>"
    )
