"""TOML and JSON as hands and other programs write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from door_tables import ODD_JSON, alter_json
from hypothesis import strategies as st

HARD_TEXTS = {
    "nothing": "",
    "long number": 'title = "x"\nnumber = ' + "9" * 5000,
    "deep list": "list = " + "[" * 20_000,
    "deep tables": "table = " + "{a = " * 5_000,
    "doubled key": "a = 1\na = 2",
    "JSON": '{"a": 1}',
    "null": "null",
    "deep JSON": "[" * 100_000,
    "long number in JSON": "[" + "9" * 5000 + "]",
    "NaN": '{"a": NaN}',
    "half a character": '{"a": "\\ud800"}',
    "mark of Windows": "\ufeff{}",
}
"""By names, because hypothesis would print them whole."""


Change = tuple[list[int], object]
CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.sampled_from(ODD_JSON)), max_size=2
)
"""Up to two values to replace, each by the steps that lead to it."""


def apply_changes(document: object, changes: Sequence[Change]) -> object:
    """The document with the values replaced."""
    for path, odd in changes:
        document = alter_json(document, path, odd)
    return document


def format_toml(document: object) -> str:
    """A document as TOML, tables inline; what TOML cannot hold is left out."""
    tables = document if isinstance(document, Mapping) else {"value": document}
    return "\n".join(f"{format_key(key)} = {format_value(v)}" for key, v in tables.items() if v is not None)


def format_key(key: object) -> str:
    """A quoted key."""
    return format_value(str(key))


def format_value(value: object) -> str:
    """One value; null in a list becomes a text."""
    match value:
        case Mapping():
            inside = ", ".join(
                f"{format_key(k)} = {format_value(v)}" for k, v in value.items() if v is not None
            )
            return "{" + inside + "}"
        case list() | tuple():
            return "[" + ", ".join(format_value(one) for one in value) + "]"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            # TOML has no escapes for halves of characters.
            return json.dumps(value.encode(errors="replace").decode())
        case _:
            return json.dumps(str(value))
