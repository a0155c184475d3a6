"""Put built splits into the edition that ships inside the package, beside its drawings.

    imagenet-g lab embed RELEASE --out benchmark/data/mini

Files are copied with their plans and probes, so that the shipped edition can be verified like any other; the
manifest is written last. Splits of the same name are replaced, all others stay.
"""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    load_manifest,
    write_manifest,
)
from imagenet_g.benchmark.storage import write_bytes
from imagenet_g.generation.releases.check import check_hashes
from imagenet_g.generation.releases.recipe import list_split_files


def embed_splits(release: Path, out: Path) -> Manifest:
    """Copy every split of a release into another release of the same version, or into a new folder.

    Args:
        release: A built release.
        out: The release that takes the splits; one without a manifest begins empty.

    Returns:
        The new manifest of `out`.

    Raises:
        DataError: `release` is not a release or is damaged, or `out` is of another version.
        StorageError: `out` cannot be written.
    """
    built = load_manifest(release)
    is_new = not (out / MANIFEST_NAME).exists()
    before = built.model_copy(update={"splits": {}}) if is_new else load_manifest(out)
    if built.version != before.version:
        raise DataError(f"'{release}' is version '{built.version}', '{out}' is '{before.version}'.")
    files = [file for split in built.splits.values() for file in list_split_files(split)]
    if damaged := check_hashes(release, files):
        raise DataError(f"'{release}' is damaged: {damaged[0]}")
    for file in files:
        write_bytes(out / file.path, (release / file.path).read_bytes())
    after = merge_manifests(before, built)
    write_manifest(out, after)
    # Last, so that a kill leaves a file too many and never a manifest that names a missing one.
    _remove_replaced(out, before, after)
    return after


def merge_manifests(before: Manifest, built: Manifest) -> Manifest:
    """The older manifest with the newer one's splits, their licences and the libraries of both."""
    licenses = {part for manifest in (before, built) for part in manifest.license.split(" AND ")}
    splits = {**before.splits, **built.splits}
    return before.model_copy(
        update={
            "license": " AND ".join(sorted(licenses)),
            "made_with": {**before.made_with, **built.made_with},
            "splits": {name: splits[name] for name in sorted(splits)},
        }
    )


def _remove_replaced(out: Path, before: Manifest, after: Manifest) -> None:
    """Delete files that only the older manifest named."""
    kept = {file.path for file in _list_files(after)}
    for file in _list_files(before):
        if file.path not in kept:
            (out / file.path).unlink(missing_ok=True)


def _list_files(manifest: Manifest) -> list[FileRecord]:
    return [file for split in manifest.splits.values() for file in list_split_files(split)]
