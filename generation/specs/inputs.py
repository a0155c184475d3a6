"""What the images of a split are made from: prompts and source images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from imagenet_g.benchmark.records import FileModel, Sha256


class PromptSpec(FileModel):
    """How a prompt is made from a class and an index; see `prompts.recipes`."""

    recipe: str
    class_names: Literal["open_clip", "lemmas", "first-lemma", "clear"]
    template: str | None = None
    """For the recipe "template" only: text with the fields {c}, {h}, {d}, {b}."""


class CaptionPromptSpec(FileModel):
    """Prompts from a frozen caption file; see `captions.prompts`."""

    recipe: Literal["captions"]
    file: str
    """Path of a caption file (.jsonl), or the name of one that ships with the package."""
    sha256: Sha256 | None = None
    """Content hash in the file's header; absent: not pinned yet, and cannot be built."""


def _tell_prompts(value: object) -> str:
    recipe = value.get("recipe") if isinstance(value, dict) else getattr(value, "recipe", None)
    return PROMPT_TAGS[recipe == "captions"]


PROMPT_TAGS = ("prompts:patterns", "prompts:captions")
Prompts = Annotated[
    Annotated[PromptSpec, Tag(PROMPT_TAGS[0])] | Annotated[CaptionPromptSpec, Tag(PROMPT_TAGS[1])],
    Discriminator(_tell_prompts),
]


class SourceSpec(FileModel):
    """The real images that images are made from."""

    ref: str
    """A split reference, such as "imagenet-val"; `--sources` overrides it."""
    repeat: bool = False
    """Whether a class with fewer sources than images takes them again in turn; otherwise it is refused."""
