"""Recipes of small classifiers: what is trained on what, for how long; reviewed TOML in data/classifiers/."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, Protocol

from pydantic import Field, JsonValue, field_validator

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.training.schedules import ScheduleSpec

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class TrainingDataSpec(FileModel):
    """A split to learn from, whole or in part."""

    ref: str
    images_per_class: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many of each class; absent for all."""


class NetworkSpec(Protocol):
    """What a network is made from, whatever else a recipe says of it."""

    @property
    def name(self) -> str:
        """Its name in the recipe."""

    @property
    def architecture(self) -> str:
        """An architecture of timm."""

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """Of the architecture."""


class ClassifierSpec(FileModel):
    """One model of a recipe."""

    name: Name
    family: str
    """Models of one family are not independent points of a line."""
    architecture: str
    """As timm calls it."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Of timm's factory."""
    size_px: Annotated[int, Field(ge=8)] | None = None
    """Absent for the recipe's."""
    schedule: ScheduleSpec | None = None
    """Absent for the recipe's."""


class ClassifierRecipe(FileModel):
    """Models that learn the same classes from the same data."""

    schema_version: Literal[1]
    name: Name
    title: str
    license: str
    class_set: str
    """The classes of the outputs, ascending; the data must have images of each."""
    size_px: Annotated[int, Field(ge=8)]
    """Side of a model's input; images are resized to it."""
    flip: bool
    """Whether half the images of a batch are mirrored."""
    seed: int
    data: Annotated[tuple[TrainingDataSpec, ...], Field(min_length=1)]
    schedule: ScheduleSpec
    models: Annotated[tuple[ClassifierSpec, ...], Field(min_length=1)]

    @field_validator("models")
    @classmethod
    def _validate_names(cls, models: tuple[ClassifierSpec, ...]) -> tuple[ClassifierSpec, ...]:
        names = [model.name for model in models]
        if twice := next((name for name in names if names.count(name) > 1), None):
            # Two models of one name would share a checkpoint and a folder.
            raise ValueError(f"'{twice}' is listed twice; give each model a name of its own")
        return models

    def choose_models(self, names: Collection[str]) -> tuple[ClassifierSpec, ...]:
        """The models of these names in the recipe's order; all of them for no names.

        Raises:
            UnknownNameError: The recipe has no such model.
        """
        known = [model.name for model in self.models]
        for name in names:
            if name not in known:
                raise UnknownNameError("model", name, known, where=f"of '{self.name}'")
        # In the recipe's order, whatever the order of the options: a repeated command resumes in that order.
        return tuple(model for model in self.models if not names or model.name in names)

    def choose_schedule(self, model: ClassifierSpec) -> ScheduleSpec:
        """How long and how fast a model learns."""
        return model.schedule or self.schedule

    def choose_size(self, model: ClassifierSpec) -> int:
        """Side of a model's input in pixels."""
        return model.size_px or self.size_px


def list_recipes() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted.

    Example:
        >>> recipe = load_recipe(list_recipes()[0])
        >>> {recipe.choose_size(model) >= 8 for model in recipe.models}
        {True}
        >>> recipe.choose_models([recipe.models[0].name]) == recipe.models[:1]
        True
    """
    return list_shipped_names(_find_folder())


def load_recipe(name_or_path: str) -> ClassifierRecipe:
    """A shipped recipe, or a TOML file of your own.

    Raises:
        UnknownNameError: No such recipe.
        InputError: The file cannot be read or breaks the contract.
    """
    return load_shipped_spec(ClassifierRecipe, name_or_path, _find_folder(), kind="classifier recipe")


def _find_folder() -> Traversable:
    return files("imagenet_g.baselines.data") / "classifiers"
