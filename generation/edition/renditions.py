"""Remake `mini/renditions`, the split inside the package: emoji of ImageNet classes from several art sets.

    imagenet-g lab renditions --out FOLDER

Which drawing shows which class was decided by eye, against the synset's lemmas and definition; the decisions
are data: `renditions.csv` (which emoji shows which class, and why), `renditions_art.csv` (every drawing used)
and `renditions_left_out.csv` (what was looked at and refused, and why; a test compares the two).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.identity import make_image_id
from imagenet_g.benchmark.splits.manifests import (
    EqualsView,
    FileRecord,
    Manifest,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.releases import (
    make_release_features,
    make_split_manifest,
    write_shard,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.edition.art_sources import (
    ArtSetSpec,
    ArtSpec,
    EmojiSpec,
    fetch_package,
    load_art,
    load_art_sets,
    load_emoji,
    load_icons,
    load_licenses_text,
)

if TYPE_CHECKING:
    import datasets
    from pydantic import JsonValue

VERSION = "mini"
SPLIT = "renditions"
HELD_OUT_ART_SETS = ("noto", "noto-v1", "fluent-high-contrast")
"""Art sets that nothing is trained on, so that their drawings are a natural shift."""
TRAINED_CLASSES = "drawn-104"
"""The classes that models of drawings are trained on."""
LICENSES_NAME = "LICENSES.md"
_TITLE = "ImageNet-G mini: the edition inside the package"
_NOTICE = "mini is for smoke tests, teaching and CI: its numbers are no measure of a model."

Icons = Mapping[str, Mapping[str, bytes]]
"""Drawings by art set, then icon name."""


def make_renditions(out: Path, packages: Path) -> Manifest:
    """Write the release into `out`: one shard, the licences, and the manifest last.

    Args:
        out: Folder of the release.
        packages: Where the npm tarballs are, or are put.

    Raises:
        FetchError: A package could not be fetched.
        DataError: A package is not the pinned one, or lacks a drawing.
        StorageError: `out` cannot be written.
    """
    art_sets, art = load_art_sets(), load_art()
    return write_renditions(out, load_emoji(), art, art_sets, load_all_icons(art_sets, art, packages))


def write_renditions(
    out: Path,
    emoji: Sequence[EmojiSpec],
    art: Sequence[ArtSpec],
    art_sets: Sequence[ArtSetSpec],
    icons: Icons,
) -> Manifest:
    """Write a release of the given drawings; equal drawings give equal bytes with the same libraries.

    Raises:
        DataError: The rows break the release contract.
        StorageError: `out` cannot be written.
    """
    rows = build_rows(emoji, art, art_sets, icons)
    shard = write_shard(out, make_shard_path(SPLIT, 0, 1), rows, make_features())
    write_text(out / LICENSES_NAME, format_licenses(art_sets))
    manifest = make_manifest(out, shard, art_sets)
    write_manifest(out, manifest)
    return manifest


def load_all_icons(art_sets: Sequence[ArtSetSpec], art: Sequence[ArtSpec], packages: Path) -> Icons:
    """Every drawing `art` names, fetched and read art set by art set.

    Raises:
        FetchError: A package could not be fetched.
        DataError: A package is not the pinned one, or lacks a drawing.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for piece in art:
        names[piece.art_set].append(piece.icon)
    return {
        art_set.name: load_icons(fetch_package(art_set, packages), art_set, names[art_set.name])
        for art_set in art_sets
    }


def make_features() -> datasets.Features:
    """The columns of the release: the standard ones, and who drew what under which licence."""
    from datasets import List, Value

    # The first release called an art set "hand", and a column of a frozen release keeps its name.
    names = ("hand", "emoji", "emoji_name", "author", "license", "source")
    return make_release_features(
        {**{name: Value("string") for name in names}, "also": List(Value("int16"))},
    )


def build_rows(
    emoji: Sequence[EmojiSpec], art: Sequence[ArtSpec], art_sets: Sequence[ArtSetSpec], icons: Icons
) -> Iterator[dict[str, object]]:
    """One row per drawing, in the order of `art`; the n-th drawing of a class has index n in its identity."""
    emoji_by_name = {spec.emoji_name: spec for spec in emoji}
    art_set_by_name = {art_set.name: art_set for art_set in art_sets}
    # An index within the class, so that a drawing added to one class renames no image of another.
    seen: Counter[str] = Counter()
    for piece in art:
        spec = emoji_by_name[piece.emoji_name]
        yield build_row(
            spec, art_set_by_name[piece.art_set], icons[piece.art_set][piece.icon], seen[spec.wnid]
        )
        seen[spec.wnid] += 1


def build_row(spec: EmojiSpec, art_set: ArtSetSpec, drawing: bytes, index: int) -> dict[str, object]:
    """The row of one drawing; what belongs to generated images only is None."""
    from imagenet_g.benchmark.images.decoding import hash_pixels
    from imagenet_g.generation.edition.art_render import encode_image, render_art

    image = render_art(drawing, art_set.format)
    undefined = ("prompt", "seed", "batch_id", "slot", "source_image_id", "generator")
    unmeasured = ("is_flat", "is_flagged_unsafe")
    return {
        **dict.fromkeys(undefined + unmeasured),
        "image": encode_image(image),
        "label": spec.index,
        "image_id": make_image_id(VERSION, SPLIT, spec.wnid, index),
        "wnid": spec.wnid,
        "recipe": SPLIT,
        "pixel_sha256": hash_pixels(image),
        "hand": art_set.name,
        "emoji": spec.emoji,
        "emoji_name": spec.emoji_name,
        "author": art_set.author,
        "license": art_set.license,
        "source": art_set.source,
        "also": list(spec.also),
    }


def make_manifest(out: Path, shard: FileRecord, art_sets: Sequence[ArtSetSpec]) -> Manifest:
    """The manifest of the release in `out`, whose shard is in place.

    Each art set is a view, and so are those of a held-out art set in the classes that models are trained on.

    Raises:
        DataError: The shard breaks the release contract.
    """
    names = [art_set.name for art_set in art_sets]
    views = {name: EqualsView(column="hand", value=name) for name in names} | {
        f"{name}-{TRAINED_CLASSES}": EqualsView(column="hand", value=name, class_set=TRAINED_CLASSES)
        for name in names
        if name in HELD_OUT_ART_SETS
    }
    split = make_split_manifest(out, [shard], views=views, recipe=make_recipe(art_sets))
    return Manifest(
        version=VERSION,
        title=_TITLE,
        license=" AND ".join(sorted({art_set.license for art_set in art_sets})),
        released=None,
        superseded_by=None,
        notice=_NOTICE,
        made_with=list_renderers(),
        splits={SPLIT: split},
    )


def make_recipe(art_sets: Sequence[ArtSetSpec]) -> JsonValue:
    """All that decides the pixels, beside the tables and the code."""
    from imagenet_g.generation.edition.art_render import ART_PX, CANVAS_PX

    # "hand" as in the column: the frozen manifest has this recipe.
    packages: list[JsonValue] = [
        {"hand": art_set.name, "package": art_set.source, "integrity": art_set.integrity}
        for art_set in art_sets
    ]
    return {
        "kind": SPLIT,
        "canvas_px": CANVAS_PX,
        "art_px": ART_PX,
        "background": "white",
        "encoding": "webp-lossless",
        "packages": packages,
    }


def list_renderers() -> dict[str, str]:
    """Versions of the libraries the bytes depend on."""
    from PIL import features

    libraries = {name: version(name) for name in ("datasets", "pillow", "pyarrow", "resvg-py")}
    return {**libraries, "libwebp": str(features.version_module("webp"))}


def format_licenses(art_sets: Sequence[ArtSetSpec]) -> str:
    """The text beside the data: the credits of each art set, and the licences."""
    from imagenet_g.generation.edition.art_render import ART_PX, CANVAS_PX

    entries = "\n".join(_format_art_set(art_set) for art_set in art_sets)
    return load_licenses_text().format(entries=entries, art_px=ART_PX, canvas_px=CANVAS_PX)


def _format_art_set(art_set: ArtSetSpec) -> str:
    note = f" {art_set.note}" if art_set.note else ""
    return (
        f"- **{art_set.name}**: {art_set.art}, by {art_set.author}. {art_set.copyright}. {art_set.license}. "
        f"<{art_set.home}>, taken from npm package `{art_set.source}`.{note}"
    )
