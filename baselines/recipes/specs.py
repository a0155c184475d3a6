"""Recipes of classifiers: models, what they learn from, and how; reviewed TOML in `data/recipes/`.

A run is a model, a mix of sources and a seed; a recipe has all combinations of its models, mixes and seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from imagenet_g.baselines.augmenting.registry import StepSpec
from imagenet_g.baselines.classifiers.specs import Name
from imagenet_g.baselines.recipes.printed import NotPrinted, settle
from imagenet_g.baselines.recipes.rates import OptimizerSpec, RateSpec
from imagenet_g.baselines.recipes.resolutions import ResolutionSpec
from imagenet_g.baselines.recipes.sources import TrainingSourceSpec, Whole, fill_copies
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Channel = Annotated[float, Field(ge=0, le=1)]
Channels = tuple[Channel, Channel, Channel]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MAX_SIDE = 4096


class ModelSpecOfRecipe(FileModel):
    """A model of a recipe."""

    name: Name
    family: str
    """Models of one family are not independent points of a line."""
    architecture: str
    """As timm calls it."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Of timm's factory."""
    start: str | None = None
    """Weights to fine-tune: "tag:TAG" of timm, "packaged:NAME", "folder:PATH" of a trained model, or
    "file:PATH"; absent for training from scratch."""


class BudgetSpec(FileModel):
    """A fixed number of images, divided among sources."""

    images: Whole
    shares: Annotated[dict[str, Share], Field(min_length=1)]
    """Of each source; they sum to 1."""

    @model_validator(mode="after")
    def _validate_sum(self) -> Self:
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"the shares sum to {sum(self.shares.values()):g}, not to 1")
        return self


class MixSpec(FileModel):
    """What one model learns from: by proportion, by budget, or so many images of each class."""

    name: str
    proportions: dict[str, Positive] | None = None
    """Images of each source as a multiple of the size of the first one named: 0.25 of it, twice as many."""
    budget: BudgetSpec | None = None
    per_class: dict[str, Whole] | None = None
    """Images of each class."""
    classes: Literal["kept", "balanced"] = "kept"
    """Whether classes have images as the first source has them, or as many each."""
    short: Literal["refuse", "repeat"] = "refuse"
    """Where a source has fewer images of a class than are asked for: an error, or its images come again."""

    @model_validator(mode="after")
    def _validate_kind(self) -> Self:
        given = [kind for kind in (self.proportions, self.budget, self.per_class) if kind]
        if len(given) != 1:
            raise ValueError("a mix has exactly one of proportions, budget and per_class")
        if self.per_class and self.classes == "balanced":
            raise ValueError("per_class is balanced already; leave out classes")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources it draws from, the first one first."""
        if self.budget is not None:
            return tuple(self.budget.shares)
        return tuple(self.proportions or self.per_class or {})


class EvaluationSpec(FileModel):
    """How an image becomes an input when the model is evaluated; written into its configuration."""

    size_px: Annotated[int, Field(ge=8, le=MAX_SIDE)]
    crop_fraction: Annotated[float, Field(gt=0, le=1)] = 0.875
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"


class RecipeSpec(FileModel):
    """A recipe."""

    schema_version: Literal[1]
    name: Name
    title: str
    source: str
    """Where it was read: paper and section, or repository and commit."""
    stated: Literal["as printed", "as shipped", "own"]
    """By a paper, by the code its authors published, or by neither."""
    notice: str | None = None
    """What a reader must know before quoting a number."""
    license: str
    class_set: str
    """The classes of the outputs, ascending; every mix must have images of each."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, le=2**31 - 1)], ...], Field(min_length=1)]
    models: Annotated[tuple[ModelSpecOfRecipe, ...], Field(min_length=1)]
    sources: Annotated[tuple[TrainingSourceSpec, ...], Field(min_length=1)]
    mixes: Annotated[tuple[MixSpec, ...], Field(min_length=1)]
    epochs: Positive | None = None
    """Passes through a mix; or `steps`."""
    steps: Whole | None = None
    batch_size: Annotated[int, Field(ge=1, le=10**6)]
    """Over all processes."""
    optimizer: OptimizerSpec
    rate: RateSpec
    resolution: ResolutionSpec
    augment: tuple[StepSpec, ...]
    """In order; what they are is in `augmenting`."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the running mean of the weights, which is what is kept; 0 keeps the last weights."""
    clip_norm: Positive | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = True
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    evaluation: EvaluationSpec
    cache_px: Annotated[int, Field(ge=8, le=MAX_SIDE)] | None = None
    """Short side at which decoded images are kept; absent to decode them each time."""
    log_every: Whole = 50
    save_every: Whole = 500
    keep_every: Whole | None = None
    """Steps between two checkpoints that stay."""
    not_printed: dict[str, NotPrinted] = Field(default_factory=dict)
    """Filled from the recipe's own marks, by place."""

    @model_validator(mode="before")
    @classmethod
    def _settle(cls, content: Any) -> Any:  # noqa: ANN401
        if not isinstance(content, dict) or "not_printed" in content:
            return content
        try:
            settled, places = settle(content)
        except InputError as error:
            raise ValueError(str(error)) from error
        return settled | {"not_printed": places}

    @model_validator(mode="before")
    @classmethod
    def _fill_copies(cls, content: Any) -> Any:  # noqa: ANN401
        if isinstance(content, dict) and isinstance(content.get("sources"), list | tuple):
            return content | {"sources": fill_copies(content["sources"])}
        return content

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        for kind, names in (
            ("models", [model.name for model in self.models]),
            ("sources", [source.name for source in self.sources]),
            # Folders are named by them.
            ("mixes", [make_slug(mix.name) for mix in self.mixes]),
            ("seeds", list(map(str, self.seeds))),
        ):
            if twice := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"{kind} lists '{twice[0]}' twice")
        known = [source.name for source in self.sources]
        for mix in self.mixes:
            if strange := next((name for name in mix.sources if name not in known), None):
                raise ValueError(
                    f"mix '{mix.name}' names '{strange}', which is not one of {', '.join(known)}"
                )
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("a recipe has exactly one of epochs and steps")
        return self

    @model_validator(mode="after")
    def _validate_augmentations(self) -> Self:
        known = [source.name for source in self.sources]
        batch = ""
        for step in self.augment:
            if strange := next((name for name in step.only or () if name not in known), None):
                raise ValueError(
                    f"augmentation '{step.name}' names '{strange}', which is not one of {', '.join(known)}"
                )
            if batch and not step.is_batch:
                raise ValueError(f"'{batch}' changes a whole step and must stand behind '{step.name}'")
            batch = step.name if step.is_batch else ""
        return self

    def find_source(self, name: str) -> TrainingSourceSpec:
        """A source by its name."""
        return next(source for source in self.sources if source.name == name)

    def list_drawn_as(self, mix: MixSpec) -> tuple[str, ...]:
        """For each source of a mix the name that its images are drawn by: of a copy that of the original."""
        return tuple(self.find_source(name).copy_of or name for name in mix.sources)


@dataclass(frozen=True, slots=True)
class RecipeRun:
    """One training of a recipe.

    Attributes:
        recipe: The recipe.
        model: One of its models.
        mix: One of its mixes.
        seed: One of its seeds.
    """

    recipe: RecipeSpec
    model: ModelSpecOfRecipe
    mix: MixSpec
    seed: int

    @property
    def name(self) -> str:
        """Its folder below the output: model, mix, seed."""
        return f"{self.model.name}/{make_slug(self.mix.name)}/seed-{self.seed}"


def list_runs(
    recipe: RecipeSpec,
    *,
    models: Collection[str] = (),
    mixes: Collection[str] = (),
    seeds: Collection[int] = (),
) -> tuple[RecipeRun, ...]:
    """The chosen runs of a recipe in its own order; nothing chosen means all.

    Raises:
        UnknownNameError: A model, mix or seed is not in the recipe.
    """
    where = f"of '{recipe.name}'"
    _require("model", models, [model.name for model in recipe.models], where)
    _require("mix", mixes, [mix.name for mix in recipe.mixes], where)
    _require("seed", [str(seed) for seed in seeds], [str(seed) for seed in recipe.seeds], where)
    return tuple(_list_chosen(recipe, models, mixes, seeds))


def _list_chosen(
    recipe: RecipeSpec, models: Collection[str], mixes: Collection[str], seeds: Collection[int]
) -> Iterator[RecipeRun]:
    for mix in recipe.mixes:
        for model in recipe.models:
            for seed in recipe.seeds:
                if (
                    (not models or model.name in models)
                    and (not mixes or mix.name in mixes)
                    and (not seeds or seed in seeds)
                ):
                    yield RecipeRun(recipe, model, mix, seed)


def _require(kind: str, names: Collection[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known, where=where)


def list_recipes() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted.

    Example:
        >>> all(load_recipe(name).name == name for name in list_recipes())
        True
    """
    return list_shipped_names(_find_folder())


def load_recipe(name_or_path: str) -> RecipeSpec:
    """A shipped recipe, or a TOML file of your own.

    Raises:
        UnknownNameError: No such recipe.
        InputError: The file cannot be read or breaks the contract.
    """
    return load_shipped_spec(RecipeSpec, name_or_path, _find_folder(), kind="recipe")


def _find_folder() -> Traversable:
    return files("imagenet_g.baselines.data") / "recipes"
