"""Small image files, class folders and releases for tests."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.images.decoding import hash_pixels
from imagenet_g.benchmark.splits.manifests import (
    Manifest,
    SplitRole,
    ViewSpec,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.releases import (
    make_release_features,
    make_split_manifest,
    write_shard,
)


def make_image(colour: tuple[int, int, int] = (1, 2, 3), size: tuple[int, int] = (8, 8)) -> Image.Image:
    """A plain image."""
    return Image.new("RGB", size, colour)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """An image file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_class_folders(root: Path, names: Sequence[str], *, per_class: int = 1) -> Path:
    """`root/<name>/img_<k>.png`, every image of another colour."""
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for k in range(per_class):
            data = encode(make_image((number % 256, number // 256, k)))
            (root / name / f"img_{k}.png").write_bytes(data)
    return root


def make_rows(
    indices: Sequence[int], columns: Mapping[str, Sequence[object]] | None = None
) -> Iterator[dict[str, object]]:
    """Release rows of the given classes, further columns by name; the rest None."""
    blank = dict.fromkeys(make_release_features())
    for row, index in enumerate(indices):
        image = make_image((row % 256, row // 256, 7))
        yield {
            **blank,
            "image": encode(image),
            "label": index,
            "image_id": f"id-{row:05d}",
            "wnid": load_classes()[index].wnid,
            "pixel_sha256": hash_pixels(image),
            **{name: values[row] for name, values in (columns or {}).items()},
        }


def write_release(
    folder: Path,
    indices: Sequence[int],
    *,
    version: str = "v9",
    split: str = "sd-l",
    rows_per_shard: int = 1000,
    views: Mapping[str, ViewSpec] | None = None,
    extra: Mapping[str, object] | None = None,
    columns: Mapping[str, Sequence[object]] | None = None,
    role: SplitRole = "test",
) -> Path:
    """A whole release of one split."""
    features = make_release_features(extra)
    rows = list(make_rows(indices, columns))
    pieces = [rows[start : start + rows_per_shard] for start in range(0, len(rows), rows_per_shard)]
    files = [
        write_shard(folder, make_shard_path(split, number, len(pieces), role), piece, features)
        for number, piece in enumerate(pieces)
    ]
    described = make_split_manifest(folder, files, views=views or {}, recipe=None, role=role)
    write_manifest(
        folder,
        Manifest(
            version=version,
            title="A test",
            license="MIT",
            released=None,
            superseded_by=None,
            notice=None,
            made_with={},
            splits={split: described},
        ),
    )
    return folder


def write_tar(path: Path, members: Mapping[str, bytes], *, mode: Literal["w", "w:gz"] = "w") -> Path:
    """A tar with the given members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_hub_parquet(
    path: Path, images: Sequence[bytes], labels: Sequence[object], *, column: str, names: Sequence[str] | None
) -> Path:
    """A parquet as `datasets` leaves it on the Hub; with `names` the label column is a ClassLabel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {"image": [{"bytes": data, "path": None} for data in images], column: pa.array(labels)},
    )
    if names is not None:
        features = {"image": {"_type": "Image"}, column: {"_type": "ClassLabel", "names": list(names)}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)
    return path
