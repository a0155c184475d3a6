"""Published tables as data, recomputed where they can be.

A figure keeps the text as printed beside what it should be: the difference of two printed accuracies for a
gap, the mean of the printed cells for an average. Where the two differ by more than rounding it is marked
as a slip. Cells that are not transcribed are absent, and a table that has only some is marked incomplete.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Literal

from pydantic import model_validator

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.records import Difference, FileModel, Fraction

Check = Literal["agrees", "slip", "unchecked"]


class PublishedFigure(FileModel):
    """One printed number; `printed` is its text, in percent."""

    row: str
    column: str
    kind: Literal["accuracy", "gap", "average"]
    # Text and not a number: "72.0" and "72" allow different rounding.
    printed: str
    accuracy: Fraction | None = None
    """For a gap: the accuracy on the shifted set, as printed elsewhere in the table."""
    reference: Fraction | None = None
    """For a gap: the clean accuracy."""
    cells: tuple[Difference, ...] = ()
    """For an average: the averaged cells, as printed."""
    reported: Difference | None = None
    """Recomputed by a reader of the table, from cells that are not transcribed here."""
    note: str = ""

    @property
    def value(self) -> float:
        """The printed number as a fraction."""
        return float(self.printed) / 100

    @model_validator(mode="after")
    def _validate_number(self) -> PublishedFigure:
        if not -100 <= float(self.printed) <= 100:
            raise ValueError(f"'{self.printed}' is not a percentage in [-100, 100]")
        return self


class PublishedTable(FileModel):
    """A table of a paper."""

    id: str
    title: str
    source: str
    complete: bool
    note: str
    figures: tuple[PublishedFigure, ...]


class PublishedFile(FileModel):
    """`published.toml`."""

    schema_version: Literal[1]
    tables: tuple[PublishedTable, ...]


def load_published_tables() -> dict[str, PublishedTable]:
    """All tables by id."""
    text = (files("imagenet_g.baselines.data") / "published.toml").read_text(encoding="utf-8")
    return {table.id: table for table in PublishedFile.model_validate(tomllib.loads(text)).tables}


def find_table(name: str) -> PublishedTable:
    """One table.

    Raises:
        UnknownNameError: There is no table of that id.

    Example:
        >>> len(find_table("imagenet-g-paper/table-9").figures) > 0
        True
    """
    tables = load_published_tables()
    if name not in tables:
        raise UnknownNameError("published table", name, tables)
    return tables[name]


def recompute_figure(figure: PublishedFigure) -> float | None:
    """What the number should be, a fraction; None where it does not follow from the table.

    Example:
        >>> gap = PublishedFigure(
        ...     row="resnet50", column="SD-L", kind="gap", printed="-20.4", accuracy=0.557, reference=0.761
        ... )
        >>> round(recompute_figure(gap), 3), check_figure(gap)
        (-0.204, 'agrees')
    """
    if figure.kind == "gap" and figure.accuracy is not None and figure.reference is not None:
        # The shifted set less the clean one: a drop is negative, as in the paper.
        return figure.accuracy - figure.reference
    if figure.kind == "average" and figure.cells:
        return sum(figure.cells) / len(figure.cells)
    return figure.reported


def check_figure(figure: PublishedFigure) -> Check:
    """Whether the printed number is what it should be, up to half a unit of its last digit.

    Example:
        >>> average = PublishedFigure(
        ...     row="mean", column="SD-L", kind="average", printed="15.0", cells=(0.1, 0.2)
        ... )
        >>> check_figure(average), check_figure(average.model_copy(update={"printed": "15.1"}))
        ('agrees', 'slip')
    """
    value = recompute_figure(figure)
    if value is None:
        return "unchecked"
    digits = len(figure.printed.partition(".")[2])
    half = 0.5 * 10**-digits
    # A tie may be rounded either way, and floats do not hold ties exactly.
    return "agrees" if abs(100 * value - float(figure.printed)) <= half + 1e-9 else "slip"
