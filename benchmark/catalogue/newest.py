"""Which version is evaluated where none is named: the newest real one that is available or can be fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import list_releases, load_own_manifest
from imagenet_g.benchmark.catalogue.downloads import find_download, list_downloads
from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError
from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.splits.hub_releases import HubRelease, open_hub_release, require_within_reach
from imagenet_g.benchmark.splits.manifests import Manifest, is_for_training
from imagenet_g.benchmark.splits.registry import KnownVersion, load_versions

HOW_TO_GET_ONE = (
    "For a real version download one ('imagenet-g versions' lists them), adopt a release of others "
    "(--data VERSION=PATH) or images as they are (--split folder:PATH), or build one "
    "('imagenet-g build v1 --out v1')."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenVersion:
    """A version that is available, or that the Hub offers.

    Attributes:
        name: Such as "v1".
        splits: Names of the splits to run, at least one.
        missing: Names of its default splits that this copy lacks.
        practice: Whether it is for practice only.
        reason: Why it was taken, without a full stop.
        skipped: A sentence on each newer version that cannot be reached.
    """

    name: str
    splits: tuple[str, ...]
    missing: tuple[str, ...]
    practice: bool
    reason: str
    skipped: tuple[str, ...] = ()

    def list_notes(self) -> list[str]:
        """What the user should read before the run, one sentence or a few each."""
        notes = list(self.skipped)
        if self.practice:
            notes.append(
                f"Only practice editions are available: '{self.name}' is run, and its numbers are no measure "
                f"of a model. {HOW_TO_GET_ONE}"
            )
        if self.missing:
            lacks = ", ".join(self.missing)
            notes.append(f"This copy of '{self.name}' lacks {lacks}; run: {', '.join(self.splits)}.")
        return notes


def choose_newest_version(data: Mapping[str, Path], *, cache: Path | None) -> ChosenVersion:
    """The newest real version that is available or can be fetched, else the newest practice edition.

    Versions of the user's own are newer than all of the registry, and the one given last is the newest.

    Args:
        data: Local copies by name, see `parse_data_pairs`.
        cache: Where downloads are remembered; None where nothing is.

    Raises:
        DataError: The manifest of a local copy is missing, malformed or of another version.
    """
    skipped: list[str] = []
    known = load_versions()
    for name in _list_newest_first(data, cache):
        spec = known.get(name)
        try:
            manifest, place = _find_manifest(name, spec, data, cache)
        except _OutOfReachError as obstacle:
            skipped.append(f"'{name}' is not taken: {obstacle}")
            continue
        # Nothing is measured on training sets: a version of these alone is passed over.
        if manifest is not None and not is_for_training(manifest):
            return _choose(name, spec, manifest, place, tuple(skipped))
    # Versions inside the package need nothing, so only a package without any of them gets here.
    raise InputError("No version is available. " + HOW_TO_GET_ONE)


class _OutOfReachError(Exception):
    """A version is on the Hub and cannot be fetched now."""


def _list_newest_first(data: Mapping[str, Path], cache: Path | None) -> Iterator[str]:
    known = load_versions()
    yield from (name for name in reversed(list_releases(data)) if name not in known)
    yield from (name for name in list_downloads(cache) if name not in known and name not in data)
    newest = [name for name in reversed(known) if not known[name].on_request]
    yield from (name for name in newest if not known[name].practice)
    yield from (name for name in newest if known[name].practice)


def _find_manifest(
    name: str, spec: KnownVersion | None, data: Mapping[str, Path], cache: Path | None
) -> tuple[Manifest | None, str]:
    """The manifest and the place in words; None where there is no copy anywhere."""
    if (folder := list_releases(data).get(name)) is not None:
        return load_own_manifest(folder, name), "given with --data" if name in data else "inside the package"
    found = (spec.published if spec else None) or find_download(cache, name)
    if found is None:
        return None, ""
    release = _reach(found.source, found.manifest_sha256, spec)
    return release.manifest, f"{release.source.repo} on the Hub" if release.origin == "hub" else "downloaded"


def _reach(source: HubSource, manifest_sha256: str, spec: KnownVersion | None) -> HubRelease:
    try:
        # Nobody asked for this version: one question to the Hub is enough, and no failure stops the run.
        release = open_hub_release(source, manifest_sha256=manifest_sha256, patient=False)
        splits = _choose_splits(spec, release.manifest)
        files = [file for split in splits for file in release.manifest.splits[split].files]
        require_within_reach(release, files)
    except ImagenetGError as error:
        raise _OutOfReachError(str(error)) from error
    return release


def _choose(
    name: str, spec: KnownVersion | None, manifest: Manifest, place: str, skipped: tuple[str, ...]
) -> ChosenVersion:
    splits = _choose_splits(spec, manifest)
    if not splits:
        raise DataError(f"The release of '{name}' ({place}) has no split. Build or download one.")
    wanted = spec.default_splits if spec is not None else ()
    practice = spec is not None and spec.practice
    kind = (
        "practice edition, as no real version is available" if practice else "real version that is available"
    )
    return ChosenVersion(
        name=name,
        splits=splits,
        missing=tuple(split for split in wanted if split not in splits),
        practice=practice,
        reason=f"{name} is the newest {kind} ({place})",
        skipped=skipped,
    )


def _choose_splits(spec: KnownVersion | None, manifest: Manifest) -> tuple[str, ...]:
    """The default splits that the copy has; where it has none, all test sets that are not superseded."""
    superseded = {} if spec is None else spec.superseded_splits
    wanted = () if spec is None else spec.default_splits
    tests = tuple(name for name, split in manifest.splits.items() if split.role == "test")
    found = tuple(name for name in wanted if name in tests)
    current = tuple(name for name in tests if name not in superseded)
    # A copy may hold superseded splits only; they carry their notice.
    return found or current or tests
