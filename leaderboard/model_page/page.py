"""The page of one model: all of its sections, or one line where there is no such model."""

from __future__ import annotations

from collections.abc import Iterable

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.badge import format_badge_section
from imagenet_g.leaderboard.model_page.classes import format_classes
from imagenet_g.leaderboard.model_page.facts import format_facts, format_rerun
from imagenet_g.leaderboard.model_page.history import format_history
from imagenet_g.leaderboard.model_page.models import BoardEntry, find_model
from imagenet_g.leaderboard.model_page.profile import format_profile
from imagenet_g.leaderboard.model_page.trust import format_flags_section, format_trust_section
from imagenet_g.leaderboard.pages.cells import Row, escape, format_trust
from imagenet_g.leaderboard.pages.model_links import link_model, make_table_address
from imagenet_g.leaderboard.pages.queries import BoardQuery, select_rows
from imagenet_g.leaderboard.submissions.problems import clip_text

NUM_SUGGESTED = 10


def show_model(board: Board, query: BoardQuery) -> str:
    """The page of the query's model; without one, the first models of the table to choose from."""
    back = f'<p class="mp-back"><a href="{escape(make_table_address(query.version, query.split))}">'
    back += f"‹ Table of {escape(query.split)}</a></p>"
    if not query.model:
        return f'<article class="mp">{back}{_suggest_models(board, query)}</article>'
    model = find_model(board, query)
    if model is None:
        words = escape(f"This board has no model '{clip_text(query.model)}'.")
        return f'<article class="mp">{back}<p>{words}</p></article>'
    sections = _format_sections(model, format_classes(board, model, query.split), query.split)
    return f'<article class="mp">{back}{_format_head(model)}{sections}</article>'


def _suggest_models(board: Board, query: BoardQuery) -> str:
    first = select_rows(board, query).head(NUM_SUGGESTED)
    names = zip(first["model_id"], first["model"], strict=True)
    links = "".join(f"<li>{link_model(one, name, query.version)}</li>" for one, name in names)
    return f"<p>Click the name of a model in the table, or one of its first:</p><ul>{links}</ul>"


def _format_head(model: BoardEntry) -> str:
    row = model.first
    # Those of the rows alone: what lines are doubted for stands with the flags.
    lines = (str(each.get("doubts") or "") for one in model.versions for each in one.rows)
    doubts = dict.fromkeys(doubt for text in lines for doubt in text.split("\n") if doubt)
    marks = "".join(f'<span class="mp-doubt">{escape(doubt)}</span>' for doubt in doubts)
    levels = dict.fromkeys(str(each["trust"]) for one in model.versions for each in one.rows)
    badges = " ".join(format_trust({"trust": level}) for level in levels)
    return (
        f'<header class="mp-head"><h2>{escape(row["model"])}</h2>'
        f"<p>{escape(row['organisation'])}{_format_url(row)} {badges} {marks}</p></header>"
    )


def _format_url(row: Row) -> str:
    url = str(row["url"])
    # Validation allows https only; a board's file may have been written by other means.
    if not url.startswith("https://"):
        return ""
    return f' · <a href="{escape(url)}" rel="noopener nofollow" target="_blank">paper or code</a>'


def _format_sections(model: BoardEntry, classes: str, split: str) -> str:
    absent = f'<p class="mp-note">No row in {escape(", ".join(model.absent))}.</p>' if model.absent else ""
    profiles = "".join(format_profile(one) for one in model.versions) + absent
    return _join_sections(
        [
            ("profile", "Profile", profiles),
            ("classes", "Classes and confusions", classes),
            ("trust", "Trust", format_trust_section(model)),
            ("flags", "Flags", format_flags_section(model)),
            ("facts", "The model", format_facts(model)),
            ("rerun", "Run it again", format_rerun(model)),
            ("history", "History", format_history(model)),
            ("badge", "Badge", format_badge_section(model, split)),
        ]
    )


def _join_sections(sections: Iterable[tuple[str, str, str]]) -> str:
    return "".join(
        f'<section aria-labelledby="mp-{name}"><h3 id="mp-{name}">{title}</h3>{content}</section>'
        for name, title, content in sections
    )
