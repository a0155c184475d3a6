"""Rules: which cells of a printed table follow from which, as `papers.toml` states them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from imagenet_g.benchmark.records import FileModel


class AverageRule(FileModel):
    """In each row, one column is the mean of the others of the same quantity."""

    kind: Literal["average"]
    column: str
    quantity: str


class GapRule(FileModel):
    """Each cell of `quantity` is the accuracy in its place less that of the row's `reference` column."""

    kind: Literal["gap"]
    quantity: str
    of: str
    reference: str


class RowDifferenceRule(FileModel):
    """In each column, the cell of `row` is that of row `first` less that of row `second`."""

    kind: Literal["row-difference"]
    row: str
    quantity: str
    of: str
    first: str
    second: str


class ColumnDifferenceRule(FileModel):
    """In each row that has it, the cell of `column` is that of column `first` less that of `second`."""

    kind: Literal["column-difference"]
    column: str
    quantity: str
    of: str
    first: str
    second: str


class SameRule(FileModel):
    """Cells that another table prints too."""

    kind: Literal["same"]
    table: str
    columns: dict[str, str] = Field(default_factory=dict)
    """The other table's columns by this one's; only these where any is named, else all of one name."""
    rows: dict[str, str] = Field(default_factory=dict)
    """The other table's rows by this one's, besides those of one name."""
    quantities: dict[str, str] = Field(default_factory=dict)


class ElsewhereRule(FileModel):
    """A clean accuracy that the model's own authors publish."""

    kind: Literal["elsewhere"]
    row: str
    column: str
    quantity: str
    model: str
    """Spec, as in `benchmark/data/published_top1.csv`."""


class TopFiveRule(FileModel):
    """A "top-5" column is at least its "top-1" column."""

    kind: Literal["top-5"]
    quantity: str


Rule = Annotated[
    AverageRule | GapRule | RowDifferenceRule | ColumnDifferenceRule | SameRule | ElsewhereRule | TopFiveRule,
    Field(discriminator="kind"),
]
