"""A model's profile over all splits of a version: a figure of HTML, and a table with every number."""

from __future__ import annotations

from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.leaderboard.model_page.models import SplitRow, VersionRows
from imagenet_g.leaderboard.pages.cells import (
    Row,
    escape,
    format_accuracy,
    format_count,
    format_difference,
    format_rank,
    format_robustness,
    is_missing,
)

TICKS = (0, 25, 50, 75, 100)
NO_RESULT = "no result"
HEADINGS = ("Split", "Top-1, %", "Clean, %", "AG, points", "ER, points", "Rank", "Images")
LEGEND = (
    '<p class="mp-legend"><span class="mp-dot"></span> top-1 with its 95 % interval '
    '<span class="mp-ring"></span> clean accuracy <span class="mp-gap"></span> no result</p>'
)


def format_profile(rows: VersionRows) -> str:
    """The section of one version."""
    missing = sum(one.row is None for one in rows.splits)
    total = len(rows.splits)
    count = f"{total - missing} of {total} splits have a result." if missing else f"All {total} splits."
    # Nothing is averaged: a mean over the splits that happen to be there would hide the others.
    return (
        f"<h4>{escape(rows.version.name)} <small>{escape(rows.version.title)}</small></h4>"
        f'<p class="mp-note">{count}</p>{format_figure(rows)}{format_table(rows)}'
    )


def format_figure(rows: VersionRows) -> str:
    """Top-1 and clean accuracy of every split on one axis from 0 to 100 %, in words for screen readers."""
    lines = "".join(_format_line(one) for one in rows.splits)
    ticks = "".join(f'<span style="left:{tick}%">{tick}</span>' for tick in TICKS)
    return (
        f'<figure class="mp-figure"><div role="list" aria-label="Accuracy by split">{lines}</div>'
        f'<div class="mp-axis" aria-hidden="true"><b></b><div>{ticks}</div><i>%</i></div>'
        f"<figcaption>{LEGEND}</figcaption></figure>"
    )


def shorten_split(split: str) -> str:
    """A split's name without its version, which stands above.

    Example:
        >>> shorten_split("mini/sd-l:clip-filtered"), shorten_split("imagenet-r")
        ('sd-l:clip-filtered', 'imagenet-r')
    """
    version, _, name = split.partition("/")
    return name or version


def _format_line(one: SplitRow) -> str:
    name = f"<b>{escape(shorten_split(one.split))}</b>"
    if one.row is None:
        return (
            f'<div role="listitem" class="mp-line">{name}<div class="mp-track mp-missing"></div>'
            f"<i>{NO_RESULT}</i></div>"
        )
    value = format_percent(one.row["top1"], 1)
    return f'<div role="listitem" class="mp-line">{name}{_format_track(one.row)}<i>{value}</i></div>'


def _format_track(row: Row) -> str:
    top1, low, high = (row.get(name) for name in ("top1", "top1_low", "top1_high"))
    marks = ""
    if not is_missing(row["clean"]):
        left, right = sorted((row["top1"], row["clean"]))
        marks += f'<span class="mp-link" style="{_place(left, right)}"></span>'
        marks += f'<span class="mp-ring" style="{_place(row["clean"])}"></span>'
    if not (is_missing(low) or is_missing(high)):
        marks += f'<span class="mp-interval" style="{_place(low, high)}"></span>'
    return f'<div class="mp-track">{marks}<span class="mp-dot" style="{_place(top1)}"></span></div>'


def _place(low: object, high: object = None) -> str:
    left = 100 * float(low)  # type: ignore[arg-type]
    width = "" if high is None else f";width:{100 * float(high) - left:.2f}%"  # type: ignore[arg-type]
    return f"left:{left:.2f}%{width}"


def format_table(rows: VersionRows) -> str:
    """Every number of the profile; a split without a result keeps its line."""
    head = "".join(
        f'<th scope="col"{"" if number == 0 else _NUM}>{title}</th>' for number, title in enumerate(HEADINGS)
    )
    body = "".join(_format_row(one) for one in rows.splits)
    name = f"Results on {rows.version.name}"
    return (
        f'<div class="board-scroll" role="region" tabindex="0" aria-label="{escape(name)}">'
        f'<table class="board"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


_NUM = ' class="num"'


def _format_row(one: SplitRow) -> str:
    head = f'<th scope="row">{escape(one.split)}</th>'
    if one.row is None:
        return f'<tr>{head}<td class="none" colspan="{len(HEADINGS) - 1}">{NO_RESULT}</td></tr>'
    row = one.row
    cells = (
        format_accuracy(row, "top1"),
        format_accuracy(row, "clean") + _describe_clean(row),
        format_difference(row, "gap", "No clean reference."),
        format_robustness(row, "No line for this split, or the clean accuracy covers other classes.")
        + _describe_line(row),
        format_rank(row),
        format_count(row),
    )
    # On a phone rows are cards without headings: each number has its title beside it.
    titled = (
        f'<td{_NUM} data-title="{title.partition(",")[0]}">{cell}</td>'
        for title, cell in zip(HEADINGS[1:], cells, strict=True)
    )
    return f"<tr>{head}{''.join(titled)}</tr>"


def _describe_clean(row: Row) -> str:
    if is_missing(row["clean"]):
        return ""
    other = "" if row["same_classes"] else ", other classes"
    return f"<small>{escape(row['clean_set'])}, {escape(row['clean_kind'])}{other}</small>"


def _describe_line(row: Row) -> str:
    """Which line an effective robustness is measured from, and what that line expects."""
    if is_missing(row.get("er")):
        return ""
    expected = "" if is_missing(row["expected"]) else f", expects {format_percent(row['expected'], 1)} %"
    return f"<small>{escape(row['baseline'])}, {escape(row['link'])}{expected}</small>"
