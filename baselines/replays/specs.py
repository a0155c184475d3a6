"""Replays: a paper's experiments on the splits of some version, as data; reviewed TOML in `data/replays/`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.baselines.classifiers.specs import Name, TrainingDataSpec
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.robustness.links import LinkName
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec


class ReplayColumnSpec(FileModel):
    """A column of a table."""

    column: str
    ref: str
    """Reference of the split or view behind it."""


class GapSpec(FileModel):
    """A table of accuracy gaps: models by splits."""

    published: str
    """Id of the paper's table."""
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    splits: Annotated[tuple[ReplayColumnSpec, ...], Field(min_length=1)]


class FilteredSpec(FileModel):
    """The same models on views filtered by a score."""

    published: str
    reference: str
    """The clean set; at best a view filtered by the same rule."""
    splits: Annotated[tuple[ReplayColumnSpec, ...], Field(min_length=1)]
    """Columns are named as in the table of gaps."""


class MixtureSpec(FileModel):
    """What one model is trained on."""

    name: str
    data: Annotated[tuple[TrainingDataSpec, ...], Field(min_length=1)]
    generators: tuple[str, ...]
    """Whose images are among the data; empty for none."""


class TrainingExperimentSpec(FileModel):
    """One architecture trained on several mixtures, evaluated under natural shifts."""

    published: tuple[str, ...]
    recipe: str
    """Classifier recipe: schedule, input size, classes."""
    model: Name
    """The model of that recipe whose architecture and schedule are used."""
    mixtures: Annotated[tuple[MixtureSpec, ...], Field(min_length=1)]
    shifts: Annotated[tuple[ReplayColumnSpec, ...], Field(min_length=1)]
    baseline: str
    """Set of models that the line of effective robustness goes through, by id or the path of its header; they
    are measured on the shifts."""


class ClaimSpec(FileModel):
    """A claim of the paper, in a form that the tables can answer."""

    kind: Literal["gap", "order", "filtered-gap", "exempt", "accuracy", "robustness"]
    """What is compared: gaps with 0, on whole or on filtered splits, expected below; those of models that are
    said to be exempt, expected above; column `first` with `second`, expected lower; mixture `first` with
    `second` in accuracy under each shift, expected higher; neighbours of `order` in effective robustness,
    expected higher in front."""
    text: str
    source: str
    first: str | None = None
    second: str | None = None
    order: tuple[str, ...] = ()
    """Mixtures, the most robust first."""
    models: tuple[str, ...] = ()
    """For the kinds about gaps: the rows it is about; empty for all."""
    columns: tuple[str, ...] = ()
    """Likewise the columns."""

    @property
    def needs_training(self) -> bool:
        """Whether it compares models that the replay trains."""
        return self.kind in ("accuracy", "robustness")


class ReplaySpec(FileModel):
    """A replay."""

    schema_version: Literal[1]
    name: Name
    title: str
    notice: str
    """Caution that the page prints above all numbers."""
    reference: str
    """The clean set."""
    link: LinkName
    """On which the line of effective robustness is fitted."""
    gaps: GapSpec
    filtered: FilteredSpec
    training: TrainingExperimentSpec
    claims: tuple[ClaimSpec, ...]

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        # Checked when the file is read: the tables are indexed by these names at the very end, and a
        # misspelt one would raise KeyError after all training is done.
        columns = [split.column for split in self.gaps.splits]
        mixtures = [mixture.name for mixture in self.training.mixtures]
        for split in self.filtered.splits:
            _require(split.column, columns, "filtered.splits")
        for claim in self.claims:
            for name, known in _list_names(claim, list(self.gaps.models), columns, mixtures):
                _require(name, known, f"claim '{claim.text}'")
            if claim.kind == "robustness" and len(claim.order) < 2:
                raise ValueError(f"claim '{claim.text}' needs an order of two mixtures or more")
        return self


def _list_names(
    claim: ClaimSpec, models: list[str], columns: list[str], mixtures: list[str]
) -> Iterator[tuple[str | None, list[str]]]:
    """Every name in a claim, with the names it must be one of."""
    # Only two kinds compare a first with a second; the others name neither.
    pair = {"order": columns, "accuracy": mixtures}.get(claim.kind)
    for name in (claim.first, claim.second) if pair else ():
        yield name, pair or []
    yield from ((name, mixtures) for name in claim.order)
    yield from ((name, models) for name in claim.models)
    yield from ((name, columns) for name in claim.columns)


def _require(name: str | None, known: list[str], where: str) -> None:
    if name not in known:
        raise ValueError(f"{where} names '{name}', which is not one of {', '.join(known)}")


def list_replays() -> tuple[str, ...]:
    """Names of the shipped replays, sorted.

    Example:
        >>> all(load_replay(name).name == name for name in list_replays())
        True
    """
    return list_shipped_names(_find_folder())


def load_replay(name_or_path: str) -> ReplaySpec:
    """A shipped replay, or a TOML file of your own.

    Raises:
        UnknownNameError: No such replay.
        InputError: The file cannot be read or breaks the contract.
    """
    return load_shipped_spec(ReplaySpec, name_or_path, _find_folder(), kind="replay")


def _find_folder() -> Traversable:
    return files("imagenet_g.baselines.data") / "replays"
