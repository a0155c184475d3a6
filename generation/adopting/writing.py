"""The release of an adopted set: built whole beside its place, then moved there in one step."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_bytes, hash_lines
from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    Manifest,
    SplitManifest,
    load_manifest,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.release_rows import ALSO_COLUMN
from imagenet_g.benchmark.splits.releases import (
    ROWS_PER_GROUP,
    make_release_features,
    make_split_manifest,
    write_shard,
)
from imagenet_g.benchmark.storage import (
    clear_leftovers,
    name_temporary,
    translate_storage_errors,
    validate_writable,
    write_text,
)
from imagenet_g.benchmark.strengths.axis import SERIES_COLUMN, STRENGTH_COLUMN
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.reading import ReadImage, identify
from imagenet_g.generation.releases.adopted import ADOPTED, AdoptedRecipe, find_adopted
from imagenet_g.generation.releases.card import format_card
from imagenet_g.generation.releases.tree import CARD_NAME

if TYPE_CHECKING:
    import datasets

SOURCE_COLUMN = "source_file"

# Some 500 MB a file, as `datasets` has it, and files that a machine of little memory still opens.
_MAX_SHARD_BYTES, _MAX_SHARD_ROWS = 400 << 20, 5000
# Below what the viewer of the Hub shows of a row group.
_MAX_GROUP_BYTES = 200 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What the release is called.

    Attributes:
        out: Its folder.
        version: Its version.
        split: The split to add.
        title: What people call the version; None for that of the release, or one made of its name.
        license: SPDX expression, or "unknown".
        notice: What a reader must consider before quoting a number; None for nothing.
    """

    out: Path
    version: str
    split: str
    title: str | None = None
    license: str = "unknown"
    notice: str | None = None


def validate_place(request: ReleaseRequest) -> None:
    """Check, before images are read, that the split can be added to the folder.

    Raises:
        InputError: It holds something else, another version, or a split of this name.
        StorageError: It cannot be written.
    """
    out = request.out
    validate_writable(out)
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / MANIFEST_NAME).exists():
        raise InputError(f"'{out}' has files and is no release; choose an empty folder with --out.")
    manifest = load_manifest(out)
    if manifest.version != request.version:
        raise InputError(
            f"'{out}' holds version '{manifest.version}', not '{request.version}'; choose another --out."
        )
    if request.split in manifest.splits:
        raise InputError(
            f"'{out}' has a split '{request.split}' already, and a release does not change. Choose another "
            "--split, "
            "or another --out."
        )
    if built := [name for name, split in manifest.splits.items() if find_adopted(split) is None]:
        raise InputError(
            f"'{out}' holds '{built[0]}', which was built and not adopted; choose another --out and "
            "--version."
        )


def write_adopted(
    request: ReleaseRequest, listing: Listing, images: Sequence[ReadImage], recipe: AdoptedRecipe
) -> Path:
    """Write the split, the card and the manifest; on any failure the folder is as it was before.

    Returns:
        Path of the manifest.

    Raises:
        DataError: A file has changed since it was read.
        StorageError: The disk is full, or permission is missing.
    """
    features = make_features(listing, images)
    # A link to a folder stays one.
    out = request.out.resolve()
    with _stage(out) as stage:
        pieces = split_into_shards(images)
        group_size = choose_group_size(images)
        rows = make_rows(listing, images, recipe.recipe.generator, features.keys())
        files = [
            write_shard(
                stage,
                make_shard_path(request.split, number, len(pieces)),
                (next(rows) for _ in range(count)),
                features,
                rows_per_group=group_size,
            )
            for number, count in enumerate(pieces)
        ]
        split = make_split_manifest(stage, files, views={}, recipe=recipe.model_dump(mode="json"))
        manifest = _make_manifest(request, split)
        _move_in(stage, out, request, manifest)
    return request.out / MANIFEST_NAME


def make_features(listing: Listing, images: Sequence[ReadImage]) -> datasets.Features:
    """Columns of an adopted split: the standard ones, the name in the source, and what more is known."""
    from datasets import List, Value

    extra: dict[str, object] = {SOURCE_COLUMN: Value("string")}
    if listing.strengths is not None:
        extra[STRENGTH_COLUMN] = Value("float64")
    if listing.series is not None:
        extra[SERIES_COLUMN] = Value("string")
    if any(len(image.labels) > 1 for image in images):
        extra[ALSO_COLUMN] = List(Value("int16"))
    return make_release_features(extra)


def make_rows(
    listing: Listing, images: Sequence[ReadImage], generator: str | None, columns: Collection[str]
) -> Iterator[Mapping[str, object]]:
    """Release rows in the order given; what is not known of images made elsewhere is None.

    Raises:
        DataError: A file is no longer the one that was read.
    """
    unknown = dict.fromkeys(columns)
    for image, image_id in identify(images):
        data = listing.read(image.row)
        # The second reading: what was rewritten since the first would have the hashes of other pixels.
        if hash_bytes(data) != image.file_sha256:
            raise DataError(
                f"'{listing.names[image.row]}' has changed since it was read; run the command again."
            )
        known = {
            "image": data,
            "label": image.label,
            "image_id": image_id,
            "wnid": image.wnid,
            "recipe": ADOPTED,
            "generator": generator,
            "pixel_sha256": image.pixel_sha256,
            "is_flat": image.is_flat,
            SOURCE_COLUMN: listing.names[image.row],
            STRENGTH_COLUMN: listing.strengths[image.row] if listing.strengths is not None else None,
            SERIES_COLUMN: listing.series[image.row] if listing.series is not None else None,
            ALSO_COLUMN: list(image.labels[1:]),
        }
        yield unknown | {name: value for name, value in known.items() if name in columns}


def split_into_shards(images: Sequence[ReadImage]) -> list[int]:
    """Number of images of each file, so that none is too large."""
    counts, total = [0], 0
    for image in images:
        if counts[-1] and (total + image.num_bytes > _MAX_SHARD_BYTES or counts[-1] >= _MAX_SHARD_ROWS):
            counts.append(0)
            total = 0
        counts[-1] += 1
        total += image.num_bytes
    return counts


def choose_group_size(images: Sequence[ReadImage]) -> int:
    """Rows of a row group: fewer than usual where images are so large that the Hub would not show them."""
    return min(ROWS_PER_GROUP, max(1, _MAX_GROUP_BYTES // max(image.num_bytes for image in images)))


@contextmanager
def _stage(out: Path) -> Iterator[Path]:
    """A folder beside `out`, on the same disk, which is gone afterwards."""
    with translate_storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        # A run that was killed leaves images of gigabytes.
        clear_leftovers(out.parent)
        holder = name_temporary(out.with_name(f".{out.name}"))
        # Of a process that ended and had the number of this one.
        shutil.rmtree(holder, ignore_errors=True)
        # Nobody else looks in; the folder inside it has the rights that the user gives new folders.
        holder.mkdir(mode=0o700)
        stage = holder / "release"
        stage.mkdir()
    try:
        yield stage
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _make_manifest(request: ReleaseRequest, split: SplitManifest) -> Manifest:
    known = load_manifest(request.out) if (request.out / MANIFEST_NAME).exists() else None
    splits = {**(known.splits if known else {}), request.split: split}
    licenses = {request.license, *(known.license.split(" AND ") if known else ())}
    return Manifest(
        version=request.version,
        title=request.title or (known.title if known else f"{request.version}: adopted images"),
        # One unknown part leaves the whole unknown, and such a release is not published.
        license="unknown" if "unknown" in licenses else " AND ".join(sorted(licenses)),
        released=None,
        superseded_by=None,
        notice=_join_notices(known.notice if known else None, request.notice),
        made_with={name: version(name) for name in ("datasets", "pillow", "pyarrow")},
        # Sorted: the manifest must not depend on which split was adopted first.
        splits={name: splits[name] for name in sorted(splits)},
    )


def _join_notices(known: str | None, added: str | None) -> str | None:
    """The notices of all splits; one that is there already is not repeated."""
    if known is None or added is None or added in known:
        return known or added
    return f"{known} {added}"


def _move_in(stage: Path, out: Path, request: ReleaseRequest, manifest: Manifest) -> None:
    with translate_storage_errors(out):
        if (out / MANIFEST_NAME).exists():
            place = out / "data" / request.split
            # Left by a run that was killed between this step and the manifest, which does not name it.
            if place.exists():
                shutil.rmtree(place)
            (stage / "data" / request.split).rename(place)
        elif out.exists():
            (stage / "data").rename(out / "data")
        else:
            write_text(stage / CARD_NAME, format_card(manifest))
            write_manifest(stage, manifest)
            # One step: a reader sees no release, or a whole one.
            stage.rename(out)
            return
    write_text(out / CARD_NAME, format_card(manifest))
    write_manifest(out, manifest)


def hash_contents(images: Sequence[ReadImage]) -> str:
    """Hash over the files' own hashes, sorted: the same in any container and under any names."""
    return hash_lines(sorted(f"{image.file_sha256} {image.label}" for image in images))
