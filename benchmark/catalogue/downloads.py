"""Versions that were downloaded from a repository of the user's choice, remembered for later runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.splits.hub_releases import HubRelease
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.benchmark.splits.registry import Commit
from imagenet_g.benchmark.storage import write_text


class DownloadRecord(FileModel):
    """Which copy of a version was downloaded last."""

    schema_version: Literal[1] = 1
    version: str
    repo: str
    revision: str
    """As the user named it."""
    commit: Commit
    manifest_sha256: Sha256

    @property
    def source(self) -> HubSource:
        """The repository at the commit."""
        return HubSource(self.repo, self.commit)


def remember_download(cache: Path, release: HubRelease, revision: str) -> None:
    """Let later runs find this copy under the version's name.

    Raises:
        StorageError: The cache cannot be written.
    """
    record = DownloadRecord(
        version=release.manifest.version,
        repo=release.source.repo,
        revision=revision,
        # The commit and not the tag: later runs must read the copy that was downloaded.
        commit=release.source.revision,
        manifest_sha256=hash_file(release.folder / MANIFEST_NAME),
    )
    write_text(_make_path(cache, record.version), record.model_dump_json(indent=2) + "\n")


def find_download(cache: Path | None, version: str) -> DownloadRecord | None:
    """The copy of a version that was downloaded last, or None."""
    if cache is None:
        return None
    try:
        return DownloadRecord.model_validate_json(_make_path(cache, version).read_bytes())
    # A record that cannot be read counts as none; the download can be repeated.
    except (OSError, ValidationError):
        return None


def list_downloads(cache: Path | None) -> tuple[str, ...]:
    """Versions with a remembered download, the last one first."""
    found = [] if cache is None else sorted(cache.glob("downloads/*.json"), key=_read_time, reverse=True)
    return tuple(path.stem for path in found if find_download(cache, path.stem) is not None)


def _read_time(path: Path) -> tuple[float, str]:
    # The name decides between two of one moment, so that a run can be repeated.
    return path.stat().st_mtime, path.name


def _make_path(cache: Path, version: str) -> Path:
    return cache / "downloads" / f"{version}.json"
