"""A release of corrupted images: a split for each kind, shard by shard, the manifest last.

A shard that is whole is kept, so a set that was stopped goes on; what is done to an image follows from its id
in the source, its kind and the settings, and from nothing that was run before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from imagenet_g.baselines.corrupting.images import (
    CorruptionSettings,
    corrupt_image,
    encode_image,
    load_source,
)
from imagenet_g.baselines.corrupting.kinds import KINDS, LIBRARY, choose_seed
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes, hash_file
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    SplitManifest,
    load_manifest,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.release_rows import ALSO_COLUMN
from imagenet_g.benchmark.splits.releases import make_release_features, make_split_manifest, write_shard
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS, IntArray

if TYPE_CHECKING:
    import datasets
    from pydantic import JsonValue

SHARD_ROWS = 2000
"""Images of a shard: what a stop loses at most."""
# OpenCV comes with windows or without, and whoever has no display may have exchanged it.
MADE_WITH = (
    "imagenet-g", LIBRARY, "numba", "numpy", "opencv-python", "opencv-python-headless", "pillow", "pyarrow",
    "scikit-image", "scipy",
)  # fmt: skip
_EVERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptedRelease:
    """A release that is to be made.

    Attributes:
        folder: Where.
        version: Its name.
        license: SPDX expression over its images, or "unknown".
        source: Where images are read.
        record: Of the source, with its view.
        rows: Which of its images.
        settings: What decides an image beside its kind.
    """

    folder: Path
    version: str
    license: str
    source: Split
    record: SplitRecord
    rows: IntArray
    settings: CorruptionSettings

    def describe(self) -> dict[str, JsonValue]:
        """What decides its images beside their kind, in the words of its record and its manifest."""
        origin = self.record.origin
        known = None if origin is None else origin.generators
        generators: list[JsonValue] | None = None if known is None else [*known]
        return {
            "severity": self.settings.severity,
            "seed": self.settings.seed,
            # In words where there is no number: on a card, null would read as unknown.
            "short_px": self.settings.short_px or "of each image",
            "encoding": "png" if self.settings.quality is None else f"jpeg, quality {self.settings.quality}",
            "library": LIBRARY,
            "library_version": version(LIBRARY),
            # "sources" and "generators" are read back as the origin of the split.
            "sources": {
                "ref": self.record.ref,
                "content_sha256": self.record.content_sha256,
                "images": len(self.rows),
            },
            "generators": generators,
        }


def require_same(release: CorruptedRelease) -> None:
    """Check that what a folder holds was made as this release is to be.

    Raises:
        DataError: It was made otherwise.
    """
    for kind, split in _load_splits(release.folder).items():
        if split.recipe != _make_recipe(release, kind):
            raise DataError(
                f"'{release.folder}' holds '{kind}', made otherwise, as its {MANIFEST_NAME} says. Name "
                "another folder."
            )


def write_corrupted(
    release: CorruptedRelease, kinds: Sequence[str], library: ModuleType, say: Callable[[str], None]
) -> int:
    """Make what is missing of a release.

    Args:
        release: What is to be made.
        kinds: Which splits; others that are there already stay.
        library: Of `load_library`.
        say: Receives progress.

    Returns:
        How many images were made now.

    Raises:
        DataError: An image cannot be made, or a damaged file comes out otherwise than it was.
        StorageError: The folder cannot be written.
    """
    splits = _load_splits(release.folder)
    made = 0
    for kind in kinds:
        known = {file.path: file.sha256 for file in splits[kind].files} if kind in splits else {}
        files = []
        for file, is_new in _write_split(release, kind, library, known, say):
            files.append(file)
            made += file.num_rows * is_new
        splits[kind] = _describe_split(release, kind, files)
    ordered = {kind: splits[kind] for kind in KINDS if kind in splits}
    write_manifest(release.folder, _make_manifest(release, ordered))
    return made


def _write_split(
    release: CorruptedRelease,
    kind: str,
    library: ModuleType,
    known: Mapping[str, str],
    say: Callable[[str], None],
) -> Iterator[tuple[FileRecord, bool]]:
    """The shards of a kind, each with whether it was made now."""
    pieces = [release.rows[start : start + SHARD_ROWS] for start in range(0, len(release.rows), SHARD_ROWS)]
    features = _make_features(release.source)
    for number, rows in enumerate(pieces):
        name = make_shard_path(kind, number, len(pieces))
        ids = [_make_id(release, kind, row) for row in rows.tolist()]
        found = _find_shard(release.folder, name, ids, known.get(name))
        if found is not None:
            yield found, False
            continue
        start = number * SHARD_ROWS
        made = write_shard(
            release.folder, name, _make_rows(release, kind, rows, library, say, start=start), features
        )
        # Images are the same for the same versions, which are those of the record.
        if known.get(name, made.sha256) != made.sha256:
            raise DataError(
                f"'{name}' was damaged, and made again it is another file than the manifest names. Make the "
                "set again in another folder."
            )
        yield made, True


def _find_shard(folder: Path, name: str, ids: Sequence[str], sha256: str | None) -> FileRecord | None:
    """A shard that is there with its images; None where it is missing, damaged or of other images."""
    path = folder / name
    if not path.is_file():
        return None
    found = hash_file(path)
    if sha256 is None:
        try:
            held = list(ParquetImages([path]).read_column("image_id"))
        except DataError:
            return None
        if held != list(ids):
            return None
    elif found != sha256:
        return None
    return FileRecord(path=name, sha256=found, num_bytes=path.stat().st_size, num_rows=len(ids))


def _make_rows(
    release: CorruptedRelease,
    kind: str,
    rows: IntArray,
    library: ModuleType,
    say: Callable[[str], None],
    *,
    start: int,
) -> Iterator[Mapping[str, object]]:
    columns = list(_make_features(release.source))
    for number, row in enumerate(rows.tolist(), start + 1):
        yield dict.fromkeys(columns) | _make_row(release, kind, row, library)
        if number % _EVERY == 0 or number == len(release.rows):
            say(f"{kind}: {number} of {len(release.rows)} images")


def _make_row(release: CorruptedRelease, kind: str, row: int, library: ModuleType) -> dict[str, object]:
    """One row of the release; what does not apply to it is left out."""
    split, settings = release.source, release.settings
    source_id = split.rows.image_ids[row]
    seed = choose_seed(settings.seed, kind, source_id)
    made = corrupt_image(library, load_source(split, row), settings, kind=kind, seed=seed)
    data = encode_image(made, settings.quality)
    # Decoded again where that loses something: the hash is of what a reader gets.
    pixels = made if settings.quality is None else decode_image(data)
    label, *also = (int(label) for label in split.rows.labels[row] if label != NO_CLASS)
    known = {
        "image": data,
        "label": label,
        "image_id": _make_id(release, kind, row),
        "wnid": load_classes()[label].wnid,
        "recipe": f"{kind}/{settings.severity}",
        "seed": seed,
        "source_image_id": source_id,
        "pixel_sha256": hash_pixels(pixels),
    }
    return {**known, ALSO_COLUMN: also} if _has_also(split) else known


def _make_id(release: CorruptedRelease, kind: str, row: int) -> str:
    """Identity of an image: 16 hex digits, from its source and what is done to it."""
    source_id = release.source.rows.image_ids[row]
    place = f"corrupted/{release.version}/{kind}/{release.settings.severity}/{source_id}"
    return hash_bytes(place.encode())[:16]


def _has_also(split: Split) -> bool:
    return bool(split.rows.labels.shape[1] > 1)


def _make_features(split: Split) -> datasets.Features:
    from datasets import List, Value

    return make_release_features({ALSO_COLUMN: List(Value("int16"))} if _has_also(split) else None)


def _load_splits(folder: Path) -> dict[str, SplitManifest]:
    return dict(load_manifest(folder).splits) if (folder / MANIFEST_NAME).exists() else {}


def _make_recipe(release: CorruptedRelease, kind: str) -> dict[str, JsonValue]:
    return {"kind": "corrupted", "recipe": {"corruption": kind, **release.describe()}}


def _describe_split(release: CorruptedRelease, kind: str, files: Sequence[FileRecord]) -> SplitManifest:
    recipe = _make_recipe(release, kind)
    split = make_split_manifest(release.folder, files, views={}, recipe=recipe)
    if split.num_images != len(release.rows):
        raise DataError(f"'{kind}' has {split.num_images} images of {len(release.rows)}.")
    return split


def _make_manifest(release: CorruptedRelease, splits: Mapping[str, SplitManifest]) -> Manifest:
    notices = [
        release.record.notice,
        f"Corrupted by {LIBRARY} from {release.record.ref}: in the spirit of ImageNet-C, and no part of it.",
    ]
    return Manifest(
        version=release.version,
        title=f"{release.record.ref}, corrupted at severity {release.settings.severity}",
        license=release.license,
        released=None,
        superseded_by=None,
        notice=" ".join(notice for notice in notices if notice),
        made_with=list_versions(MADE_WITH),
        splits=dict(splits),
    )
