"""Shards of webdataset: `<key>.jpg` with its class in `<key>.cls`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.images.archives import (
    Member,
    choose_sample_members,
    list_tar,
    read_member,
    split_sample_name,
)
from imagenet_g.benchmark.images.file_names import OtherFiles
from imagenet_g.benchmark.images.unpacking import unpack_gzip
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.places import GZIP_SUFFIXES, strip_suffix


def has_samples(members: Sequence[Member]) -> bool:
    """Whether there is a class file among the files of an archive."""
    return any(split_sample_name(member.name)[1] == "cls" for member in members)


def list_samples(shards: Sequence[Path], *, cache: Path | None) -> Listing:
    """The images of shards, each shard's keys for themselves: many writers begin at 0 in every shard.

    Raises:
        DataError: A shard is damaged, an image has no class, or a class no image.
    """
    names, tokens, members, others = [], [], [], []
    for shard in shards:
        chosen = choose_sample_members(list_shard(shard, cache=cache))
        others.append(chosen.left_out)
        for key, token, member in chosen.images:
            names.append(f"{strip_suffix(shard.name)}/{key}")
            tokens.append(token)
            members.append(member)
    return Listing(
        names=tuple(names),
        tokens=tuple(tokens),
        read=lambda row: read_member(members[row]),
        layout="webdataset",
        left_out=add_others(others),
    )


def list_shard(shard: Path, *, cache: Path | None) -> list[Member]:
    """Files of a tar, unpacked first where it is compressed.

    Raises:
        DataError: It is damaged.
        InputError: It is compressed and there is no cache.
    """
    if shard.name.lower().endswith(GZIP_SUFFIXES):
        return list_tar(unpack_gzip(shard, cache=cache), source=shard)
    return list_tar(shard)


def add_others(parts: Sequence[OtherFiles]) -> OtherFiles:
    """Counts of several places together.

    Example:
        >>> one = OtherFiles((("text file", 1, "a.cap"),))
        >>> add_others([one, one]).kinds
        (('text file', 2, 'a.cap'),)
    """
    counts: dict[str, tuple[int, str]] = {}
    for part in parts:
        for kind, count, name in part.kinds:
            before = counts.get(kind, (0, name))
            counts[kind] = (before[0] + count, before[1])
    return OtherFiles(tuple((kind, count, name) for kind, (count, name) in counts.items()))
