"""Names in CSV files: a spreadsheet runs what starts like a formula."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def neutralise(value: T) -> T | str:
    """Text that cannot be a formula: a leading quote keeps spreadsheets from running it (OWASP).

    Example:
        >>> neutralise("=HYPERLINK(A1)"), neutralise("ResNet-50"), neutralise(-0.2)
        ("'=HYPERLINK(A1)", 'ResNet-50', -0.2)
    """
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value
