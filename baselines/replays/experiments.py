"""Experiments of the papers as data: what gives the rows, what they are measured on, and which claims follow.

Pure checks of one file; `experiment_files.py` reads it and looks up what lies outside of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.baselines.classifiers.specs import Name
from imagenet_g.baselines.replays.cells.specs import (
    DISTANCES,
    ExperimentPlotSpec,
    Measure,
    ProbeColumnSpec,
    ReadyRowSpec,
    SplitDistancesSpec,
    TrainedRowsSpec,
    name_step,
)
from imagenet_g.baselines.replays.columns import ColumnSpec
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.robustness.links import LinkName

Steps = Annotated[int, Field(ge=1, le=10**9)]


class ExperimentClaimSpec(FileModel):
    """A claim of a paper, in a form that the experiment can answer."""

    kind: Literal["sign", "rows", "columns"]
    """What is compared: the measure with 0; a row with the next one of `order` on each column; a column with
    the next one of `order` for each row. The one in front is expected to be higher."""
    text: str
    source: str
    """Where the paper says it."""
    measure: Measure
    order: tuple[str, ...] = ()
    """Rows or columns, the highest first."""
    rows: tuple[str, ...] = ()
    """Which it is about; empty for all."""
    columns: tuple[str, ...] = ()
    """Likewise; of the measure "loss" they are steps, such as "step 100"."""
    expected: Literal["above 0", "below 0"] = "above 0"
    """Of the kind "sign"."""

    @model_validator(mode="after")
    def _validate_kind(self) -> Self:
        if self.kind == "sign":
            if self.order:
                raise ValueError(f"claim '{self.text}' is about a sign and has no order")
            if self.measure not in ("gap", "robustness"):
                raise ValueError(f"claim '{self.text}': a {self.measure} has no sign; use gap or robustness")
        elif len(self.order) < 2:
            raise ValueError(f"claim '{self.text}' needs an order of two {self.kind} or more")
        # The clean set would be subtracted from both, and only add its own noise to the interval.
        if self.kind == "columns" and self.measure != "top-1":
            raise ValueError(f"claim '{self.text}' compares columns, which goes by top-1")
        return self


class ExperimentSpec(FileModel):
    """An experiment: rows, columns, measures and claims."""

    name: Name
    title: str
    published: tuple[str, ...] = ()
    """Printed tables it stands for, by their ids in `imagenet-g published`."""
    figures: tuple[str, ...] = ()
    """Printed figures, which nobody has transcribed: in words."""
    trained: tuple[TrainedRowsSpec, ...] = ()
    ready: tuple[ReadyRowSpec, ...] = ()
    reference: str | None = None
    """The clean set, where it is another than that of the file."""
    columns: tuple[ColumnSpec, ...] = ()
    steps: tuple[Steps, ...] = ()
    """For the measure "loss": steps of the training."""
    probes: tuple[ProbeColumnSpec, ...] = ()
    """For the measure "probe"."""
    trials: Annotated[int, Field(ge=1, le=1000)] = 30
    """Of the search behind each probe."""
    distances: SplitDistancesSpec | None = None
    """In place of models: rows are splits, whose distances in CLIP space are measured."""
    plot: ExperimentPlotSpec | None = None
    """Drawn beside the page."""
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    claims: tuple[ExperimentClaimSpec, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of its rows, in order."""
        if self.distances is not None:
            return (self.distances.reference_row, *(one.row for one in self.distances.rows))
        trained = (rows.name_row(mix) for rows in self.trained for mix in rows.mixes)
        return (*trained, *(ready.row for ready in self.ready))

    def list_columns(self, measure: Measure) -> tuple[str, ...]:
        """Names of the columns of a measure."""
        if measure == "loss":
            return tuple(name_step(step) for step in self.steps)
        if measure == "probe":
            return tuple(probe.column for probe in self.probes)
        if measure in DISTANCES:
            return tuple(one.column for one in self.distances.clips) if self.distances else ()
        return tuple(column.column for column in self.find_columns(measure))

    def find_columns(self, measure: Measure) -> tuple[ColumnSpec, ...]:
        """The columns that a measure is taken on."""
        return tuple(one for one in self.columns if not one.measures or measure in one.measures)

    @model_validator(mode="after")
    def _validate_columns(self) -> Self:
        for column in self.columns:
            for measure in column.measures:
                if measure not in self.measures:
                    raise ValueError(
                        f"column '{column.column}' is for {measure}, which '{self.name}' does not measure"
                    )
        return self

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        if not (self.published or self.figures):
            raise ValueError(f"experiment '{self.name}' names no printed table or figure")
        columns: dict[Measure, tuple[str, ...]] = {one: self.list_columns(one) for one in self.measures}
        for kind, names in (("row", self.rows), *(("column", found) for found in columns.values())):
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"experiment '{self.name}' has the {kind} '{twice[0]}' twice")
        for kind, found in (("rows", self.rows), *columns.items()):
            if not found:
                raise ValueError(f"experiment '{self.name}' has no {'columns for ' * (kind != 'rows')}{kind}")
        # They are no trainings from scratch on known images: a line says nothing about them that its own
        # models do not.
        if self.ready and {"robustness", "loss"} & {*self.measures}:
            raise ValueError(f"experiment '{self.name}': ready models have top-1 and gap only")
        # A row is a model or a split, and what is measured of one says nothing about the other.
        if self.distances is not None and (self.trained or self.ready or not {*columns} <= {*DISTANCES}):
            raise ValueError(
                f"experiment '{self.name}' has distances of splits and no models, or no distances"
            )
        for claim in self.claims:
            self._validate_claim(claim)
        if self.plot is not None:
            self.plot.validate_names(self.rows, columns)
        return self

    def _validate_claim(self, claim: ExperimentClaimSpec) -> None:
        where = f"claim '{claim.text}'"
        if claim.measure not in self.measures:
            raise ValueError(f"{where} is about {claim.measure}, which '{self.name}' does not measure")
        columns = self.list_columns(claim.measure)
        ordered = columns if claim.kind == "columns" else self.rows
        for names, known in ((claim.rows, self.rows), (claim.columns, columns), (claim.order, ordered)):
            for name in names:
                if name not in known:
                    raise ValueError(f"{where} names '{name}', which is not one of {', '.join(known)}")


class ExperimentsSpec(FileModel):
    """A replay of many experiments."""

    schema_version: Literal[2]
    name: Name
    title: str
    notice: str
    """Caution that the page prints above all numbers."""
    reference: str
    """The clean set."""
    link: LinkName
    """On which the line of effective robustness is fitted."""
    baseline: str
    """Models that the line goes through, by id or the path of its header; measured on each column."""
    make: dict[Name, str] = Field(default_factory=dict)
    """Versions that have to be made first, each with the command that makes it."""
    experiments: Annotated[tuple[ExperimentSpec, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _refuse_first_version(cls, content: object) -> object:
        # Else its tables would be refused one after the other, as keys that there are not.
        if isinstance(content, dict) and content.get("schema_version") == 1:
            raise ValueError(
                "schema_version 1 is no longer read; write its tables as [[experiments]] with "
                "schema_version 2, as baselines/README.md explains"
            )
        return content

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        names = Counter(experiment.name for experiment in self.experiments)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"experiment '{twice[0]}' is there twice")
        return self

    def choose(self, names: Sequence[str]) -> ExperimentsSpec:
        """Only the named experiments, in the order of the file; all without names.

        Raises:
            UnknownNameError: There is no such experiment.
        """
        known = [experiment.name for experiment in self.experiments]
        for name in names:
            if name not in known:
                raise UnknownNameError("experiment", name, known, where=f"of '{self.name}'")
        chosen = tuple(one for one in self.experiments if not names or one.name in names)
        return self.model_copy(update={"experiments": chosen})
