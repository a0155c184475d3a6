"""Rows, columns, measures and plots of an experiment, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.baselines.feature_analysis.records import MeasureName
from imagenet_g.baselines.recipes.specs import RecipeRun, list_runs, load_recipe
from imagenet_g.benchmark.distances.protocols import Protocol
from imagenet_g.benchmark.records import FileModel

FeatureName = Literal[
    "sparsity",
    "intra-class distance",
    "redundancy",
    "coding length",
    "redundancy at length 1",
    "coding length at length 1",
]
DistanceName = Literal["CLIP similarity", "Mahalanobis distance"]
Measure = Literal["top-1", "gap", "robustness", "loss", "probe"] | FeatureName | DistanceName
FEATURES: dict[FeatureName, tuple[MeasureName, bool]] = {
    "sparsity": ("sparsity", True),
    "intra-class distance": ("intra-class distance", True),
    "redundancy": ("redundancy", False),
    "coding length": ("coding length", False),
    "redundancy at length 1": ("redundancy", True),
    "coding length at length 1": ("coding length", True),
}
"""Measures of features: their names in `imagenet-g features`, and whether features are at length 1. The last
two normalise as the text of the paper says, the two before them as the caption of its Fig. 5."""
DISTANCES: tuple[DistanceName, ...] = ("CLIP similarity", "Mahalanobis distance")
ACCURACIES = frozenset({"top-1", "gap", "robustness"})
"""Measures of answers to the images of the columns."""


class TrainedRowsSpec(FileModel):
    """Rows that are trained: one for each mix, averaged over models and seeds."""

    recipe: str
    """Of `baselines train`, by name or as a .toml file."""
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    mixes: Annotated[tuple[str, ...], Field(min_length=1)]
    label: str | None = None
    """Put before the name of the mix, where two recipes train on mixes of one name."""

    def name_row(self, mix: str) -> str:
        """The row of a mix.

        Example:
            >>> rows = TrainedRowsSpec(recipe="r", models=("m",), mixes=("real",), label="multi-crop")
            >>> rows.name_row("real")
            'multi-crop: real'
        """
        return mix if self.label is None else f"{self.label}: {mix}"


class ReadyRowSpec(FileModel):
    """A row that is a model of its own."""

    row: str
    model: str
    """Its spec, such as `timm:NAME`."""


class ProbeColumnSpec(FileModel):
    """A data set that linear probes are learnt and tested on."""

    column: str
    set: str
    """Of `imagenet-g probe`, by name or as a .toml file."""


class SplitRowSpec(FileModel):
    """A row that is a split, whose distance is measured."""

    row: str
    ref: str


class ClipColumnSpec(FileModel):
    """A CLIP that distances are measured by."""

    column: str
    clip: str
    """Its spec, such as `open_clip:ARCH/PRETRAINED`."""


class SplitDistancesSpec(FileModel):
    """Rows that are splits, measured from the images of a reference, class by class."""

    reference: str
    reference_row: str
    """Name of the row with the distances of the reference's own images."""
    rows: Annotated[tuple[SplitRowSpec, ...], Field(min_length=1)]
    clips: Annotated[tuple[ClipColumnSpec, ...], Field(min_length=1)]
    protocol: Protocol = "paper"
    """Of `imagenet-g distance`."""
    per_class: Annotated[int, Field(ge=1)] | None = None
    """Most images a class on each side."""
    components: Annotated[int, Field(ge=1)] = 64
    """Dimensions of the Mahalanobis distance."""

    @property
    def refs(self) -> tuple[str, ...]:
        """All splits, the reference first."""
        return (self.reference, *(row.ref for row in self.rows))


class PlotLineSpec(FileModel):
    """One line of a plot: rows along its axis."""

    label: str
    rows: Annotated[tuple[str, ...], Field(min_length=2)]


class ExperimentPlotSpec(FileModel):
    """How the numbers of one measure are drawn."""

    kind: Literal["spider", "lines"]
    """An axis for each column and a line for each row; or lines over `x`, a panel for each column."""
    measure: Measure
    x: tuple[float, ...] = ()
    """Of "lines": where the rows of each line stand; absent for the measure "loss", which goes by step."""
    x_label: str = "step"
    lines: tuple[PlotLineSpec, ...] = ()
    """Of "lines"; absent for the measure "loss", which has a line for each row."""

    @model_validator(mode="after")
    def _validate_kind(self) -> Self:
        has_lines = self.kind == "lines" and self.measure != "loss"
        if has_lines != bool(self.lines):
            raise ValueError(
                f"a plot '{self.kind}' of {self.measure} {'needs' if has_lines else 'has no'} lines"
            )
        for line in self.lines:
            if len(line.rows) != len(self.x):
                raise ValueError(
                    f"line '{line.label}' has {len(line.rows)} rows for {len(self.x)} places of x"
                )
        if self.kind == "spider" and self.measure == "loss":
            raise ValueError("a loss is drawn by 'lines'")
        return self

    def validate_names(self, rows: Sequence[str], columns: Mapping[Measure, Sequence[str]]) -> None:
        """Check it against its experiment.

        Args:
            rows: All rows.
            columns: Of each measure.

        Raises:
            ValueError: It draws what is not measured or not there.
        """
        if self.measure not in columns:
            raise ValueError(f"the plot draws {self.measure}, which is not measured")
        # Two axes are one line, and a figure of it shows no more than the table.
        if self.kind == "spider" and len(columns[self.measure]) < 3:
            raise ValueError("a spider plot needs three columns or more")
        for name in (row for line in self.lines for row in line.rows):
            if name not in rows:
                raise ValueError(f"the plot names '{name}', which is not one of {', '.join(rows)}")


def name_step(step: int) -> str:
    """A step of a training as a column."""
    return f"step {step}"


def list_row_runs(rows: TrainedRowsSpec, *, seeds: int | None = None) -> dict[str, tuple[RecipeRun, ...]]:
    """The trainings of each row: all seeds of its recipe, or the first so many.

    Args:
        rows: Of an experiment.
        seeds: Most seeds of a recipe; None for all.

    Raises:
        ImagenetGError: The recipe cannot be read, or has no such model or mix.
    """
    recipe = load_recipe(rows.recipe)
    chosen = recipe.seeds[:seeds]
    return {
        rows.name_row(mix): list_runs(recipe, models=rows.models, mixes=[mix], seeds=chosen)
        for mix in rows.mixes
    }
