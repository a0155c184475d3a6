"""The schema of a frozen caption file: its header with the model's card, and one row a caption."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from imagenet_g.benchmark.records import Count, FileModel, Sha256

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Positive = Annotated[int, Field(ge=1)]
Wnid = Annotated[str, Field(pattern=r"^n\d{8}$")]
# No line break inside: the content hash is taken over lines, and would be ambiguous.
Line = Annotated[str, Field(min_length=1, pattern=r"^\S(?:[^\n\r]*\S)?$")]


class WeightsRecord(FileModel):
    """A model: enough to find the same weights again."""

    spec: str
    """Hub name, `open_clip:` spec or the name of a local folder."""
    revision: str | None
    """Commit of the repository; null if unknown, or if the model is not in a repository."""
    weights_sha256: Sha256


class CaptionStageRecord(FileModel):
    """One stage of training."""

    method: Literal["sft", "grpo", "rloo"]
    settings: dict[str, JsonValue]
    settings_sha256: Sha256
    steps: Count
    weights_sha256: Sha256
    """Weights at the end of the stage."""


class SeedsRecord(FileModel):
    """The captions that stage 1 learned from."""

    source: str
    """Their origin, such as "scenes" or "file:captions.txt"."""
    num_captions: Count
    sha256: Sha256


class MeansRecord(FileModel):
    """The class means that captions were trained to be far from."""

    ref: str
    """Split of the images."""
    content_sha256: Sha256
    """The split's own content hash."""
    images_per_class: Positive
    """Upper bound; a class with fewer images uses all it has."""
    normalization: Literal["images", "images-and-mean"]
    """Embeddings have length 1 before the mean; "images-and-mean": the mean is scaled to length 1, too."""
    sha256: Sha256
    """Hash of the float32 means in class order."""
    # Has a default, because means were made before it was recorded; a frozen file without it stays as it is.
    clip_sha256: Annotated[Sha256 | None, Field(exclude_if=lambda value: value is None)] = None
    """Identity of the CLIP that embedded the images, see `ClipEncoder.identify`; absent where unknown."""


class CaptionCard(FileModel):
    """How the captions were made."""

    language_model: WeightsRecord
    """The model before stage 1."""
    seeds: SeedsRecord
    stages: tuple[CaptionStageRecord, ...]
    clip: WeightsRecord
    means: MeansRecord
    objective: dict[str, JsonValue]
    sampling: dict[str, JsonValue]
    seed: int
    versions: dict[str, str]
    remark: str | None
    """A remark for readers, such as a difference from the paper."""


class CaptionHeader(FileModel):
    """First line of a caption file."""

    schema_version: Literal[1]
    kind: Literal["imagenet-g captions"]
    name: Slug
    version: Positive
    license: str
    """SPDX expression, or "unknown"."""
    num_captions: Count
    num_classes: Count
    content_sha256: Sha256
    """Hash of class, rank and text of every caption, in order; see `hash_captions`."""
    card: CaptionCard | None
    """Null for captions of unknown origin."""


class CaptionRecord(FileModel):
    """One caption."""

    wnid: Wnid
    rank: Count
    """0 is the best of its class."""
    caption: Line
    reward: float | None
    """Minus the cosine to the class mean, in [-1, 1]; null if it was not measured."""
