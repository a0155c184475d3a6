"""A split read from the Hub as it is needed: columns and row groups by byte range, no copy on disk.

A whole shard cannot be hashed without reading all of it, so two other things are checked: the sha256 the Hub
itself keeps for every shard must be the manifest's, and every image that is read must have the pixel hash of
its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.hub.errors import translate_hub_errors
from imagenet_g.benchmark.hub.sources import HubSource
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.hub_releases import HubRelease
from imagenet_g.benchmark.splits.manifests import FileRecord
from imagenet_g.benchmark.splits.releases import make_split
from imagenet_g.benchmark.splits.splits import Split

_PIXELS = "pixel_sha256"
# fsspec fetches whole blocks, 5 MiB by default: more than a column of ids takes.
_BLOCK_BYTES = 1 << 20
_PATHS_PER_REQUEST = 100


def stream_split(release: HubRelease, name: str, *, note: Callable[[str], None] | None = None) -> Split:
    """Open a split of a release on the Hub without fetching its shards.

    Raises:
        UnknownNameError: The version has no such split.
        FetchError: The Hub cannot be used.
        DataError: A shard on the Hub is not the one of the manifest, or its rows break the contract.
    """
    splits = release.manifest.splits
    if name not in splits:
        known = [f"{release.manifest.version}/{split}" for split in splits]
        raise UnknownNameError("split", f"{release.manifest.version}/{name}", known)
    source, files = release.source, splits[name].files
    with translate_hub_errors(source.repo, source.revision):
        _compare_hashes(source, files)
        images = ParquetImages([Path(file.path) for file in files], open_file=_make_opener(source))
        split = make_split(release.folder, release.manifest, name, images)
        hashes = images.read_column(_PIXELS) if _PIXELS in images.schema.names else [None] * len(images)
    if note is not None:
        note(f"{split.record.ref}: {source.repo} at commit {source.revision}, streamed; no copy is kept")
    record = split.record.model_copy(update={"revision": source.revision})
    return replace(split, record=record, reader=StreamedImages(images, hashes, source))


@dataclass(frozen=True, slots=True)
class StreamedImages:
    """Images of remote shards, each compared with the pixel hash of its row.

    Attributes:
        images: The open shards.
        hashes: sha256 of the decoded pixels of every row; None where the release has no hashes.
        source: Where they are.
    """

    images: ParquetImages
    hashes: Sequence[object]
    source: HubSource

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: The bytes do not have the pixels of their row.
            FetchError: The connection broke off for good.
        """
        with translate_hub_errors(self.source.repo, self.source.revision):
            data = self.images.read_image(row)
        expected = self.hashes[row]
        if expected is not None and hash_pixels(decode_image(data)) != expected:
            raise DataError("the pixels that came over the network are not those of the release")
        return data

    def read_column(self, name: str) -> Sequence[object]:
        """All values of another column, in row order.

        Raises:
            DataError: There is no such column.
            FetchError: The connection broke off for good.
        """
        with translate_hub_errors(self.source.repo, self.source.revision):
            return self.images.read_column(name)


def _compare_hashes(source: HubSource, files: Sequence[FileRecord]) -> None:
    """The Hub keeps the sha256 of large files; it must be the manifest's."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    for start in range(0, len(files), _PATHS_PER_REQUEST):
        piece = files[start : start + _PATHS_PER_REQUEST]
        paths = [file.path for file in piece]
        infos = HfApi().get_paths_info(source.repo, paths, repo_type="dataset", revision=source.revision)
        found = {info.path: info for info in infos if isinstance(info, RepoFile)}
        for file in piece:
            info = found.get(file.path)
            # Without `lfs` the Hub keeps the file in git, without a sha256 of its bytes.
            if info is None or info.lfs is None or info.lfs.sha256 != file.sha256:
                raise DataError(
                    f"'{file.path}' of '{source.repo}' is not the shard its manifest describes. Report it to "
                    "the maintainers, or fetch a whole copy with 'imagenet-g download'."
                )


def _make_opener(source: HubSource) -> Callable[[Path], BinaryIO]:
    from huggingface_hub import HfFileSystem

    hub = HfFileSystem()

    def open_file(path: Path) -> BinaryIO:
        place = f"datasets/{source.repo}@{source.revision}/{path.as_posix()}"
        return cast(BinaryIO, hub.open(place, "rb", block_size=_BLOCK_BYTES))

    return open_file
