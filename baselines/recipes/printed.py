"""What a paper does not print, marked as such in a recipe: the value used in its place, and why.

In a recipe any value may be a table of three keys, `printed = "not printed"`, `used` and `why`. It is read as
the value that is used, and the recipe keeps the list of all such places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel

_MARK = "printed"


class NotPrinted(FileModel):
    """A value that a paper does not print."""

    printed: Literal["not printed"]
    used: Any
    """What the recipe takes in its place."""
    why: str
    """Where that comes from."""


def settle(content: Any, where: str = "") -> tuple[Any, dict[str, NotPrinted]]:  # noqa: ANN401
    """A recipe's content with the values that are used, and the places that are not printed.

    Args:
        content: What TOML holds.
        where: The place of the content, dots between keys.

    Raises:
        InputError: A table with the key `printed` has other keys than `printed`, `used` and `why`.

    Example:
        >>> rate = {"printed": "not printed", "used": 0.1, "why": "common"}
        >>> settled, places = settle({"optimizer": {"learning_rate": rate}})
        >>> settled, list(places)
        ({'optimizer': {'learning_rate': 0.1}}, ['optimizer.learning_rate'])
    """
    if isinstance(content, Mapping):
        if _MARK in content:
            return _read_mark(content, where)
        return _settle_items(content, where)
    if isinstance(content, list):
        settled, places = _settle_items(dict(enumerate(content)), where)
        return list(settled.values()), places
    return content, {}


def _settle_items(items: Mapping[Any, Any], where: str) -> tuple[dict[Any, Any], dict[str, NotPrinted]]:
    values, places = {}, {}
    for key, value in items.items():
        values[key], found = settle(value, f"{where}.{key}" if where else str(key))
        places.update(found)
    return values, places


def _read_mark(content: Mapping[str, Any], where: str) -> tuple[Any, dict[str, NotPrinted]]:
    if set(content) != set(NotPrinted.model_fields) or content[_MARK] != "not printed":
        raise InputError(
            f"'{where}' must have the three keys printed = \"not printed\", used and why; it has "
            f"{', '.join(sorted(map(str, content)))}."
        )
    mark = NotPrinted.model_validate(content)
    return mark.used, {where: mark}
