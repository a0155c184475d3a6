"""The manifest of a release: what files there are, what they hold, and which views are defined on them.

`manifest.json` is written last, so its presence means the release is complete. A published one never changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.storage import write_text

MANIFEST_NAME = "manifest.json"
AuditView = Literal["audited", "audited-simulated"]
SplitRole = Literal["test", "train", "sealed"]
HubSplit = Literal["validation", "train"]
# A test set is "validation" to `datasets`, as that of ImageNet is: published releases are named so. A sealed
# set becomes a test set when it is opened, and keeps its files.
HUB_SPLITS: dict[SplitRole, HubSplit] = {"test": "validation", "train": "train", "sealed": "validation"}
_RELATIVE_PATH = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class FileRecord(FileModel):
    """One file of a release."""

    path: Annotated[str, Field(pattern=_RELATIVE_PATH)]
    """Relative to the manifest, with forward slashes; no part starts with a dot, so never upwards."""
    sha256: Sha256
    num_bytes: Count
    num_rows: Count


class ClassView(FileModel):
    """Rows whose label is in a registered class set."""

    kind: Literal["classes"] = "classes"
    class_set: str


class EqualsView(FileModel):
    """Rows where a column has one value, such as `hand = noto`."""

    kind: Literal["equals"] = "equals"
    column: str
    value: str
    class_set: str | None = None
    """Of these, only rows whose label is in a registered class set; null for all."""


class ThresholdView(FileModel):
    """Rows where a numeric column is at least a minimum, such as a CLIP score of 0.3."""

    kind: Literal["threshold"] = "threshold"
    column: str
    minimum: float


# Discriminated: an error then names the fields of one kind of view, and not of all three in turn.
PlainView = Annotated[ClassView | EqualsView | ThresholdView, Field(discriminator="kind")]
MAX_COMBINED = 16


class CombinedView(FileModel):
    """Rows that are in every one of several views, such as those of a CLIP score that are safe and not flat.

    They stand in it whole and not by name, so that it means the same whatever other views are called.
    """

    kind: Literal["all"] = "all"
    views: Annotated[tuple[PlainView, ...], Field(min_length=2, max_length=MAX_COMBINED)]


ViewSpec = Annotated[ClassView | EqualsView | ThresholdView | CombinedView, Field(discriminator="kind")]


def list_parts(view: ViewSpec) -> tuple[PlainView, ...]:
    """The views that rows must be in to be in this one: itself, or the parts of a combined one.

    Example:
        >>> safe = ThresholdView(column="safe_probability.nsfw", minimum=0.8)
        >>> list_parts(CombinedView(views=(safe, EqualsView(column="is_flat", value="False"))))[0] == safe
        True
        >>> list_parts(safe) == (safe,)
        True
    """
    return view.views if isinstance(view, CombinedView) else (view,)


class ScorerRecord(FileModel):
    """The model behind a column of scores, as far as a release records it."""

    model: str | None
    """Its spec; a local folder by its name. Null where it is unknown."""
    weights_sha256: Sha256 | None
    """Null where it is unknown: then no other column can be shown to be of the same model."""
    text: str | None = None
    """For a CLIP: what the image is compared with, {c} for the name of the class."""
    preprocessing: str | None = None
    """The whole transform, as its library prints it."""


class AuditFiles(FileModel):
    """People's ratings of the split's images, as files of the release; see `benchmark/audits`."""

    simulated: bool
    """Whether a program made them; they then say nothing about the images."""
    sample: FileRecord
    ratings: Annotated[tuple[FileRecord, ...], Field(min_length=1)]
    """One file a rater."""

    def list_files(self) -> tuple[FileRecord, ...]:
        """Sample and ratings."""
        return (self.sample, *self.ratings)

    def describe(self) -> str:
        """The images of its view, in words for a card."""
        kind = "simulated rater" if self.simulated else "rater"
        raters = f"{len(self.ratings)} {kind}{'' if len(self.ratings) == 1 else 's'}"
        caution = "; simulated answers say nothing about the images" if self.simulated else ""
        return f"images that the majority of {raters} calls valid, of those in `{self.sample.path}`{caution}"


class OpenedSibling(FileModel):
    """What was secret of a private sibling, once its version has retired."""

    key: Sha256
    """The key itself, 64 hex digits."""
    plan_sha256: Sha256
    """Hash of the sibling's plan."""


class SiblingRecord(FileModel):
    """The private sibling of a split: recorded in the public release and in the sibling alike."""

    commitment: Sha256
    """Hash of the key and of both plans: it tells nothing of them, and fits no others."""
    num_images: Count
    images_per_class: Count | None
    """Twins of each class, where the key chose some; null where every public image has one."""
    # Absent while it is sealed, so that opening it adds to the manifest and changes nothing else.
    opened: Annotated[OpenedSibling | None, Field(exclude_if=lambda value: value is None)] = None


class SplitManifest(FileModel):
    """One split of a release."""

    files: tuple[FileRecord, ...]
    num_images: Count
    class_indices: tuple[Annotated[int, Field(ge=0, le=999)], ...]
    """Classes that have images, ascending."""
    views: dict[_Name, ViewSpec]
    recipe: JsonValue
    """How the images were made, in full; the words are the recipe's own."""
    # Absent where empty: frozen manifests lack it, and one that is written again must be the same bytes.
    audits: Annotated[dict[AuditView, AuditFiles], Field(exclude_if=lambda value: not value)] = Field(
        default_factory=dict
    )
    """Audits by the view that each gives the split; see `format_audit_view`."""

    # Absent for a test set, for the same reason.
    role: Annotated[SplitRole, Field(exclude_if=lambda value: value == "test")] = "test"
    """What the images are for: models are measured on a test set, and trained on a training set; a sealed
    one is kept by maintainers and scored by 'imagenet-g sibling score' alone."""
    sibling: Annotated[SiblingRecord | None, Field(exclude_if=lambda value: value is None)] = None
    """The private sibling; null for a split without one."""

    @property
    def hub_split(self) -> HubSplit:
        """What `load_dataset` calls it, and how its files are named."""
        return HUB_SPLITS[self.role]

    @model_validator(mode="after")
    def _validate_audits(self) -> Self:
        for view, audit in self.audits.items():
            if view != format_audit_view(simulated=audit.simulated):
                raise ValueError(f"an audit that gives the view '{view}' says simulated: {audit.simulated}")
        return self

    def list_audit_files(self) -> tuple[FileRecord, ...]:
        """Files of all audits."""
        return tuple(file for audit in self.audits.values() for file in audit.list_files())

    def list_files(self) -> tuple[FileRecord, ...]:
        """Images and audits: what a reader of the split may need."""
        return (*self.files, *self.list_audit_files())

    def list_scorers(self) -> dict[str, ScorerRecord]:
        """The scorers that the recipe describes, by the name that ends their columns.

        A recipe has its own words, and a release may be made by other means: what it does not state is null.
        """
        recipe = self.recipe if isinstance(self.recipe, dict) else {}
        described = recipe.get("scorers")
        tables = described if isinstance(described, dict) else {}
        return {name: _read_scorer(table) for name, table in tables.items() if isinstance(table, dict)}


class Manifest(FileModel):
    """`manifest.json` of a release."""

    schema_version: Literal[1] = 1
    version: _Name
    title: str
    license: str
    """SPDX expression over all images."""
    released: str | None
    """ISO date; null before publication."""
    superseded_by: str | None
    notice: str | None
    """What a reader must consider before quoting a number; printed wherever the version's numbers appear."""
    made_with: dict[str, str]
    """Versions of what rendered the files."""
    splits: dict[_Name, SplitManifest]


def _read_scorer(table: Mapping[str, JsonValue]) -> ScorerRecord:
    texts = {name: value for name, value in table.items() if isinstance(value, str)}
    weights = texts.get("weights_sha256", "")
    return ScorerRecord(
        model=texts.get("model"),
        weights_sha256=weights if re.fullmatch(r"[0-9a-f]{64}", weights) else None,
        text=texts.get("text"),
        preprocessing=texts.get("preprocessing"),
    )


def format_audit_view(*, simulated: bool) -> AuditView:
    """The view of the images that an audit calls valid; a simulated one is called so.

    Example:
        >>> format_audit_view(simulated=False), format_audit_view(simulated=True)
        ('audited', 'audited-simulated')
    """
    return "audited-simulated" if simulated else "audited"


def is_for_training(manifest: Manifest) -> bool:
    """Whether a release has training sets alone, on which no model is measured."""
    roles = {split.role for split in manifest.splits.values()}
    return roles == {"train"}


def make_shard_path(split: str, number: int, total: int, role: SplitRole = "test") -> str:
    """Path of a shard relative to the release, by whose first word `datasets` tells test from training sets.

    Example:
        >>> make_shard_path("sd-l", 0, 10)
        'data/sd-l/validation-00000-of-00010.parquet'
        >>> make_shard_path("sd-l", 0, 10, "train")
        'data/sd-l/train-00000-of-00010.parquet'
    """
    return f"data/{split}/{HUB_SPLITS[role]}-{number:05d}-of-{total:05d}.parquet"


def format_manifest(manifest: Manifest) -> str:
    """The manifest as it stands in the file: indented, keys in declared order, newline at the end."""
    return manifest.model_dump_json(indent=2) + "\n"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`; call it after every other file is in place."""
    write_text(folder / MANIFEST_NAME, format_manifest(manifest))


def load_manifest(folder: Path) -> Manifest:
    """Read and validate `folder/manifest.json`.

    Raises:
        DataError: It is missing (the release is incomplete) or malformed.
    """
    path = folder / MANIFEST_NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"'{folder}' has no {MANIFEST_NAME}: it is not a complete release.") from error
    except ValidationError as error:
        raise DataError(f"'{path}' is not a valid manifest:\n{format_problems(error)}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
