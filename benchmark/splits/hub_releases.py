"""Releases on the Hub, brought to the Hub's own cache at one commit, every file checked against the manifest.

A folder of that cache is a release like any other, save that files may still be missing: `complete_split`
fetches those that a split needs. What is whole is never fetched again, so a second run needs no network.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.errors import DataError, FetchError, StorageError
from imagenet_g.benchmark.hub.datasets import say_if_moved
from imagenet_g.benchmark.hub.errors import translate_hub_errors
from imagenet_g.benchmark.hub.fetching import BUSY, find_obstacle
from imagenet_g.benchmark.hub.quiet import quiet_logs
from imagenet_g.benchmark.hub.sources import HubSource, find_snapshot_source
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.images.hashes import ProgressCallback, hash_files
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, FileRecord, Manifest, load_manifest

Origin = Literal["hub", "cache"]
_PAUSES_S = (0.5, 2.0)
# Metadata of the cache, and what other programs write to the same disk meanwhile.
_SPARE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRelease:
    """A release at one commit.

    Attributes:
        folder: Its folder in the Hub's cache; holds the manifest and the files fetched so far.
        source: Repository and commit.
        manifest: What the release holds.
        origin: "hub" when the Hub was contacted, "cache" when only the local copy was read.
        note: Why only the local copy was read; empty otherwise.
    """

    folder: Path
    source: HubSource
    manifest: Manifest
    origin: Origin
    note: str = ""


def open_hub_release(
    source: HubSource, *, manifest_sha256: str | None = None, patient: bool = True
) -> HubRelease:
    """Fetch a release's manifest, and with it the commit its revision stands for.

    Without a network, the commit an earlier run saw under that revision is taken. A tag or branch that stands
    for another commit than at the last time is said on standard error.

    Args:
        source: Repository and revision.
        manifest_sha256: What the manifest must be, where that is known.
        patient: Ask a Hub that does not answer up to three times; False asks once.

    Raises:
        FetchError: No network and no copy, no access, or no such dataset.
        UnknownNameError: No such revision.
        DataError: The dataset is no release, or another one than expected.
    """
    cached = _find_cached(source, MANIFEST_NAME)
    # A commit never moves, so a cached manifest of it needs no question to the Hub.
    obstacle = (
        None if cached and source.is_pinned else _find_obstacle(source, patient=patient and cached is None)
    )
    if obstacle and cached is None:
        raise FetchError(_format_unreachable(source, obstacle))
    origin: Origin = "cache" if cached and (obstacle or source.is_pinned) else "hub"
    path = cached if cached and origin == "cache" else _fetch_manifest(source)
    folder = path.parent
    if manifest_sha256 is not None and (found := hash_file(path)) != manifest_sha256:
        _drop_file(path)
        raise DataError(
            f"The manifest of '{source.repo}' at {source.revision} has sha256 {found}, and {manifest_sha256} "
            "is the published one: it is not the release it claims to be. Report it to the maintainers."
        )
    commit = HubSource(source.repo, folder.name)
    note = f"the Hub was not reached ({obstacle}); using the copy fetched earlier" if obstacle else ""
    # Here and not in the note: every command that takes a release must say it, whatever it does with notes.
    say_if_moved(source.repo, source.revision, cached.parent.name if cached else None, folder.name)
    return HubRelease(folder=folder, source=commit, manifest=_load_or_drop(folder), origin=origin, note=note)


def _load_or_drop(folder: Path) -> Manifest:
    """The manifest; one that cannot be read leaves the cache, where it would stay broken for ever."""
    try:
        return load_manifest(folder)
    except DataError as error:
        _drop_file(folder / MANIFEST_NAME)
        raise DataError(f"{error}\nIt was taken out of the cache; run the command again.") from error


def complete_files(
    release: HubRelease,
    files: Sequence[FileRecord],
    *,
    cache: Path | None,
    progress: ProgressCallback | None = None,
) -> Origin:
    """Bring files of a release to the cache and check each one's hash; damaged copies are fetched again.

    Args:
        release: From `open_hub_release`.
        files: Records of its manifest.
        cache: Where hashes are remembered, see `hash_files`.
        progress: Called with the number of files hashed and of all files.

    Returns:
        "cache" when everything was here already, "hub" when something had to be fetched.

    Raises:
        FetchError: Something is missing and cannot be fetched.
        DataError: The Hub's own file does not have the hash of the manifest.
        StorageError: There is no space for it.
    """
    missing = [file for file in files if not (release.folder / file.path).is_file()]
    if missing:
        _fetch_files(release, missing)
    damaged = _find_damaged(release, files, cache=cache, progress=progress)
    # Fetched once more: most damage is of a copy here, and the Hub's own file is whole.
    if damaged:
        for file in damaged:
            _drop_file(release.folder / file.path)
        _fetch_files(release, damaged)
        still = _find_damaged(release, damaged, cache=cache, progress=None)
        if still:
            _drop_file(release.folder / still[0].path)
            raise DataError(
                f"'{still[0].path}' of '{release.source.repo}' does not have the hash its manifest gives, "
                "also when fetched again: the file on the Hub is not the published one. "
                "Report it to the maintainers."
            )
    return "hub" if missing or damaged else "cache"


def require_within_reach(release: HubRelease, files: Sequence[FileRecord]) -> None:
    """Check that files are in the cache or that the Hub answers; nothing is fetched.

    Raises:
        FetchError: One is missing, and the Hub does not answer.
    """
    whole = all((release.folder / file.path).is_file() for file in files)
    # Whoever contacted the Hub a moment ago need not ask again.
    if whole or release.origin == "hub":
        return
    if obstacle := _find_obstacle(release.source, patient=False):
        raise FetchError(_format_unreachable(release.source, obstacle))


def fetch_missing(folder: Path, name: str) -> None:
    """Fetch a file that a release on the Hub may have beside those of its manifest.

    For a folder that is no copy in the Hub's cache nothing is done.

    A repository that lacks the file, or cannot be reached, is no error: the release is whole without it.

    Args:
        folder: A folder of the Hub's cache, at one commit.
        name: Path in the repository.

    Raises:
        FetchError: The Hub refuses access.
    """
    source = find_snapshot_source(folder)
    if source is None:
        return
    # Not before: a folder that is no copy of the Hub's is validated where this library is not installed.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import RemoteEntryNotFoundError

    # A commit never changes: what the cache has, or is known not to be there, needs no question to the Hub.
    if try_to_load_from_cache(source.repo, name, revision=source.revision, repo_type="dataset"):
        return
    if _find_obstacle(source, patient=False):
        return
    with translate_hub_errors(source.repo, source.revision), quiet_logs():
        try:
            hf_hub_download(source.repo, name, repo_type="dataset", revision=source.revision)
        except RemoteEntryNotFoundError:
            return


def open_snapshot(folder: Path) -> HubRelease | None:
    """The release in a folder of the Hub's cache; None for any other folder.

    Raises:
        DataError: Its manifest is missing or malformed.
    """
    source = find_snapshot_source(folder)
    if source is None:
        return None
    return HubRelease(folder=folder, source=source, manifest=load_manifest(folder), origin="cache")


def _fetch_manifest(source: HubSource) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with translate_hub_errors(source.repo, source.revision), quiet_logs():
        try:
            path = hf_hub_download(source.repo, MANIFEST_NAME, repo_type="dataset", revision=source.revision)
        except RemoteEntryNotFoundError as error:
            raise DataError(
                f"Dataset '{source.repo}' at {source.revision} has no {MANIFEST_NAME}: it is no release."
            ) from error
    return Path(path)


def _fetch_files(release: HubRelease, files: Sequence[FileRecord]) -> None:
    from huggingface_hub import constants, snapshot_download

    _validate_space(Path(constants.HF_HUB_CACHE), files)
    if obstacle := _find_obstacle(release.source, patient=True):
        raise FetchError(
            f"{_format_unreachable(release.source, obstacle)} In the cache, {len(files)} files are missing "
            f"or damaged, first '{files[0].path}'."
        )
    with translate_hub_errors(release.source.repo, release.source.revision), quiet_logs():
        snapshot_download(
            release.source.repo,
            repo_type="dataset",
            revision=release.source.revision,
            allow_patterns=[file.path for file in files],
        )
    if absent := [file for file in files if not (release.folder / file.path).is_file()]:
        raise DataError(
            f"'{absent[0].path}' is in the manifest of '{release.source.repo}' and not in the repository."
        )


def _find_damaged(
    release: HubRelease,
    files: Sequence[FileRecord],
    *,
    cache: Path | None,
    progress: ProgressCallback | None,
) -> list[FileRecord]:
    found = hash_files(release.folder, [file.path for file in files], cache=cache, progress=progress)
    return [file for file, sha256 in zip(files, found, strict=True) if sha256 != file.sha256]


def _drop_file(path: Path) -> None:
    """Remove a file of the cache and the blob behind it, so that it counts as never fetched."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _find_cached(source: HubSource, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(source.repo, name, revision=source.revision, repo_type="dataset")
    # For a file that the repository is known to lack, the cache returns a marker that is no path.
    return Path(path) if isinstance(path, str) else None


def _find_obstacle(source: HubSource, *, patient: bool) -> str | None:
    """Why the Hub cannot be reached, or None; probed up to three times where no copy is here."""
    from huggingface_hub import constants, hf_hub_url

    url = hf_hub_url(source.repo, MANIFEST_NAME, repo_type="dataset", revision=source.revision)
    obstacle = find_obstacle(url, on_hub=True)
    for pause in _PAUSES_S if patient and not constants.HF_HUB_OFFLINE else ():
        if obstacle is None:
            break
        time.sleep(pause)
        obstacle = find_obstacle(url, on_hub=True)
    return obstacle


def _format_unreachable(source: HubSource, obstacle: str) -> str:
    from huggingface_hub import constants

    step = "Wait some minutes" if obstacle.startswith(BUSY) else "Check the network"
    return (
        f"'{source.repo}' at {source.revision} cannot be fetched from {constants.ENDPOINT} ({obstacle}), and "
        f"no whole copy is in the cache. {step}, or give a local copy with --data VERSION=PATH."
    )


def _validate_space(folder: Path, files: Iterable[FileRecord]) -> None:
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    needed, free = sum(file.num_bytes for file in files) + _SPARE_BYTES, shutil.disk_usage(existing).free
    if free < needed:
        raise StorageError(
            f"{needed / 1e9:.2f} GB are needed in '{folder}' and {free / 1e9:.2f} GB are free. "
            "Free some, or set HF_HOME to a folder on a larger disk; nothing was fetched."
        )
