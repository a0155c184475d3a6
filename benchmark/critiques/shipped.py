"""The critiques that come with a version: stored beside its release, published with it, read by the board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagenet_g.benchmark.companions.companions import (
    CompanionIndex,
    CompanionKind,
    CompanionRecord,
    StoredFile,
)
from imagenet_g.benchmark.critiques.critique import Critique, load_critique
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes, make_slug
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.splits.manifests import load_manifest


class CritiquesIndex(CompanionIndex):
    """`index.json` of the critiques of a version."""

    critiques: tuple[CompanionRecord, ...]


CRITIQUES: CompanionKind[CompanionRecord] = CompanionKind(
    "critiques",
    CritiquesIndex,
    "Make it again with 'imagenet-g critique SPLIT --reference REF --card RELEASE'.",
)


def load_critiques(release: Path) -> dict[str, Critique]:
    """The critiques of a release by their splits; of one split, that beside the release, which is newer.

    Raises:
        DataError: There is no valid manifest, an index is malformed, or a critique was changed after it was
            stored.
        UntrustedFileError: A critique is malformed.
    """
    files = CRITIQUES.list_files(release, load_manifest(release).version)
    return {file.record.target: _load_stored(file) for file in files}


def store_critique(release: Path, critique: Critique) -> Path:
    """Store a critique next to a release; one of the same split is replaced.

    The contact sheet and the scores of single images stay in the folder of its page, and are not named.

    Returns:
        The file.

    Raises:
        DataError: The release has no valid manifest, or its index of critiques is malformed.
        InputError: The critique is of no split of the release, or the release is a copy in the Hub's cache.
        StorageError: The folder cannot be written.
    """
    target = critique.split.ref
    text = _leave_out_files(critique).model_dump_json(indent=1) + "\n"
    record = CompanionRecord(
        target=target, file=f"{make_slug(target)}.json", sha256=hash_bytes(text.encode())
    )
    return CRITIQUES.store(release, [(record, text)]) / record.file


def list_critique_files(release: Path) -> Mapping[str, Path]:
    """Files of a release's critiques by their name in the published tree, the index last; empty without any.

    Raises:
        DataError: There is no valid manifest, or a critique was changed after it was stored.
    """
    return CRITIQUES.list_published(release, load_manifest(release).version)


def _leave_out_files(critique: Critique) -> Critique:
    near, safety = critique.near_duplicates, critique.safety
    changes: dict[str, FileModel] = {}
    if near is not None:
        changes["near_duplicates"] = near.model_copy(update={"sheet": None})
    if safety is not None and safety.classifier is not None:
        classifier = safety.classifier.model_copy(update={"scores_file": None})
        changes["safety"] = safety.model_copy(update={"classifier": classifier})
    return critique.model_copy(update=changes)


def _load_stored(file: StoredFile[CompanionRecord]) -> Critique:
    file.read_bytes()
    critique = load_critique(file.path)
    # An index may name another split for the same bytes.
    if critique.split.ref != file.record.target:
        raise DataError(
            f"'{file.path}' is a critique of '{critique.split.ref}', its index says of "
            f"'{file.record.target}'. {CRITIQUES.remedy}"
        )
    return critique
