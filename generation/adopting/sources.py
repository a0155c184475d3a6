"""Where a set to adopt lies, and in which layout: a folder, archives, tables, or a dataset on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.archives import Member
from imagenet_g.generation.adopting.listing import Layout, Listing, choose_images, list_class_folders
from imagenet_g.generation.adopting.places import (
    ARCHIVE_SUFFIXES,
    keep_inside,
    list_archive,
    list_folder,
    split_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """Which images are adopted.

    Attributes:
        source: A folder, an archive, a parquet file, or `hub:ORG/NAME`.
        layout: How it is laid out; None to see by the files.
        inside: Folder of the source that holds the set.
        cache: Where compressed archives are unpacked.
    """

    source: str
    layout: Layout | None = None
    inside: str = ""
    cache: Path | None = None


def open_source(request: SourceRequest) -> Listing:
    """List the images of a source.

    Raises:
        InputError: There is no such source, or its layout is another one.
        DataError: A file is damaged.
    """
    members, folders = _list_members(request)
    images, others = choose_images(members)
    return list_class_folders(images, others, folders)


def _list_members(request: SourceRequest) -> tuple[list[Member], list[str]]:
    path = Path(request.source).expanduser()
    if path.is_file():
        if not path.name.lower().endswith(ARCHIVE_SUFFIXES):
            raise InputError(
                f"'{path}' is no folder, tar, tar.gz, zip or parquet file. Give the folder that holds the "
                "images."
            )
        return keep_inside(list_archive(path, cache=request.cache), request.inside), []
    files = list_folder(path)
    archives = [one.name for one in files.members if one.name.lower().endswith(ARCHIVE_SUFFIXES)]
    if archives and len(archives) == len(files.members):
        members = [member for name in archives for member in list_archive(path / name, cache=request.cache)]
        return keep_inside(members, request.inside), []
    prefix = "/".join(split_path(request.inside))
    folders = [
        one.removeprefix(prefix).lstrip("/")
        for one in files.folders
        if not prefix or one.startswith(f"{prefix}/")
    ]
    return keep_inside(files.members, request.inside), folders
