"""Names in Markdown, read back by an independent reader (markdown-it)."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from imagenet_g.benchmark.terminal.markdown import escape_heading, format_code, format_fence, format_name

NAMES = (
    "m[ema]", ":fire:", "a`b", "`", "``a``", "a|b", "$x$", "<b>x</b>", "*x*", "_x_", "[x](y)", "# x", "- x",
    "@you", "#1", "&amp;", "\\", "a\\|b", " a ", "~~x~~", "1. x", "> x", "https://x.example",
)  # fmt: skip
ANY = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


def read(markdown: str) -> str:
    """The text that a reader sees."""
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(markdown)
    return html.unescape(re.sub(r"<[^>]+>", "", shown)).strip("\n")


@given(name=ANY)
@pytest.mark.parametrize("around", ["x {} y", "- x {}"])
def test_a_code_span_shows_the_name(around: str, name: str) -> None:
    """Whatever is in it."""
    assert read(around.format(format_code(name))) == around.format(name).removeprefix("- ")


@pytest.mark.parametrize("name", NAMES)
def test_a_code_span_in_a_table_is_one_cell(name: str) -> None:
    """A bar would end it."""
    table = f"| a | b |\n|---|---|\n| {format_code(name, cell=True)} | 1 |"
    cells = re.findall(r"<td>(.*?)</td>", MarkdownIt("gfm-like", {"linkify": False}).render(table))
    assert len(cells) == 2
    assert cells[1] == "1"


@pytest.mark.parametrize("name", [*NAMES, "resnet50.a1_in1k", "ResNet-50 (A1)", "a_", "x*y*z"])
def test_a_name_in_a_table_is_read_as_it_was_typed(name: str) -> None:
    """Plain ones without quotation."""
    table = f"| a | b |\n|---|---|\n| {format_name(name)} | 1 |"
    cells = re.findall(r"<td>(.*?)</td>", MarkdownIt("gfm-like", {"linkify": False}).render(table))
    shown = html.unescape(re.sub(r"</?(code|p)>", "", cells[0]))
    assert (shown, len(cells)) == (name, 2)


@given(name=ANY)
def test_escaped_text_shows_the_name(name: str) -> None:
    """No emphasis, link, heading or list."""
    assert read(f"x {escape_heading(name)}") == f"x {name}"


@pytest.mark.parametrize("name", [*NAMES, "```", "````\n# x", "~~~"])
def test_a_fence_holds_what_is_in_it(name: str) -> None:
    """A report quotes names of other people, and its own end must stay the end."""
    text = f"one\n{name}\ntwo"
    shown = MarkdownIt().render(f"{format_fence(text)}\n\nend")
    assert shown.count("<pre>") == 1
    assert html.unescape(re.search(r"<code>(.*)</code>", shown, re.DOTALL)[1]) == f"{text}\n"  # type: ignore[index]
    assert shown.endswith("<p>end</p>\n")
