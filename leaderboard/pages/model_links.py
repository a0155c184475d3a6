"""Links to the page of a model, as addresses of the board and as HTML."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlencode

MODEL_TAB = "model"
"""The word of the tab in the address."""
LINK_CLASS = "model-link"


def make_model_address(model_id: str, version: str = "") -> str:
    """The address of a model's page, relative to the board.

    Example:
        >>> make_model_address("lab__net", "mini")
        '?version=mini&tab=model&model=lab__net'
    """
    words = {"version": version, "tab": MODEL_TAB, "model": model_id}
    return "?" + urlencode({name: word for name, word in words.items() if word})


def link_model(model_id: str, name: str, version: str = "") -> str:
    """A model's name as a link to its page.

    Example:
        >>> link_model("lab__net", "<Net>")
        '<a class="model-link" href="?tab=model&amp;model=lab__net">&lt;Net&gt;</a>'
    """
    return (
        f'<a class="{LINK_CLASS}" href="{escape(make_model_address(model_id, version))}">{escape(name)}</a>'
    )


def make_table_address(version: str, split: str) -> str:
    """The address of the table of a split, relative to the board.

    Example:
        >>> make_table_address("mini", "mini/real")
        '?version=mini&split=mini%2Freal'
    """
    return "?" + urlencode({"version": version, "split": split})


def strip_links(html: str) -> str:
    """HTML with the bare names in the place of links to models, for a page without a server behind it.

    Example:
        >>> strip_links(link_model("lab__net", "Net"))
        'Net'
    """
    return re.sub(rf'<a class="{LINK_CLASS}"[^>]*>(.*?)</a>', r"\1", html)
