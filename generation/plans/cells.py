"""The cells of a plan: the same rows once for each replicate and each combination of swept values.

Only what was asked for leaves a trace. Replicate 0 without a sweep has the ids, seeds and columns that plans
had before there were replicates, because frozen releases must be made again byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.identity import make_image_id, make_seed
from imagenet_g.benchmark.splits.manifests import EqualsView
from imagenet_g.benchmark.strengths.axis import SERIES_COLUMN, STRENGTH_COLUMN
from imagenet_g.generation.specs.sweeps import SWEPT

if TYPE_CHECKING:
    import pyarrow as pa

    from imagenet_g.generation.specs.version import SplitSpec

REPLICATE_COLUMN = "replicate"
PLAN_COLUMNS = (REPLICATE_COLUMN, *SWEPT, SERIES_COLUMN)
"""Columns that a plan has only where its split asks for replicates or a sweep."""


@dataclass(frozen=True, slots=True)
class PlanCell:
    """One rendering of all classes and indices of a split.

    Attributes:
        replicate: 0 for the seeds of a split without replicates.
        settings: Value of each swept setting; empty without a sweep.
    """

    replicate: int = 0
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The settings in one word, part of an image's identity; empty without a sweep.

        Example:
            >>> PlanCell(0, {"guidance": 7.5, "steps": 50}).label
            'guidance=7.5/steps=50'
        """
        return "/".join(f"{name}={value}" for name, value in self.settings.items())


def list_cells(split: SplitSpec) -> Iterator[PlanCell]:
    """Cells in the order of the plan: by swept values, then by replicate.

    Swept values come outermost: a batch is called with one value of each setting.
    """
    axes = {} if split.sweep is None else split.sweep.axes
    for values in product(*axes.values()):
        for replicate in range(split.replicates):
            yield PlanCell(replicate, dict(zip(axes, values, strict=True)))


def make_identities(
    version: str, name: str, split: SplitSpec, wnid: str, count: int, cell: PlanCell
) -> dict[str, pa.Array]:
    """Columns `image_id` and `seed` of a class in a cell, and the columns of the cell where there are any.

    Args:
        version: Version name.
        name: Split name.
        split: The split.
        wnid: The class.
        count: Images of the class.
        cell: The cell.
    """
    import pyarrow as pa

    ids = [
        make_image_id(version, name, wnid, index, replicate=cell.replicate, setting=cell.label)
        for index in range(count)
    ]
    # The settings are no part of a seed: along a ladder the noise stays the same.
    seeds = [make_seed(version, name, wnid, index, replicate=cell.replicate) for index in range(count)]
    if split.seeds is not None:
        seeds = list(split.seeds)
    return {
        "image_id": pa.array(ids, pa.string()),
        "seed": pa.array(seeds, pa.int64()),
    } | _make_columns(split, cell, count)


def _make_columns(split: SplitSpec, cell: PlanCell, count: int) -> dict[str, pa.Array]:
    import pyarrow as pa

    columns: dict[str, pa.Array] = {}
    if split.replicates > 1:
        columns[REPLICATE_COLUMN] = pa.array(np.full(count, cell.replicate, np.int32))
    for key, value in cell.settings.items():
        columns[key] = pa.array([value] * count, pa.int32() if key == "steps" else pa.float64())
    if cell.settings:
        # All settings but the first stay fixed along a series, which then has one image a strength.
        fixed = list(cell.settings.items())[1:]
        place = "".join(f"/{key}={value}" for key, value in fixed)
        names = [f"{cell.replicate}/{index}{place}" for index in range(count)]
        columns[SERIES_COLUMN] = pa.array(names, pa.string())
    return columns


def list_cell_columns(split: SplitSpec) -> dict[str, str]:
    """Columns that the rows of a release take from the plan, with the name of their type.

    The ladder's own column `strength` repeats the first swept setting, so that accuracies by strength and
    failure points are those of any other ladder.

    Example:
        >>> from types import SimpleNamespace
        >>> list_cell_columns(SimpleNamespace(replicates=2, sweep=None))
        {'replicate': 'int32'}
    """
    found = {REPLICATE_COLUMN: "int32"} if split.replicates > 1 else {}
    if split.sweep is not None:
        found |= {key: "int32" if key == "steps" else "float64" for key in split.sweep.axes}
        found |= {STRENGTH_COLUMN: "float64", SERIES_COLUMN: "string"}
    return found


def map_cell_columns(split: SplitSpec) -> dict[str, str]:
    """Columns of `list_cell_columns`, with the plan's column that each is a copy of.

    Example:
        >>> from types import SimpleNamespace
        >>> sweep = SimpleNamespace(axes={"guidance": (1.0, 7.5)})
        >>> map_cell_columns(SimpleNamespace(replicates=1, sweep=sweep))
        {'guidance': 'guidance', 'strength': 'guidance', 'series': 'series'}
    """
    found = {name: name for name in list_cell_columns(split)}
    if split.sweep is not None:
        found[STRENGTH_COLUMN] = next(iter(split.sweep.axes))
    return found


def list_cell_views(split: SplitSpec) -> dict[str, EqualsView]:
    """A view for each replicate and each swept value, such as `replicate-1` and `guidance-7.5`.

    Example:
        >>> from types import SimpleNamespace
        >>> list(list_cell_views(SimpleNamespace(replicates=2, sweep=None)))
        ['replicate-0', 'replicate-1']
    """
    values: dict[str, tuple[float, ...]] = {}
    if split.replicates > 1:
        values[REPLICATE_COLUMN] = tuple(range(split.replicates))
    if split.sweep is not None:
        values |= split.sweep.axes
    return {
        f"{column}-{value}": EqualsView(column=column, value=str(value))
        for column, numbers in values.items()
        for value in numbers
    }


def format_cells(split: SplitSpec) -> str:
    """How often a split is rendered, in words behind its classes and images a class.

    Example:
        >>> from types import SimpleNamespace
        >>> format_cells(SimpleNamespace(replicates=3, sweep=None))
        ' x 3 replicates'
    """
    axes = {} if split.sweep is None else split.sweep.axes
    found = [f" x {len(values)} values of {name}" for name, values in axes.items()]
    return "".join([*found, f" x {split.replicates} replicates" if split.replicates > 1 else ""])


def read_settings(row: Mapping[str, object]) -> dict[str, float]:
    """The swept settings of a planned row, as a generator takes them.

    Example:
        >>> read_settings({"seed": 1, "guidance": 2.5})
        {'guidance': 2.5}
    """
    found = {key: row[key] for key in SWEPT if key in row}
    return {key: value for key, value in found.items() if isinstance(value, int | float)}
