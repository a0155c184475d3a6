"""Files that are made after a release was frozen, such as measured lines and critiques.

A frozen release stays byte by byte: its manifest names each of its files, and none of these is one of them.
Each kind lies in a folder of its own, inside the published tree or beside the release on disk. An index holds
the hash of each file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, ValidationError

from imagenet_g.benchmark.errors import DataError, InputError, format_problems
from imagenet_g.benchmark.hub.sources import find_snapshot_source
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.splits.hub_releases import fetch_missing
from imagenet_g.benchmark.splits.manifests import Manifest, load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.storage import write_bytes, write_text

INDEX_NAME = "index.json"


class CompanionRecord(FileModel):
    """What an index says of one file."""

    target: str
    """The split with its view, such as "mini-v2/sd-l"."""
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$")]
    """Name in the folder of its kind; never a path, so that an index leads nowhere else."""
    sha256: Sha256
    """Hash of the file's bytes."""

    @property
    def key(self) -> tuple[str, ...]:
        """What a release has one file of: a later one takes its place."""
        return (self.target,)


Record = TypeVar("Record", bound=CompanionRecord)


class CompanionIndex(FileModel):
    """`index.json` of the files of one kind; a kind adds the list of its records, called like the kind."""

    schema_version: Literal[1] = 1
    version: str


@dataclass(frozen=True, slots=True)
class StoredFile(Generic[Record]):
    """A file of an index.

    Attributes:
        path: Where it lies.
        record: What the index says of it.
        remedy: How to make the file again; ends messages.
    """

    path: Path
    record: Record
    remedy: str

    def read_bytes(self) -> bytes:
        """The bytes, which are those that were stored.

        Raises:
            DataError: The file is missing, or has another hash.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise DataError(
                f"'{self.path}' cannot be read: {error.strerror or error}. {self.remedy}"
            ) from error
        if hash_bytes(content) != self.record.sha256:
            raise DataError(
                f"'{self.path}' is not the file that was stored: '{INDEX_NAME}' has another hash. "
                f"{self.remedy}"
            )
        return content


@dataclass(frozen=True, slots=True)
class CompanionKind(Generic[Record]):
    """One kind of files that come with a version.

    Attributes:
        name: Such as "lines": the folder in a published tree, the ending of the folder beside a release, and
            the list in the index.
        index_type: The index, with a field that is called like the kind.
        remedy: How to make a file again; ends messages.
    """

    name: str
    index_type: type[CompanionIndex]
    remedy: str

    @property
    def index_path(self) -> str:
        """Path of the index in a published tree."""
        return f"{self.name}/{INDEX_NAME}"

    def name_folder(self, release: Path) -> Path:
        """Where the files of a release on disk are stored: beside it, so that none of its own changes."""
        # A path such as "." has no name that the ending could be put to.
        release = release.absolute() if release.name in ("", "..") else release
        return release.with_name(f"{release.name}-{self.name}")

    def list_files(self, release: Path, version: str) -> list[StoredFile[Record]]:
        """The files inside and beside a release; those beside it stand first and win, because they are newer.

        Raises:
            DataError: An index is malformed or of another version.
        """
        # Only a release on the Hub may lack a file that it has; any other folder is taken as it is.
        fetch_missing(release, self.index_path)
        found: dict[tuple[str, ...], StoredFile[Record]] = {}
        for place in (self.name_folder(release), release / self.name):
            for record in self._load_records(place, version):
                if record.key not in found:
                    if place.parent == release:
                        fetch_missing(release, f"{self.name}/{record.file}")
                    found[record.key] = StoredFile(place / record.file, record, self.remedy)
        return list(found.values())

    def store(self, release: Path, texts: Sequence[tuple[Record, str]]) -> Path:
        """Store files next to a release; one with the same key is replaced.

        What the release holds inside is copied along, so that one folder has everything.

        Args:
            release: Folder of the release.
            texts: Each file's record, and what is in it.

        Returns:
            The folder.

        Raises:
            DataError: The release has no valid manifest, or an index is malformed.
            InputError: A file is of no split of the release, or the release is a copy in the Hub's cache.
            StorageError: The folder cannot be written.
        """
        manifest = require_storable(release)
        for record, _ in texts:
            _validate_target(record.target, manifest, self.name)
        folder = self.name_folder(release)
        replaced = {record.key for record, _ in texts}
        kept = {record.key: record for record, _ in texts}
        for file in self.list_files(release, manifest.version):
            if file.record.key not in replaced:
                kept[file.record.key] = file.record
                if file.path.parent != folder:
                    write_bytes(folder / file.record.file, file.read_bytes())
        for record, text in texts:
            write_text(folder / record.file, text)
        content = {"version": manifest.version, self.name: tuple(kept[key] for key in sorted(kept))}
        # Last, because it names the others.
        write_text(
            folder / INDEX_NAME, self.index_type.model_validate(content).model_dump_json(indent=1) + "\n"
        )
        return folder

    def list_published(self, release: Path, version: str) -> Mapping[str, Path]:
        """Files by their name in the published tree, the index last; empty without any.

        Raises:
            DataError: An index is malformed or of another version, or a file was changed.
        """
        folders = (self.name_folder(release), release / self.name)
        folder = next((one for one in folders if (one / INDEX_NAME).is_file()), None)
        if folder is None:
            return {}
        records = self._load_records(folder, version)
        for record in records:
            StoredFile(folder / record.file, record, self.remedy).read_bytes()
        names = (*(record.file for record in records), INDEX_NAME)
        return {f"{self.name}/{name}": folder / name for name in names}

    def _load_records(self, folder: Path, version: str) -> tuple[Record, ...]:
        path = folder / INDEX_NAME
        try:
            index = self.index_type.model_validate_json(path.read_bytes())
        # Most releases have no such files.
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except ValidationError as error:
            raise DataError(f"'{path}' is not an index of {self.name}:\n{format_problems(error)}") from error
        except OSError as error:
            raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
        if index.version != version:
            raise DataError(
                f"'{folder}' holds the {self.name} of version '{index.version}', not of '{version}'."
            )
        records: tuple[Record, ...] = getattr(index, self.name)
        return records


def require_storable(release: Path) -> Manifest:
    """The manifest of a release that files may be stored beside.

    Raises:
        DataError: The release has no valid manifest.
        InputError: It is a copy in the Hub's cache, where only the Hub's client stores anything.
    """
    if find_snapshot_source(release) is not None:
        raise InputError(
            f"'{release}' is a copy in the Hub's cache, where nothing of ours is stored; copy the release to "
            "a folder with 'imagenet-g download VERSION --to DIR' first."
        )
    return load_manifest(release)


def _validate_target(target: str, manifest: Manifest, kind: str) -> None:
    ref = parse_split_ref(target)
    if ref.version != manifest.version or ref.name not in manifest.splits:
        held = ", ".join(f"{manifest.version}/{name}" for name in manifest.splits)
        raise InputError(
            f"One of the {kind} is of '{target}', the release holds {held}; store it with the release that "
            "it was measured on."
        )
