"""Contact sheets of a release, as PNG and HTML: one row per class, one block of columns per split."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.splits.manifests import Manifest
from imagenet_g.benchmark.storage import write_bytes, write_text
from imagenet_g.generation.releases.reading import Row, load_release

if TYPE_CHECKING:
    from PIL import Image

LABEL_PX = 150
HEADER_PX = 22
GAP_PX = 4


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a contact sheet shows.

    Attributes:
        title: Heading.
        splits: Names of the blocks, left to right.
        class_indices: Rows, top to bottom.
        cells: Rows of the release by split and class, at most `per_class` each.
        per_class: Columns of a block.
        size_px: Side of a thumbnail.
    """

    title: str
    splits: tuple[str, ...]
    class_indices: tuple[int, ...]
    cells: dict[tuple[str, int], tuple[Row, ...]]
    per_class: int
    size_px: int


def load_sheet(
    release: Path, splits: Sequence[str], *, num_classes: int, per_class: int, size_px: int
) -> Sheet:
    """Choose classes spread evenly over all, and the first images of each.

    Raises:
        DataError: It is not a complete release.
        UnknownNameError: It has no such split.
    """
    manifest, names = load_release(release, splits)
    present = sorted({index for name in names for index in manifest.splits[name].class_indices})
    count = min(num_classes, len(present))
    # Neighbouring classes are alike (118 dogs): spread over the list, few rows show more.
    chosen = tuple(sorted({present[n * len(present) // count] for n in range(count)}))
    cells: dict[tuple[str, int], tuple[Row, ...]] = {}
    for name in names:
        found = _load_first_rows(release, manifest, name, chosen, per_class)
        cells |= {(name, index): tuple(rows) for index, rows in found.items()}
    return Sheet(f"{manifest.version}: {manifest.title}", names, chosen, cells, per_class, size_px)


def write_gallery(folder: Path, sheet: Sheet) -> tuple[Path, Path]:
    """Write `gallery.png` and `gallery.html`; returns their paths.

    Raises:
        StorageError: They cannot be written.
    """
    stream = io.BytesIO()
    draw_sheet(sheet).save(stream, format="PNG")
    png, html = folder / "gallery.png", folder / "gallery.html"
    write_bytes(png, stream.getvalue())
    write_text(html, format_sheet(sheet))
    return png, html


def draw_sheet(sheet: Sheet) -> Image.Image:
    """The sheet as one image."""
    from PIL import Image, ImageDraw, ImageFont

    cell, block = sheet.size_px + GAP_PX, sheet.per_class * (sheet.size_px + GAP_PX) + GAP_PX
    width = LABEL_PX + block * len(sheet.splits)
    picture = Image.new("RGB", (width, 2 * HEADER_PX + cell * len(sheet.class_indices)), "white")
    # Pillow's own font: machines for rendering often have no other.
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    draw.text((GAP_PX, GAP_PX), sheet.title, fill="black", font=font)
    for number, split in enumerate(sheet.splits):
        left = LABEL_PX + number * block
        draw.text((left, HEADER_PX), split, fill="black", font=font)
        for line, index in enumerate(sheet.class_indices):
            top = 2 * HEADER_PX + line * cell
            for column, row in enumerate(sheet.cells.get((split, index), ())):
                picture.paste(_shrink(row, sheet.size_px), (left + column * cell, top))
    for line, index in enumerate(sheet.class_indices):
        name = load_classes()[index].name
        text = name if len(name) <= 20 else f"{name[:19]}…"
        draw.text((GAP_PX, 2 * HEADER_PX + line * cell + GAP_PX), text, fill="black", font=font)
    return picture


def format_sheet(sheet: Sheet) -> str:
    """The sheet as one HTML page with the thumbnails inside; the tooltip shows prompt, id and seed."""
    heads = "".join(f'<th colspan="{sheet.per_class}">{escape(name)}</th>' for name in sheet.splits)
    body = "\n".join(_format_line(sheet, index) for index in sheet.class_indices)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(sheet.title)}</title>'
        "<style>body{font:14px sans-serif}table{border-spacing:3px}th{text-align:left}"
        "img.flat{outline:2px solid red}</style></head><body>"
        f"<h1>{escape(sheet.title)}</h1><table><tr><th></th>{heads}</tr>\n{body}\n</table></body></html>\n"
    )


def _format_line(sheet: Sheet, index: int) -> str:
    info = load_classes()[index]
    cells = []
    for split in sheet.splits:
        rows = sheet.cells.get((split, index), ())
        cells += [f"<td>{_format_thumbnail(row, sheet.size_px)}</td>" for row in rows]
        cells += ["<td></td>"] * (sheet.per_class - len(rows))
    return f'<tr><th title="{escape(info.definition)}">{escape(info.name)}</th>{"".join(cells)}</tr>'


def _format_thumbnail(row: Row, size_px: int) -> str:
    stream = io.BytesIO()
    _shrink(row, size_px).save(stream, format="PNG")
    # Inside the page, so that one file can be sent around.
    data = base64.b64encode(stream.getvalue()).decode()
    about = f"{row['prompt'] or row['recipe']} | {row['image_id']} | seed {row['seed']}"
    kind = ' class="flat"' if row["is_flat"] else ""
    return f'<img{kind} src="data:image/png;base64,{data}" title="{escape(about)}" alt="{escape(about)}">'


def _shrink(row: Row, size_px: int) -> Image.Image:
    data = row["image"]
    return make_thumbnail(decode_image(data if isinstance(data, bytes) else b""), size_px)


def make_thumbnail(picture: Image.Image, size_px: int) -> Image.Image:
    """An image brought to a longer side of `size_px`, its shape kept."""
    from PIL import Image

    scale = size_px / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Small images are enlarged as they are, so that their pixels can be seen.
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return picture.resize(size, resample=method)


def _load_first_rows(
    release: Path, manifest: Manifest, split: str, classes: Sequence[int], per_class: int
) -> dict[int, list[Row]]:
    import pyarrow.parquet as pq

    wanted: dict[int, list[Row]] = {index: [] for index in classes}
    columns = ["image", "label", "image_id", "prompt", "recipe", "seed", "is_flat"]
    for file in manifest.splits[split].files:
        missing = [index for index, rows in wanted.items() if len(rows) < per_class]
        # Labels first: reading a file for its images takes long, and most files hold none of the classes.
        labels = set(pq.read_table(release / file.path, columns=["label"])["label"].to_pylist())
        if needed := sorted(labels & set(missing)):
            table = pq.read_table(release / file.path, columns=columns, filters=[("label", "in", needed)])
            for row in table.to_pylist():
                if len(wanted[row["label"]]) < per_class:
                    wanted[row["label"]].append({**row, "image": row["image"]["bytes"]})
    return wanted
