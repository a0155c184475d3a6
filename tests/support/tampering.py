"""Releases changed by someone who writes every hash anew, so that the files match the manifest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.images.decoding import hash_pixels
from imagenet_g.generation.plans.plan import META_KEY, hash_plan_rows

Rows = list[dict[str, Any]]


def load_manifest_tables(release: Path) -> dict[str, Any]:
    """The manifest as plain data."""
    tables: dict[str, Any] = json.loads((release / "manifest.json").read_text())
    return tables


def redo_hashes(release: Path, tables: dict[str, Any]) -> None:
    """Write the manifest with the sizes and hashes that its files have now."""
    for split in tables["splits"].values():
        for record in (*split["files"], split["recipe"]["plan"], split["recipe"]["probe"]):
            path = release / record["path"]
            record["sha256"], record["num_bytes"] = hash_file(path), path.stat().st_size
    (release / "manifest.json").write_text(json.dumps(tables, indent=2))


def change_manifest(release: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the manifest states."""
    tables = load_manifest_tables(release)
    change(tables)
    redo_hashes(release, tables)


def change_rows(release: Path, path: str, change: Callable[[Rows], object]) -> None:
    """Change rows of a file."""
    table = pq.read_table(release / path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), release / path)
    redo_hashes(release, load_manifest_tables(release))


def change_plan(release: Path, split: str, change: Callable[[Rows, dict[str, Any]], object]) -> None:
    """Change the plan's rows or its recipe, with the plan's own hash redone everywhere."""
    tables = load_manifest_tables(release)
    path = release / f"plan/{split}.parquet"
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[META_KEY])
    rows = table.to_pylist()
    change(rows, meta["recipe"])
    table = pa.Table.from_pylist(rows, schema=table.schema)
    meta["plan_sha256"] = hash_json({"recipe": meta["recipe"], "rows": hash_plan_rows(table)})
    pq.write_table(table.replace_schema_metadata({META_KEY: json.dumps(meta).encode()}), path)
    recipe = tables["splits"][split]["recipe"]
    recipe["recipe"], recipe["plan_sha256"] = meta["recipe"], meta["plan_sha256"]
    redo_hashes(release, tables)


def invert(row: dict[str, Any]) -> None:
    """The image in its negative, with the hash of the pixels it has then."""
    with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
        negative = ImageOps.invert(image.convert("RGB"))
    stream = io.BytesIO()
    negative.save(stream, format="PNG")
    row["image"], row["pixel_sha256"] = {"bytes": stream.getvalue(), "path": None}, hash_pixels(negative)


def change_all_rows(release: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rows of `data/` and their copies in the probe."""
    for split in load_manifest_tables(release)["splits"].values():
        for record in (*split["files"], split["recipe"]["probe"]):
            change_rows(release, record["path"], lambda rows: [change(row) for row in rows])


def invert_images(release: Path, ids: set[str] | None) -> None:
    """Images in their negative, in `data/` and in the copy of the probe; None for all."""
    change_all_rows(release, lambda row: invert(row) if ids is None or row["image_id"] in ids else None)
