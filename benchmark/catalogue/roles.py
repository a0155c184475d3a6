"""What a split is for: no model is measured on a training set, nor by anybody on a private sibling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import find_release, list_releases
from imagenet_g.benchmark.errors import SealedSetError, TrainingSetError
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import SplitRef


def require_test_split(ref: SplitRef, data: Mapping[str, Path], *, cache: Path | None) -> None:
    """Refuse a training set or a private sibling of a version, before any of its images is fetched or read.

    Args:
        ref: Any split.
        data: Local copies by name.
        cache: Where downloads are remembered; None where nothing is.

    Raises:
        TrainingSetError: It is a training set.
        SealedSetError: It is a private sibling that has not been opened.
        InputError: It is unknown or not available here.
        FetchError: It is on the Hub and its manifest cannot be fetched.
    """
    if ref.kind == "version":
        _require(find_release(ref, data, cache=cache), ref.base, ref.name)


def require_test_record(record: SplitRecord, data: Mapping[str, Path]) -> None:
    """Refuse stored answers to either, where a local copy of its release says that it is one.

    Raises:
        TrainingSetError: It is a training set.
        SealedSetError: It is a private sibling that has not been opened.
    """
    folder = None if record.version is None else list_releases(data).get(record.version)
    if folder is not None:
        _require(folder, f"{record.version}/{record.name}", record.name)


def _require(folder: Path, ref: str, name: str) -> None:
    split = load_manifest(folder).splits.get(name)
    if split is not None and split.role == "train":
        raise TrainingSetError(
            f"'{ref}' is a training set (role = 'train'): a score on it says nothing of new images. Name a "
            "test set; 'imagenet-g splits' lists them. Training recipes, 'distance' and 'load_split' read it."
        )
    if split is not None and split.role == "sealed":
        raise SealedSetError(
            f"'{ref}' is a private sibling (role = 'sealed'): maintainers alone score on it, by "
            f"'imagenet-g sibling "
            "score', until its version retires. Name a test set; 'imagenet-g splits' lists them."
        )
