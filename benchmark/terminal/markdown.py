"""Names from outside in Markdown: as they were typed, and never as markup."""

from __future__ import annotations

import re

from imagenet_g.benchmark.terminal.text import escape_controls, escape_lines

_INLINE = re.compile(r"([\\`*_\[\]<>$~&])")


def format_code(text: str, *, cell: bool = False) -> str:
    r"""Text as an inline code span, which holds any backticks (CommonMark 0.31, section 6.1).

    Args:
        text: Any text; a character that cannot be seen becomes its escape.
        cell: Whether it stands in a cell of a table, where a bar would end the cell.

    Example:
        >>> format_code("m[ema]"), format_code("a`b")
        ('`m[ema]`', '``a`b``')
        >>> format_code("a|b", cell=True)
        '`a\\|b`'
    """
    text = escape_controls(text)
    if cell:
        text = text.replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    # Blanks inside are taken away again where both ends have one, so that a backtick may stand at an end.
    space = " " if text[:1] in ("`", " ", "") or text[-1:] in ("`", " ") else ""
    return f"{'`' * (longest + 1)}{space}{text}{space}{'`' * (longest + 1)}"


def format_name(text: str) -> str:
    r"""A name for a cell of a table: plain where nothing in it could be markup, else a code span.

    Example:
        >>> format_name("timm:resnet50.a1_in1k"), format_name("python:fire:make"), format_name("a|b")
        ('timm:resnet50.a1_in1k', '`python:fire:make`', '`a\\|b`')
    """
    # Two colons may be an emoji, and underscores at the ends are emphasis; inside a word they are not.
    plain = re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 .,+()/_:-]*[A-Za-z0-9.+)])?", text)
    return text if plain and text.count(":") < 2 else format_code(text, cell=True)


def format_fence(text: str) -> str:
    r"""Text of several lines as a fenced code block, whatever fences stand in it.

    Example:
        >>> format_fence("one\n```\ntwo").splitlines()
        ['````', 'one', '```', 'two', '````']
    """
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{escape_lines(text)}\n{fence}"


def escape_heading(text: str) -> str:
    r"""A title for a heading: a backslash before markup inside a line only, so that it stays readable.

    Example:
        >>> escape_heading("ImageNet-G draft: DiT-XL/2, <b>$x$")
        'ImageNet-G draft: DiT-XL/2, \\<b\\>\\$x\\$'
    """
    return _INLINE.sub(r"\\\1", escape_controls(text))


def escape_cell(text: str) -> str:
    r"""Words for a cell of a table, readable as they are: markup gets a backslash, a bar ends no cell.

    Example:
        >>> escape_cell("p_c | up to 20 %")
        'p\\_c \\| up to 20 %'
    """
    return escape_heading(text).replace("|", "\\|")
