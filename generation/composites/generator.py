"""Composites: drawings on procedural backgrounds, in the style that a prompt names.

A generator by rule: it replaces photographs, which may not be shipped.
Place, size, turn, light, shadow, clutter and what covers an object are drawn from the image's own seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.generation.composites.cutouts import Cutout, CutoutStore
from imagenet_g.generation.composites.finishes import FINISHES, to_image, to_picture
from imagenet_g.generation.composites.scenes import Picture, make_noise, make_scene
from imagenet_g.generation.composites.styles import StyleSpec, find_style, load_styles
from imagenet_g.generation.generators.generator import Rendering, RenderRow

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Framing:
    """How freely objects are placed in their images.

    Attributes:
        turn_degrees: Largest turn, either way.
        occluded_share: Share of single objects that are partly covered.
        least_size: Smallest size of an object, as a share of its style's range of sizes, 0 to 1.
        freedom: Share of the room around it that an object may move in.
        clutter: Whether to add random shapes.
        scene: Background of styles that name none of their own.
        is_mirrored: Whether half of the objects are mirrored.
    """

    turn_degrees: float
    occluded_share: float
    least_size: float
    freedom: float
    clutter: bool
    scene: str = "any"
    is_mirrored: bool = True


FRAMINGS = {
    "free": Framing(turn_degrees=18, occluded_share=0.12, least_size=0, freedom=1, clutter=True),
    "posed": Framing(turn_degrees=6, occluded_share=0, least_size=0.67, freedom=0.4, clutter=False),
    # Every free choice is one more thing that a small generator must learn, so that only small ones are left.
    "plain": Framing(
        turn_degrees=4,
        occluded_share=0,
        least_size=0.67,
        freedom=0.25,
        clutter=False,
        scene="soft",
        is_mirrored=False,
    ),
}
"""As in photographs; as in a catalogue (upright, large, in the middle, alone); so, before light grey."""


class CompositeGenerator:
    """Draws composites of a split of drawings.

    Args:
        ref: Reference of the split the drawings come from.
        art_sets: Names of the art sets to take from it.
        size_px: Side of an image.
        framing: A key of `FRAMINGS`.

    Raises:
        UnknownNameError: No such framing.
    """

    def __init__(self, ref: str, art_sets: Sequence[str], size_px: int, framing: str = "free") -> None:
        if framing not in FRAMINGS:
            raise UnknownNameError("framing", framing, FRAMINGS)
        self._ref = ref
        self._art_sets = tuple(art_sets)
        self._size_px = size_px
        self._framing = framing
        self._art: CutoutStore | None = None
        self._source: JsonValue = None

    def load(self, device: str) -> None:
        """Open the drawings; the device does not matter.

        Raises:
            ImagenetGError: The drawings cannot be read.
        """
        from imagenet_g.benchmark.catalogue.catalogue import load_split
        from imagenet_g.benchmark.splits.references import parse_split_ref

        split = load_split(parse_split_ref(self._ref), data={}, cache=None)
        self._art = CutoutStore(split, self._art_sets)
        # Frozen manifests hold it in these words; where the drawings come from is in their own manifest.
        self._source = split.record.model_dump(mode="json", exclude={"origin"})

    def describe(self) -> dict[str, JsonValue]:
        """The drawings, the art sets and the table of styles."""
        styles = [style.model_dump(mode="json") for style in load_styles()]
        return {
            "kind": "composites",
            "drawings": self._source,
            # As the option of the factory: described so in frozen manifests.
            "hands": list(self._art_sets),
            "size_px": self._size_px,
            "styles_sha256": hash_json(styles),
            # Absent for the default, so that the description of splits made before there were framings stays
            # the same.
            **({} if self._framing == "free" else {"framing": self._framing}),
        }

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """One composite per row.

        Raises:
            InputError: The art sets have no drawing of a row's class.
        """
        return [Rendering(self._render_row(row)) for row in rows]

    def _render_row(self, row: RenderRow) -> Image.Image:
        art = self._art.find_cutouts(row.label) if self._art is not None else ()
        if not art:
            raise InputError(f"No drawing of '{row.wnid}' in '{self._ref}' from {', '.join(self._art_sets)}.")
        style = find_style(row.prompt or "", load_classes()[row.label].name)
        rng = np.random.default_rng(row.seed)
        return compose(rng, art, style, self._size_px, FRAMINGS[self._framing])


def make_generator(ref: str, hands: Sequence[str], size_px: int, framing: str = "free") -> CompositeGenerator:
    """The factory that a version spec names.

    Args:
        ref: Reference of the split the drawings come from.
        hands: Names of art sets. The word is in the hashed recipes of frozen splits and cannot change.
        size_px: Side of an image.
        framing: A key of `FRAMINGS`.
    """
    return CompositeGenerator(ref, hands, size_px, framing)


def compose(
    rng: np.random.Generator,
    art: Sequence[Cutout],
    style: StyleSpec,
    side: int,
    framing: Framing = FRAMINGS["free"],
) -> Image.Image:
    """One composite.

    Args:
        rng: Source of all random numbers.
        art: Drawings of one class; one is picked for each object.
        style: How it is drawn.
        side: Pixels.
        framing: How freely the objects are placed.

    Returns:
        RGB, `side` square.
    """
    scene = framing.scene if style.scene == "any" else style.scene
    picture = make_scene(rng, side, scene, clutter=framing.clutter)
    coverage = np.zeros((side, side, 1), np.float32)
    copies = int(rng.integers(style.copies[0], style.copies[1] + 1))
    cutout = art[int(rng.integers(len(art)))]
    for number in range(copies):
        layer = place(
            rng, cutout.image, style, side, crowd=None if copies == 1 else (number, copies), framing=framing
        )
        picture, coverage = _lay(rng, picture, coverage, layer)
    if copies == 1 and rng.random() < framing.occluded_share:
        picture, coverage = _occlude(rng, picture, coverage)
    picture = _light(rng, picture)
    for finish in style.finishes:
        picture = FINISHES[finish](rng, picture, coverage)
    return to_image(picture)


def place(
    rng: np.random.Generator,
    art: Image.Image,
    style: StyleSpec,
    side: int,
    *,
    crowd: tuple[int, int] | None,
    framing: Framing = FRAMINGS["free"],
) -> Image.Image:
    """The object turned, scaled and put somewhere on a transparent image.

    Args:
        rng: Source of all random numbers.
        art: RGBA.
        style: Gives the size.
        side: Pixels of the image.
        crowd: Number of this object and how many there are, so that many do not cover each other.
        framing: How freely it is placed.
    """
    # Drawn in any case, so that framings differ in nothing else.
    if rng.random() < 0.5 and framing.is_mirrored:
        art = art.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # Premultiplied by opacity, so that the colour of transparent pixels does not bleed into the edge.
    turned = art.convert("RGBa").rotate(
        float(rng.uniform(-framing.turn_degrees, framing.turn_degrees)), Image.Resampling.BICUBIC, expand=True
    )
    low, high = style.scale
    scale = float(rng.uniform(low + framing.least_size * (high - low), high)) * side / max(art.size)
    size = (max(1, round(turned.width * scale)), max(1, round(turned.height * scale)))
    small = turned.resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    layer = Image.new("RGBA", (side, side))
    left, top = _pick_place(rng, size, side, crowd, framing.freedom)
    layer.paste(small, (left, top))
    return layer


def _pick_place(
    rng: np.random.Generator,
    size: tuple[int, int],
    side: int,
    crowd: tuple[int, int] | None,
    freedom: float,
) -> tuple[int, int]:
    """Top left corner: anywhere it fits, a little over the edge; in a crowd, around a circle."""
    if crowd is not None:
        number, copies = crowd
        angle = 2 * np.pi * (number + rng.uniform(-0.15, 0.15)) / copies
        center = side / 2 + np.array((np.cos(angle), np.sin(angle))) * side * 0.27
        return round(center[0] - size[0] / 2), round(center[1] - size[1] / 2)
    slack = [side - length for length in size]
    left, top = (round(room / 2 + rng.uniform(-0.5, 0.5) * freedom * abs(room)) for room in slack)
    return left, top


def _lay(
    rng: np.random.Generator, picture: Picture, coverage: Picture, layer: Image.Image
) -> tuple[Picture, Picture]:
    """The object over the image, above its own soft shadow."""
    side = picture.shape[0]
    alpha = layer.getchannel("A")
    offset = rng.uniform(0.01, 0.05, 2) * side
    soft = alpha.filter(ImageFilter.GaussianBlur(side * 0.03))
    shadow = np.roll(np.asarray(soft, np.float32), (round(offset[1]), round(offset[0])), (0, 1)) / 255
    shaded = picture * (1 - shadow[:, :, None] * np.float32(rng.uniform(0.1, 0.45)))
    share = (np.asarray(alpha, np.float32) / 255)[:, :, None]
    return shaded * (1 - share) + to_picture(layer) * share, np.maximum(coverage, share)


def _occlude(rng: np.random.Generator, picture: Picture, coverage: Picture) -> tuple[Picture, Picture]:
    """A bar of some colour over a corner or an edge, up to a fifth of the image."""
    side = picture.shape[0]
    rows, columns = np.mgrid[0:side, 0:side] / side
    angle = rng.uniform(0, 2 * np.pi)
    along = (rows - 0.5) * np.sin(angle) + (columns - 0.5) * np.cos(angle)
    is_covered = (along > rng.uniform(0.26, 0.4))[:, :, None]
    color = rng.uniform(30, 225, 3).astype(np.float32) + (make_noise(rng, side, 8) - 0.5) * 20
    return (
        np.where(is_covered, color, picture).astype(np.float32),
        np.where(is_covered, 0, coverage).astype(np.float32),
    )


def _light(rng: np.random.Generator, picture: Picture) -> Picture:
    """Brightness, contrast, a tint, and light that falls off across the image."""
    tint = rng.normal(1, 0.035, 3).astype(np.float32) * np.float32(rng.uniform(0.85, 1.1))
    falloff = 1 + (make_noise(rng, picture.shape[0], 2) - 0.5) * np.float32(rng.uniform(0, 0.3))
    contrast = np.float32(rng.uniform(0.85, 1.1))
    made: Picture = (128 + (picture - 128) * contrast) * tint * falloff
    return made
