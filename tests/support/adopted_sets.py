"""Small sets of images in the layouts that `imagenet-g adopt` takes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.manifests import load_manifest

WNIDS = ("n01440764", "n01443537", "n01484850")
"""Classes 0, 1 and 2: tench, goldfish, great white shark."""


def make_noise(seed: int, size_px: int = 16) -> bytes:
    """A PNG of noise; every seed has pixels of its own."""
    values = np.random.default_rng(seed).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


def make_set(per_class: int = 2) -> dict[tuple[int, str], bytes]:
    """PNG files by class index and file name."""
    return {
        (label, f"{label}-{k}.png"): make_noise(10 * label + k)
        for label in range(3)
        for k in range(per_class)
    }


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Files below a folder, by name."""
    for name, data in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return root


def write_folders(root: Path, names: tuple[str, ...] = WNIDS, per_class: int = 2) -> Path:
    """One folder a class, by the names given."""
    return write_files(
        root, {f"{names[label]}/{file}": data for (label, file), data in make_set(per_class).items()}
    )


def adopt(source: Path | str, out: Path, *words: str, split: str = "drawn", code: int = 0) -> Path:
    """Run `imagenet-g adopt`; gives the release."""
    cache = str(out.parent / "cache")
    typed = [
        "adopt",
        str(source),
        "--version",
        "gen-1",
        "--split",
        split,
        "--out",
        str(out),
        "--cache",
        cache,
    ]
    assert main([*typed, *words]) == code
    return out


def read_columns(release: Path, *names: str, split: str = "drawn") -> list[tuple[object, ...]]:
    """Columns of a split, row by row."""
    images = ParquetImages([release / file.path for file in load_manifest(release).splits[split].files])
    return list(zip(*(images.read_column(name) for name in names), strict=True))


def read_ids(release: Path, split: str = "drawn") -> list[tuple[object, ...]]:
    """Ids, classes and pixels, in row order."""
    return read_columns(release, "image_id", "wnid", "pixel_sha256", split=split)


def read_recipe(release: Path, split: str = "drawn") -> dict[str, object]:
    """The recipe in the manifest."""
    recipe = json.loads((release / "manifest.json").read_text())["splits"][split]["recipe"]
    assert isinstance(recipe, dict)
    return recipe
