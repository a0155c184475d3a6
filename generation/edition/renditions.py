"""Remake `mini/renditions`, the split inside the package: emoji art of ImageNet classes in several hands.

    imagenet-g lab renditions --out FOLDER

Which drawing shows which class was decided by eye, against the synset's lemmas and definition; the decisions
are data: `renditions.csv` (which emoji shows which class, and why), `renditions_art.csv` (every drawing used)
and `renditions_left_out.csv` (what was looked at and refused, and why).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.identity import make_image_id
from imagenet_g.benchmark.splits.manifests import EqualsView, FileRecord, Manifest, write_manifest
from imagenet_g.benchmark.splits.releases import (
    make_release_features,
    make_shard_path,
    make_split_manifest,
    write_shard,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.edition.art_sources import (
    ArtSpec,
    EmojiSpec,
    HandSpec,
    fetch_package,
    load_art,
    load_emoji,
    load_hands,
    load_icons,
    load_licenses_text,
)

if TYPE_CHECKING:
    import datasets
    from pydantic import JsonValue

VERSION = "mini"
SPLIT = "renditions"
HELD_OUT_HANDS = ("noto", "noto-v1", "fluent-high-contrast")
"""Hands that nothing is trained on, so that their drawings are a natural shift."""
TRAINED_CLASSES = "drawn-104"
"""The classes that models of drawings are trained on."""
LICENSES_NAME = "LICENSES.md"
_TITLE = "ImageNet-G mini: the edition inside the package"
_NOTICE = "mini is for smoke tests, teaching and CI: its numbers are no measure of a model."

Icons = Mapping[str, Mapping[str, bytes]]
"""Drawings by hand, then icon name."""


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
    hands, art = load_hands(), load_art()
    return write_renditions(out, load_emoji(), art, hands, load_all_icons(hands, art, packages))


def write_renditions(
    out: Path, emoji: Sequence[EmojiSpec], art: Sequence[ArtSpec], hands: Sequence[HandSpec], icons: Icons
) -> Manifest:
    """Write a release of the given drawings; equal drawings give equal bytes with the same libraries.

    Raises:
        DataError: The rows break the release contract.
        StorageError: `out` cannot be written.
    """
    rows = build_rows(emoji, art, hands, icons)
    shard = write_shard(out, make_shard_path(SPLIT, 0, 1), rows, make_features())
    write_text(out / LICENSES_NAME, format_licenses(hands))
    manifest = make_manifest(out, shard, hands)
    write_manifest(out, manifest)
    return manifest


def load_all_icons(hands: Sequence[HandSpec], art: Sequence[ArtSpec], packages: Path) -> Icons:
    """Every drawing `art` names, fetched and read hand by hand.

    Raises:
        FetchError: A package could not be fetched.
        DataError: A package is not the pinned one, or lacks a drawing.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for piece in art:
        names[piece.hand].append(piece.icon)
    return {hand.name: load_icons(fetch_package(hand, packages), hand, names[hand.name]) for hand in hands}


def make_features() -> datasets.Features:
    """The columns of the release: the standard ones, and who drew what under which licence."""
    from datasets import List, Value

    names = ("hand", "emoji", "emoji_name", "author", "license", "source")
    return make_release_features(
        {**{name: Value("string") for name in names}, "also": List(Value("int16"))},
    )


def build_rows(
    emoji: Sequence[EmojiSpec], art: Sequence[ArtSpec], hands: Sequence[HandSpec], icons: Icons
) -> Iterator[dict[str, object]]:
    """One row per drawing, in the order of `art`; the n-th drawing of a class has index n in its identity."""
    emoji_by_name = {spec.emoji_name: spec for spec in emoji}
    hand_by_name = {hand.name: hand for hand in hands}
    seen: Counter[str] = Counter()
    for piece in art:
        spec = emoji_by_name[piece.emoji_name]
        yield build_row(spec, hand_by_name[piece.hand], icons[piece.hand][piece.icon], seen[spec.wnid])
        seen[spec.wnid] += 1


def build_row(spec: EmojiSpec, hand: HandSpec, drawing: bytes, index: int) -> dict[str, object]:
    """The row of one drawing; what belongs to generated images only is None."""
    from imagenet_g.benchmark.images.decoding import hash_pixels
    from imagenet_g.generation.edition.art_render import encode_image, render_art

    image = render_art(drawing, hand.format)
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
        "hand": hand.name,
        "emoji": spec.emoji,
        "emoji_name": spec.emoji_name,
        "author": hand.author,
        "license": hand.license,
        "source": hand.source,
        "also": list(spec.also),
    }


def make_manifest(out: Path, shard: FileRecord, hands: Sequence[HandSpec]) -> Manifest:
    """The manifest of the release in `out`, whose shard is in place.

    Each hand is a view, and so are a held-out hand's drawings of the classes that models are trained on.

    Raises:
        DataError: The shard breaks the release contract.
    """
    names = [hand.name for hand in hands]
    views = {name: EqualsView(column="hand", value=name) for name in names} | {
        f"{name}-{TRAINED_CLASSES}": EqualsView(column="hand", value=name, class_set=TRAINED_CLASSES)
        for name in names
        if name in HELD_OUT_HANDS
    }
    split = make_split_manifest(out, [shard], views=views, recipe=make_recipe(hands))
    return Manifest(
        version=VERSION,
        title=_TITLE,
        license=" AND ".join(sorted({hand.license for hand in hands})),
        released=None,
        superseded_by=None,
        notice=_NOTICE,
        made_with=list_renderers(),
        splits={SPLIT: split},
    )


def make_recipe(hands: Sequence[HandSpec]) -> JsonValue:
    """All that decides the pixels, beside the tables and the code."""
    from imagenet_g.generation.edition.art_render import ART_PX, CANVAS_PX

    packages: list[JsonValue] = [
        {"hand": hand.name, "package": hand.source, "integrity": hand.integrity} for hand in hands
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


def format_licenses(hands: Sequence[HandSpec]) -> str:
    """The text beside the data: whom to thank for each hand, and the licences."""
    from imagenet_g.generation.edition.art_render import ART_PX, CANVAS_PX

    entries = "\n".join(_format_hand(hand) for hand in hands)
    return load_licenses_text().format(entries=entries, art_px=ART_PX, canvas_px=CANVAS_PX)


def _format_hand(hand: HandSpec) -> str:
    note = f" {hand.note}" if hand.note else ""
    return (
        f"- **{hand.name}**: {hand.art}, by {hand.author}. {hand.copyright}. {hand.license}. "
        f"<{hand.home}>, taken from npm package `{hand.source}`.{note}"
    )
