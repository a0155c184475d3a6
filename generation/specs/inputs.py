"""What the images of a split are made from, and how many a class has: prompts, source images, counts.

A key that is absent stays out of the recipe, so that a plan made before the key existed keeps its hash.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from imagenet_g.benchmark.classes import load_index_by_wnid
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.generation.specs.stages import Positive

MAX_PARTS = 20
MAX_SHARE = 1000
IMAGENET_TRAIN = "imagenet-train"


class PromptSpec(FileModel):
    """How a prompt is made from a class and an index; see `prompts.recipes`."""

    recipe: str
    class_names: Literal["open_clip", "lemmas", "first-lemma", "clear"]
    template: str | None = None
    """For the recipe "template" only: text with the fields {c}, {h}, {d}, {b}."""
    hypernyms: Annotated[Literal["first", "all"], Field(exclude_if=lambda value: value == "first")] = "first"
    """What {h} is: the first hypernym in WordNet, or all of them, separated by commas."""
    scenes: Annotated[Literal["listed", "readable"], Field(exclude_if=lambda value: value == "listed")] = (
        "listed"
    )
    """How {b} is spelt: as Places365 lists it ("garage outdoor"), or as a sentence does ("a garage
    outdoors")."""


class CaptionPromptSpec(FileModel):
    """Prompts from a frozen caption file; see `captions.prompts`."""

    recipe: Literal["captions"]
    file: str
    """Path of a caption file (.jsonl), or the name of one that ships with the package."""
    sha256: Sha256 | None = None
    """Content hash in the file's header; absent: not pinned yet, and cannot be built."""


class PromptPart(PromptSpec):
    """One of several recipes of a mix."""

    share: Annotated[int, Field(ge=1, le=MAX_SHARE, strict=True)] = 1
    """Its images out of the sum of all shares."""


class MixedPromptSpec(FileModel):
    """Several recipes in one split, in the proportion of their shares within every class."""

    recipe: Literal["mixed"]
    parts: Annotated[tuple[PromptPart, ...], Field(min_length=2, max_length=MAX_PARTS)]


def _tell_prompts(value: object) -> str:
    recipe = value.get("recipe") if isinstance(value, dict) else getattr(value, "recipe", None)
    return f"prompts:{recipe}" if recipe in ("captions", "mixed") else PROMPT_TAGS[0]


PROMPT_TAGS = ("prompts:patterns", "prompts:captions", "prompts:mixed")
AnyPromptSpec = PromptSpec | CaptionPromptSpec | MixedPromptSpec
Prompts = Annotated[
    Annotated[PromptSpec, Tag(PROMPT_TAGS[0])]
    | Annotated[CaptionPromptSpec, Tag(PROMPT_TAGS[1])]
    | Annotated[MixedPromptSpec, Tag(PROMPT_TAGS[2])],
    Discriminator(_tell_prompts),
]


class SourceSpec(FileModel):
    """The real images that images are made from."""

    ref: str
    """A split reference, such as "imagenet-val"; `--sources` overrides it."""
    repeat: bool = False
    """Whether a class with fewer sources than images takes them again in turn; otherwise it is refused."""


class CountSpec(FileModel):
    """How many images each class has, where classes differ."""

    of: Literal["imagenet-train"] | None = None
    """The set that has these counts; what it has is read on the machine that plans."""
    times: Annotated[Positive, Field(exclude_if=lambda value: value == 1)] = 1
    """Images for each image of the set."""
    images: dict[str, Positive] = Field(default_factory=dict)
    """Images by wnid, before `times`; for counts of a set empty in a spec and filled in for a plan."""

    @model_validator(mode="after")
    def _validate_counts(self) -> Self:
        if self.of is None and not self.images:
            raise ValueError(f"needs 'of' = '{IMAGENET_TRAIN}', or 'images' by wnid")
        if strange := sorted(self.images.keys() - load_index_by_wnid().keys()):
            raise ValueError(f"'{strange[0][:40]}' is no wnid of the 1000 classes")
        return self

    def count(self, wnid: str) -> int:
        """Images of a class; call it on counts that are filled in.

        Example:
            >>> CountSpec(images={"n01440764": 732}, times=10).count("n01440764")
            7320
        """
        return self.images[wnid] * self.times


def _expand_counts(value: object) -> object:
    return {"of": value} if isinstance(value, str) else value


Counts = Annotated[CountSpec, BeforeValidator(_expand_counts)]
