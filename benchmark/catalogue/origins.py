"""The origin of a split that a file of an earlier day does not state, from a release that is available."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import list_releases
from imagenet_g.benchmark.identity import hash_file, hash_lines
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, load_manifest
from imagenet_g.benchmark.splits.releases import read_split_origin


def restore_origin(record: SplitRecord, data: Mapping[str, Path]) -> SplitRecord:
    """The record of a split with its origin, where a release with the very images is available.

    Only the manifest is read: whether the images are as it states matters to who scores them.

    Args:
        record: Of a split or a view; returned as it is where it states its origin.
        data: Local copies by name.

    Raises:
        DataError: The manifest of the release is missing or malformed.
    """
    if record.origin is not None:
        return record
    folder = list_releases(data).get(record.version or "")
    if folder is None:
        return record
    manifest = load_manifest(folder)
    split = manifest.splits.get(record.name)
    if split is None or hash_lines(file.sha256 for file in split.files) != record.content_sha256:
        return record
    origin = read_split_origin(manifest, record.name, hash_file(folder / MANIFEST_NAME))
    return record.model_copy(update={"origin": origin})
