"""The versions that are known, and where the published ones lie: `data/versions.toml`, reviewed like code."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache as remember
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.records import FileModel, Sha256

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Publication(FileModel):
    """Where and when a version was published; it never changes."""

    repo: str
    """Dataset repository on the Hub."""
    tag: str
    commit: Commit
    """What the tag pointed at when it was made; downloads go by it, so that a moved tag changes nothing."""
    manifest_sha256: Sha256
    released: date

    @property
    def source(self) -> HubSource:
        """The repository at the commit."""
        return HubSource(self.repo, self.commit)


class KnownVersion(FileModel):
    """What is known of a version before its manifest is available.

    TOML has no null, so what may be absent has a default here.
    """

    name: str
    title: str
    embedded: bool
    splits: tuple[str, ...]
    generators: tuple[str, ...] = ()
    """Repositories or names of what made the images; empty for images that no model made."""
    superseded_by: str | None = None
    """A version that should be used instead."""
    superseded_splits: dict[str, str] = Field(default_factory=dict)
    """Reference of the split that should be used instead, by the name of each that is superseded alone."""
    practice: bool = False
    """Whether it is for practice only: a real version is taken before it, however old."""
    on_request: bool = False
    """Whether it is run only where it is named, and never as the newest version."""
    renews: str | None = None
    """The version of which it only renews splits."""
    default_splits: tuple[str, ...] = ()
    """Splits that are run where none is named; empty for all that are not superseded."""
    default_reference: str = "imagenet-val"
    """The clean set that its splits are compared with where none is named."""
    default_baseline: str | None = None
    """The set of models whose line stands where no baseline is named; absent for any that was measured."""
    published: Publication | None = None
    """Absent: not on the Hub."""

    @model_validator(mode="after")
    def _validate_defaults(self) -> Self:
        odd = [name for name in self.default_splits if name not in self.list_current_splits()]
        if odd:
            raise ValueError(
                f"default_splits names '{odd[0]}', which is superseded or no split of the version"
            )
        return self

    def list_current_splits(self) -> tuple[str, ...]:
        """The splits that are not superseded alone."""
        return tuple(name for name in self.splits if name not in self.superseded_splits)


def format_superseded(spec: KnownVersion, split: str) -> str | None:
    """What should be used instead of a split, in one sentence; None where nothing should."""
    if split in spec.superseded_splits:
        return format_successor(f"{spec.name}/{split}", spec.superseded_splits[split])
    return None if spec.superseded_by is None else format_successor(spec.name, spec.superseded_by)


def format_successor(old: str, new: str) -> str:
    """The one sentence that `drop_superseded` finds again.

    Example:
        >>> format_successor("mini/sd-l", "mini-v2/sd-l")
        'mini/sd-l is superseded by mini-v2/sd-l.'
    """
    return f"{old} is superseded by {new}."


def drop_superseded(notice: str | None) -> str | None:
    """A notice without the sentences of `format_successor`, which are added long after a split is made.

    Example:
        >>> drop_superseded("For tests only. mini/sd-l is superseded by mini-v2/sd-l.")
        'For tests only.'
        >>> drop_superseded("mini is superseded by v1.") is None
        True
    """
    return re.sub(r"\s*\S+ is superseded by \S+\.(?=\s|$)", "", notice or "").strip() or None


def find_released(version: str, manifest_sha256: str) -> date | None:
    """The day on which the release with this manifest was published; None where that is not recorded."""
    spec = load_versions().get(version)
    published = None if spec is None else spec.published
    # The manifest decides: a user's own release may have the name of a published one.
    return published.released if published and published.manifest_sha256 == manifest_sha256 else None


@remember
def load_versions() -> dict[str, KnownVersion]:
    """Known versions by name, oldest first. Do not mutate."""
    text = (files("imagenet_g.benchmark.data") / "versions.toml").read_text(encoding="utf-8")
    return parse_versions(text)


def parse_versions(text: str) -> dict[str, KnownVersion]:
    """Versions by name from the text of a registry.

    Raises:
        ValidationError: A row breaks the contract.
    """
    specs = (KnownVersion.model_validate(table) for table in tomllib.loads(text)["version"])
    return {spec.name: spec for spec in specs}


def format_publication(publication: Publication) -> str:
    """The lines to add to a version's row of `versions.toml`."""
    return (
        "[version.published]\n"
        f'repo = "{publication.repo}"\n'
        f'tag = "{publication.tag}"\n'
        f'commit = "{publication.commit}"\n'
        f'manifest_sha256 = "{publication.manifest_sha256}"\n'
        f"released = {publication.released.isoformat()}\n"
    )
