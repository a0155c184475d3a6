"""How a reference becomes a split, and where its files are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from imagenet_g.benchmark.catalogue.audit_views import attach_audit_views
from imagenet_g.benchmark.catalogue.downloads import find_download
from imagenet_g.benchmark.classes import CLASS_SET_NAMES
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.filters.kept import attach_kept, choose_store, list_kept_views, load_kept
from imagenet_g.benchmark.hub.sources import HUB_PREFIX, parse_hub_source
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.hub_releases import complete_files, open_hub_release, open_snapshot
from imagenet_g.benchmark.splits.hub_streams import stream_split
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, Manifest, load_manifest
from imagenet_g.benchmark.splits.real_set_files import (
    RealSet,
    find_real_set,
    load_real_sets,
)
from imagenet_g.benchmark.splits.real_set_specs import RealSetSpec
from imagenet_g.benchmark.splits.real_sets import load_real_set
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.registry import format_superseded, load_versions
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.splits.splits import Split


def parse_data_pairs(pairs: Sequence[str], sets: Mapping[str, RealSet] | None = None) -> dict[str, Path]:
    """Local copies by name, from `NAME=PATH` words; `VERSION=hub:ORG/NAME@TAG` is looked up on the Hub.

    Args:
        pairs: The words.
        sets: Known real sets by name; None for the shipped ones.

    Raises:
        FetchError: A release on the Hub cannot be fetched.
        InputError: A word has another form, a name comes twice, or there is no such folder.
        UnknownNameError: The name is neither a real set nor the version of the release at that path.
    """
    data: dict[str, Path] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not (separator and name and text):
            raise InputError(f"Malformed --data '{pair}'. Use NAME=PATH, such as imagenet-val=/data/val.")
        if name in data:
            raise InputError(f"--data names '{name}' twice; give it one path.")
        # Looked up at once: a mistyped repository must be reported before any model is loaded.
        if text.startswith(HUB_PREFIX):
            data[name] = open_hub_release(parse_hub_source(text)).folder
            continue
        path = Path(text).expanduser()
        if not path.is_dir():
            problem = f"'{path}' is a file" if path.exists() else f"There is no folder '{path}'"
            advice = "give the folder that holds it, or unpack it" if path.exists() else "correct the path"
            raise InputError(f"{problem} for --data {name}; {advice}.")
        known = (*(load_real_sets() if sets is None else sets), *load_versions())
        if name not in known and not (path / MANIFEST_NAME).exists():
            hint = (
                f"For a version of your own, PATH needs its {MANIFEST_NAME}; "
                "for a set of your own, add its table with --sets FILE."
            )
            raise UnknownNameError("--data name", name, known, hint=hint)
        data[name] = path
    return data


def load_split(
    ref: SplitRef,
    *,
    data: Mapping[str, Path],
    cache: Path | None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
    stream: bool = False,
    kept: bool = True,
) -> Split:
    """Open a split whole, with the views that scores kept apart from it allow.

    The view of the reference, if it has one, is for `apply_view`.

    Args:
        ref: What to open.
        data: Local copies by name, see `parse_data_pairs`.
        cache: Where file hashes are remembered; None remembers nothing.
        progress: Called with the number of files hashed and of all files.
        note: Receives a line on which copy of a release on the Hub is used.
        stream: Read a release on the Hub as it is needed and keep no copy.
        kept: Add the views of scores that are kept apart from the images.

    Raises:
        UnknownNameError: There is no such version or split.
        InputError: It is not available here, or the folder is not laid out as it must be.
        DataError: Files are damaged.
        FetchError: It must come from the Hub and cannot.
    """
    validate_set_view(ref)
    split = _open_split(ref, data=data, cache=cache, progress=progress, note=note, stream=stream)
    return attach_kept(split, load_kept(choose_store(), split.record.content_sha256)) if kept else split


def validate_set_view(ref: SplitRef) -> None:
    """Check a view's name on a set without its own views, before anything is fetched to look for it.

    Raises:
        UnknownNameError: It is neither a registered class set nor a view that `imagenet-g filter` gave.
    """
    if ref.view is None or ref.kind == "version" or ref.view in CLASS_SET_NAMES:
        return
    known = list_kept_views(choose_store(), ref.base)
    if ref.view not in known:
        hint = f"'imagenet-g filter {ref.base} --like RELEASE' adds the views of a release."
        raise UnknownNameError(
            "view", ref.view, (*known, *CLASS_SET_NAMES), where=f"of '{ref.base}'", hint=hint
        )


def _open_split(
    ref: SplitRef,
    *,
    data: Mapping[str, Path],
    cache: Path | None,
    progress: ProgressCallback | None,
    note: Callable[[str], None] | None,
    stream: bool,
) -> Split:
    match ref.kind:
        case "folder":
            split = load_folder(Path(ref.name).expanduser(), cache=cache, progress=progress)
            return replace(split, record=split.record.model_copy(update={"ref": ref.base, "name": ref.name}))
        case "real":
            real_set = ref.real_set or find_real_set(ref.base)
            if real_set is None:
                raise UnknownNameError("real set", ref.base, load_real_sets())
            path = find_local_copy(real_set.spec, data)
            return load_real_set(real_set, path=path, cache=cache, progress=progress)
        case _:
            folder = find_release(ref, data, cache=cache)
            if stream and (release := open_snapshot(folder)) is not None:
                split = stream_split(release, ref.name, note=note)
                # Small, and needed whole: only images are read as they are needed.
                complete_files(release, release.manifest.splits[ref.name].list_audit_files(), cache=cache)
                return attach_audit_views(split, folder)
            commit = complete_split(folder, ref, cache=cache, progress=progress, note=note)
            split = load_release_split(folder, ref.name, cache=cache, progress=progress)
            notice = _add_superseded(split.record.notice, ref)
            record = split.record.model_copy(update={"revision": commit, "notice": notice})
            return attach_audit_views(replace(split, record=record), folder)


def complete_split(
    folder: Path,
    ref: SplitRef,
    *,
    cache: Path | None,
    progress: ProgressCallback | None = None,
    note: Callable[[str], None] | None = None,
) -> str | None:
    """Fetch what a split in the Hub's cache still misses; the commit, or None for any other folder.

    Raises:
        FetchError: Something is missing and cannot be fetched.
        DataError: The Hub's own file does not have the hash of the manifest.
    """
    release = open_snapshot(folder)
    if release is None or ref.name not in release.manifest.splits:
        return None
    files = release.manifest.splits[ref.name].list_files()
    origin = complete_files(release, files, cache=cache, progress=progress)
    if note is not None:
        place = "fetched from the Hub" if origin == "hub" else "from the Hub's cache on this machine"
        note(f"{ref.base}: {release.source.repo} at commit {release.source.revision}, {place}")
    return release.source.revision


def _add_superseded(notice: str | None, ref: SplitRef) -> str | None:
    """The registry lists later versions; a release made before them cannot."""
    spec = load_versions().get(str(ref.version))
    added = None if spec is None else format_superseded(spec, ref.name)
    # Compared, because the manifest may say the same.
    if added is None or added in (notice or ""):
        return notice
    return " ".join(filter(None, [notice, added]))


def find_release(ref: SplitRef, data: Mapping[str, Path], *, cache: Path | None = None) -> Path:
    """The release folder of a version's split: given, embedded, published, or downloaded before.

    Raises:
        FetchError: It is on the Hub and its manifest cannot be fetched.
        UnknownNameError: There is no such version or split.
        InputError: The version is known and not available here.
        DataError: The local copy is of another version.
    """
    version = str(ref.version)
    known = load_versions()
    if (folder := list_releases(data).get(version)) is not None:
        load_own_manifest(folder, version)
        return folder
    download = find_download(cache, version)
    published = known[version].published if version in known else None
    if (found_on_hub := published or download) is not None:
        return open_hub_release(found_on_hub.source, manifest_sha256=found_on_hub.manifest_sha256).folder
    if version not in known:
        hint = (
            f"{ref.near_sets} 'imagenet-g splits' lists what there is. A release of your own needs "
            f"--data {version}=DIR, a set of your own --sets FILE."
        )
        # A list of the versions alone would bury the set that was meant.
        listed = () if ref.near_sets else known
        raise UnknownNameError("version or set", version, listed, hint=hint.strip())
    if ref.name not in known[version].splits:
        splits = [f"{version}/{name}" for name in known[version].splits]
        raise UnknownNameError("split", ref.base, splits)
    raise InputError(
        f"'{ref.base}' has not been published yet. "
        f"Use a release of your own with --data {version}=PATH or --data {version}=hub:ORG/NAME@TAG, or "
        "another split; "
        "'imagenet-g splits' lists what is available here."
    )


def find_local_copy(spec: RealSetSpec, data: Mapping[str, Path]) -> Path | None:
    """The path given for a real set: under its own name, or its family's where that holds the variant."""
    if spec.name in data:
        return data[spec.name]
    root = data.get(spec.family)
    if root is None:
        return None
    if spec.inner_required or any((root / inner).is_dir() for inner in spec.inner):
        return root
    return None


def load_own_manifest(folder: Path, version: str) -> Manifest:
    """The manifest of a release that was given as a version.

    Raises:
        DataError: It is missing, malformed or of another version.
    """
    manifest = load_manifest(folder)
    if (found := manifest.version) != version:
        raise DataError(f"'{folder}' holds version '{found}', not '{version}'. Use --data {found}=PATH.")
    return manifest


def list_releases(data: Mapping[str, Path]) -> dict[str, Path]:
    """Release folders available here by version, oldest first."""
    found = {}
    for name, spec in load_versions().items():
        if name in data:
            found[name] = data[name]
        elif spec.embedded:
            found[name] = Path(str(files("imagenet_g.benchmark.data") / name))
    known = (*load_versions(), *load_real_sets())
    # What has no manifest is a copy of a user's own real set: the user's own version always has one.
    return found | {
        name: path for name, path in data.items() if name not in known and (path / MANIFEST_NAME).exists()
    }
