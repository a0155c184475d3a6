"""The critiques that come with a version: stored beside its release, published with it, read by the board.

A frozen release stays byte by byte, so its critiques lie in a folder `critiques` of the published tree, or in
the folder `<release>-critiques` beside a release on disk. An index holds the hash of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from imagenet_g.benchmark.critiques.critique import Critique, load_critique
from imagenet_g.benchmark.errors import DataError, InputError, format_problems
from imagenet_g.benchmark.hub.sources import find_snapshot_source
from imagenet_g.benchmark.identity import hash_bytes, make_slug
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.splits.hub_releases import fetch_missing
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.storage import write_text

INSIDE = "critiques"
BESIDE = "-critiques"
INDEX_NAME = "index.json"
CRITIQUES_INDEX = f"{INSIDE}/{INDEX_NAME}"
"""Path of the index in a published tree."""


class CritiqueFile(FileModel):
    """One critique of a version."""

    target: str
    """The split with its view, such as "mini-v2/sd-l"."""
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$")]
    """Name in the folder of the critiques; never a path, so that an index leads nowhere else."""
    sha256: Sha256
    """Hash of the file's bytes."""


class CritiquesIndex(FileModel):
    """`index.json` of the critiques of a version."""

    schema_version: Literal[1] = 1
    version: str
    critiques: tuple[CritiqueFile, ...]


def name_critiques_folder(release: Path) -> Path:
    """Where the critiques of a release on disk are stored: beside it, so that none of its files changes.

    Example:
        >>> name_critiques_folder(Path("releases/v1")).as_posix()
        'releases/v1-critiques'
    """
    # A path such as "." has no name that the ending could be put to.
    release = release.absolute() if release.name in ("", "..") else release
    return release.with_name(release.name + BESIDE)


def load_critiques(release: Path) -> dict[str, Critique]:
    """The critiques of a release by their splits; of one split, that beside the release, which is newer.

    Raises:
        DataError: An index is malformed, or a critique was changed after it was stored.
        UntrustedFileError: A critique is malformed.
    """
    # Only a release on the Hub may lack a file that it has; any other folder is taken as it is.
    fetch_missing(release, CRITIQUES_INDEX)
    found: dict[str, Critique] = {}
    for place in (name_critiques_folder(release), release / INSIDE):
        index = _load_index(place)
        for record in index.critiques if index else ():
            # The folder beside the release comes first: what was measured later is stored there.
            if record.target in found:
                continue
            if place.name == INSIDE:
                fetch_missing(release, f"{INSIDE}/{record.file}")
            found[record.target] = _load_stored(place, record)
    return found


def store_critique(release: Path, critique: Critique) -> Path:
    """Store a critique next to a release; one of the same split is replaced.

    The contact sheet and the scores of single images stay in the folder of its page, and are not named.

    Returns:
        The file.

    Raises:
        DataError: The release has no valid manifest, or its index of critiques is malformed.
        InputError: The critique is of no split of the release, or the release is a copy in the Hub's cache.
    """
    if find_snapshot_source(release) is not None:
        raise InputError(
            f"'{release}' is a copy in the Hub's cache, where nothing of ours is stored; copy the release to "
            "a folder with 'imagenet-g download VERSION --to DIR' first."
        )
    manifest, ref = load_manifest(release), parse_split_ref(critique.split.ref)
    if ref.version != manifest.version or ref.name not in manifest.splits:
        held = ", ".join(f"{manifest.version}/{name}" for name in manifest.splits)
        raise InputError(
            f"The critique is of '{critique.split.ref}', the release holds {held}; a critique is stored with "
            "the release that it is of."
        )
    folder, critique = name_critiques_folder(release), _leave_out_files(critique)
    text = critique.model_dump_json(indent=1) + "\n"
    record = CritiqueFile(
        target=critique.split.ref,
        file=f"{make_slug(critique.split.ref)}.json",
        sha256=hash_bytes(text.encode()),
    )
    index = _load_index(folder)
    kept = {one.target: one for one in (index.critiques if index else ())} | {record.target: record}
    write_text(folder / record.file, text)
    fresh = CritiquesIndex(version=manifest.version, critiques=tuple(kept[name] for name in sorted(kept)))
    # Last, because it names the others.
    write_text(folder / INDEX_NAME, fresh.model_dump_json(indent=1) + "\n")
    return folder / record.file


def list_critique_files(release: Path) -> Mapping[str, Path]:
    """Files of a release's critiques by their name in the published tree, the index last; empty without any.

    Raises:
        DataError: A critique was changed after it was stored.
    """
    folders = (name_critiques_folder(release), release / INSIDE)
    folder = next((one for one in folders if (one / INDEX_NAME).is_file()), None)
    index = None if folder is None else _load_index(folder)
    if folder is None or index is None:
        return {}
    for record in index.critiques:
        _load_stored(folder, record)
    names = (*(record.file for record in index.critiques), INDEX_NAME)
    return {f"{INSIDE}/{name}": folder / name for name in names}


def _leave_out_files(critique: Critique) -> Critique:
    near, safety = critique.near_duplicates, critique.safety
    changes: dict[str, FileModel] = {}
    if near is not None:
        changes["near_duplicates"] = near.model_copy(update={"sheet": None})
    if safety is not None and safety.classifier is not None:
        classifier = safety.classifier.model_copy(update={"scores_file": None})
        changes["safety"] = safety.model_copy(update={"classifier": classifier})
    return critique.model_copy(update=changes)


def _load_index(folder: Path) -> CritiquesIndex | None:
    path = folder / INDEX_NAME
    try:
        return CritiquesIndex.model_validate_json(path.read_bytes())
    # Most releases have no critiques.
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise DataError(f"'{path}' is not an index of critiques:\n{format_problems(error)}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _load_stored(folder: Path, record: CritiqueFile) -> Critique:
    path = folder / record.file
    critique = load_critique(path)
    # The split too: an index may name another one for the same bytes.
    if hash_bytes(path.read_bytes()) != record.sha256 or critique.split.ref != record.target:
        raise DataError(
            f"'{path}' is not the critique that was stored: '{INDEX_NAME}' has another hash or split. Make "
            "it again with 'imagenet-g critique SPLIT --reference REF --card RELEASE'."
        )
    return critique
