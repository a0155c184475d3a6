"""Where a set to adopt lies, and in which layout: a folder, archives, tables, or a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.datasets import fetch_hub_files
from imagenet_g.benchmark.hub.sources import HUB_PREFIX, make_hub_source
from imagenet_g.benchmark.images.archives import Member
from imagenet_g.benchmark.images.file_names import IMAGE_SUFFIXES, OtherFiles
from imagenet_g.generation.adopting.label_files import USUAL_COLUMNS, Columns, read_labels
from imagenet_g.generation.adopting.listing import (
    Layout,
    Listing,
    choose_images,
    list_class_folders,
    list_flat,
)
from imagenet_g.generation.adopting.paths import PathTemplate, list_by_path
from imagenet_g.generation.adopting.places import (
    ARCHIVE_SUFFIXES,
    keep_inside,
    list_archive,
    list_folder,
    put_into_folders,
    split_path,
    strip_suffix,
)
from imagenet_g.generation.adopting.shards import Shard, has_samples, list_samples, list_tables

PARQUET = ".parquet"
HUB_FILES = ("*.parquet", "*.tar", "*.tar.gz", "*.tgz", "*.zip")
"""What is fetched of a dataset on the Hub where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """Which images are adopted.

    Attributes:
        source: A folder, an archive, a parquet file, or `hub:ORG/NAME@REVISION`.
        layout: How it is laid out; None to see by the files.
        inside: Folder of the source that holds the set.
        label_file: File with the class of each image; None where folders or columns name it.
        path: Template of the paths, where the class stands elsewhere than in the folder; None for that.
        strength_divisor: By what a strength in a path is divided.
        columns: Of a table or label file, which columns hold the image and its class.
        hub_files: Patterns of the files to fetch from the Hub.
        cache: Where compressed archives are unpacked.
    """

    source: str
    layout: Layout | None = None
    inside: str = ""
    label_file: Path | None = None
    path: PathTemplate | None = None
    strength_divisor: float = 1.0
    columns: Columns = USUAL_COLUMNS
    hub_files: tuple[str, ...] = HUB_FILES
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A listing, and where it is from.

    Attributes:
        listing: The images.
        revision: Commit of the repository; None for files of this machine.
    """

    listing: Listing
    revision: str | None


def open_source(request: SourceRequest) -> OpenedSource:
    """List the images of a source.

    Raises:
        InputError: There is no such source, or its layout is another one.
        DataError: A file is damaged.
        FetchError: A dataset cannot be fetched.
    """
    if request.source.startswith(HUB_PREFIX):
        return _open_hub(request)
    path = Path(request.source).expanduser()
    if not path.exists():
        raise InputError(f"There is no '{path}' to adopt; give a folder, a file, or hub:ORG/NAME.")
    if path.is_file():
        return OpenedSource(_list_files(request, path.parent, [path.name]), None)
    files = list_folder(path)
    return OpenedSource(_choose_layout(request, path, files.members, files.folders), None)


def _open_hub(request: SourceRequest) -> OpenedSource:
    repo, _, revision = request.source.removeprefix(HUB_PREFIX).partition("@")
    source = make_hub_source(repo, revision or "main")
    hint = "Download it yourself, and give the folder."
    fetched = fetch_hub_files(
        source.repo, request.hub_files, gated=False, hint=hint, revision=revision or None
    )
    # The Hub's cache may hold more of the commit than was asked for now.
    members = [
        member
        for member in list_folder(fetched.folder).members
        if any(fnmatchcase(member.name, pattern) for pattern in request.hub_files)
    ]
    if not members:
        raise InputError(
            f"'{request.source}' has no file like {', '.join(request.hub_files)}; say which to take with "
            "--hub-files PATTERN."
        )
    return OpenedSource(_choose_layout(request, fetched.folder, members, []), fetched.commit)


def _choose_layout(
    request: SourceRequest, root: Path, members: Sequence[Member], folders: Sequence[str]
) -> Listing:
    """By the files: tables before archives before loose images."""
    prefix = "/".join(split_path(request.inside))
    names = [one.name for one in members if not prefix or one.name.startswith(f"{prefix}/")]
    packed = [name for name in names if name.lower().endswith((*ARCHIVE_SUFFIXES, PARQUET))]
    loose = any(name.lower().endswith(IMAGE_SUFFIXES) for name in names)
    if packed and not (loose and request.layout is None):
        return _list_files(request, root, packed)
    inner = [
        one.removeprefix(prefix).lstrip("/") for one in folders if not prefix or one.startswith(f"{prefix}/")
    ]
    return _list_images(request, keep_inside(members, request.inside), inner)


def _list_files(request: SourceRequest, root: Path, names: Sequence[str]) -> Listing:
    tables = [name for name in names if name.lower().endswith(PARQUET)]
    archives = [name for name in names if name.lower().endswith(ARCHIVE_SUFFIXES)]
    said = request.path is not None or request.label_file is not None
    if tables and request.layout in (None, "parquet"):
        if said:
            raise InputError(
                "Tables name the classes themselves (--label-column); omit --path, --label-file."
            )
        return list_tables(root, tables, request.columns)
    if not archives:
        raise InputError(
            f"'{root / names[0]}' is no tar, tar.gz, zip or parquet file. Give the folder that holds the "
            "images."
        )
    shards = [Shard(_find_stem(name), list_archive(root / name, cache=request.cache)) for name in archives]
    if request.layout == "webdataset" or (request.layout is None and not said and has_samples(shards)):
        return list_samples(shards)
    members = [member for shard in shards for member in put_into_folders(shard.members, shard.name)]
    return _list_images(request, keep_inside(members, _find_inner(request, root)), [])


def _find_stem(name: str) -> str:
    return strip_suffix(name.rpartition("/")[2])


def _find_inner(request: SourceRequest, root: Path) -> str:
    """`--inside` names a folder of the archive, or one that the archives themselves lie in."""
    prefix = "/".join(split_path(request.inside))
    return "" if prefix and (root / prefix).is_dir() else prefix


def _list_images(request: SourceRequest, members: Sequence[Member], folders: Sequence[str]) -> Listing:
    images, others = choose_images(members)
    if request.path is not None:
        return list_by_path(images, others, request.path, strength_divisor=request.strength_divisor)
    if request.label_file is None and request.layout != "flat":
        return list_class_folders(images, others, folders)
    if request.label_file is None:
        raise InputError("Images that lie flat need a file with their classes: --label-file FILE.")
    return _list_flat(request.label_file, request.columns, images, others)


def _list_flat(path: Path, columns: Columns, images: Sequence[Member], others: OtherFiles) -> Listing:
    return list_flat(images, others, read_labels(path, [one.name for one in images], columns))
