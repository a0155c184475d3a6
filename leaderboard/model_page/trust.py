"""What a trust level proves, in the words of THREATS.md, and the cautions about a model's rows."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from imagenet_g.leaderboard.model_page.models import BoardEntry
from imagenet_g.leaderboard.pages.cells import escape, format_trust, list_row_flags
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS

MAX_OPEN = 6
"""Cautions that are all shown at once."""
_LEVEL = re.compile(
    r"^\| `(?P<level>[a-z-]+)` \| (?P<proves>[^|]+) \| (?P<not_proved>[^|]+) \|$", re.MULTILINE
)


@cache
def load_limits() -> dict[str, tuple[str, str]]:
    """What each level proves, and what it does not prove: the first table of THREATS.md."""
    text = (files("imagenet_g.leaderboard") / "THREATS.md").read_text(encoding="utf-8")
    return {found["level"]: (found["proves"], found["not_proved"]) for found in _LEVEL.finditer(text)}


def format_trust_section(model: BoardEntry) -> str:
    """Each level that some row has, with what it proves and what it does not."""
    levels = dict.fromkeys(str(row["trust"]) for version in model.versions for row in version.rows)
    return "".join(_format_level(level) for level in levels)


def _format_level(level: str) -> str:
    # A level that this release does not have: boards outlive releases.
    unknown = ("Unknown to this release.", "Unknown to this release.")
    proves, not_proved = load_limits().get(level, unknown)
    meaning = next((text for name, text in TRUST_LEVELS.items() if name == level), "")
    words = f"{meaning[:1].upper()}{meaning[1:]}." if meaning else ""
    return (
        f'<p>{format_trust({"trust": level})} {escape(words)}</p><dl class="mp-list">'
        f"<dt>It proves</dt><dd>{_format_words(proves)}</dd>"
        f"<dt>It does not prove</dt><dd>{_format_words(not_proved)}</dd></dl>"
        '<p class="mp-note">From THREATS.md of the leaderboard, which lists who may lie about what.</p>'
    )


def _format_words(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def format_flags_section(model: BoardEntry) -> str:
    """Every caution once, with the splits that it is about."""
    found: dict[str, list[str]] = {}
    for version in model.versions:
        for one in version.splits:
            for flag in list_row_flags(one.row) if one.row is not None else ():
                found.setdefault(flag, []).append(one.split)
    if not found:
        return '<p class="mp-note">No flag. That is no proof that there is nothing to know.</p>'
    total = sum(len(version.rows) for version in model.versions)
    shared = {flag: splits for flag, splits in found.items() if len(splits) > 1 or total == 1}
    single = {flag: splits for flag, splits in found.items() if flag not in shared}
    if len(shared) + len(single) <= MAX_OPEN or not single:
        return _list_flags(found, total)
    # Sentences with a split's own numbers would bury those that hold for many.
    return (
        f"{_list_flags(shared, total)}<details><summary>{len(single)} more, each about one split</summary>"
        f"{_list_flags(single, total)}</details>"
    )


def _list_flags(found: dict[str, list[str]], total: int) -> str:
    items = (f"<li>{escape(flag)}{_name_splits(splits, total)}</li>" for flag, splits in found.items())
    return f"<ul>{''.join(items)}</ul>" if found else ""


def _name_splits(splits: list[str], total: int) -> str:
    named = "all splits" if len(splits) == total > 1 else ", ".join(splits)
    return f"<small>{escape(named)}</small>"
