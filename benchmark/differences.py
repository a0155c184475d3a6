"""Where two pieces of plain data differ, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue


def list_differences(old: JsonValue, new: JsonValue, where: str = "") -> list[str]:
    """Each place where two recipes or settings differ.

    Example:
        >>> list_differences({"steps": 50, "size": {"px": 64}}, {"steps": 30, "size": {"px": 64}})
        ['steps: 50 became 30']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]
        return [line for key, a, b in pairs for line in list_differences(a, b, f"{where}.{key}".strip("."))]
    if old == new:
        return []
    return [f"{where}: {_shorten(old)} became {_shorten(new)}"]


def _shorten(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
