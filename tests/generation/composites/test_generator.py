"""Composites: drawings on procedural backgrounds, in the style a prompt asks for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.generation.composites.cutouts import CUTOUT_PX, Cutout, cut_out
from imagenet_g.generation.composites.finishes import FINISHES
from imagenet_g.generation.composites.generator import FRAMINGS, CompositeGenerator, compose, place
from imagenet_g.generation.composites.scenes import SCENES, make_scene
from imagenet_g.generation.composites.styles import StyleSpec, find_style, load_styles
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.prompts.recipes import load_patterns
from imagenet_g.generation.specs.inputs import PromptSpec
from imagenet_g.generation.specs.python import PythonSpec
from imagenet_g.generation.specs.version import load_version_spec

HELD_OUT = {"noto", "noto-v1", "fluent-high-contrast"}
SIDE = 32


@pytest.fixture(scope="module")
def disc() -> Image.Image:
    """A red disc with a white hole on white."""
    image = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((48, 48, 207, 207), fill=(200, 30, 30))
    draw.ellipse((112, 112, 143, 143), fill="white")
    return image


@pytest.fixture(scope="module")
def art(disc: Image.Image) -> list[Cutout]:
    """One drawing."""
    return [Cutout(cut_out(disc), 0, "somebody")]


def _draw(art: list[Cutout], seed: int, style: StyleSpec | None = None) -> np.ndarray:
    return np.asarray(compose(np.random.default_rng(seed), art, style or load_styles()[-1], SIDE))


def test_a_seed_decides_every_pixel(art: list[Cutout]) -> None:
    """Made twice, an image is the same."""
    assert np.array_equal(_draw(art, 3), _draw(art, 3))


def test_no_two_seeds_make_one_image(art: list[Cutout]) -> None:
    """A hundred seeds make a hundred pictures."""
    assert len({_draw(art, seed).tobytes() for seed in range(100)}) == 100


@pytest.mark.parametrize("style", load_styles(), ids=lambda style: style.name)
def test_every_style_draws_a_picture_with_something_on_it(art: list[Cutout], style: StyleSpec) -> None:
    """Of the asked size, and not of one colour."""
    pixels = _draw(art, 5, style)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.std() > 4


@pytest.mark.parametrize("name", sorted(FINISHES))
def test_a_finish_changes_the_picture_and_keeps_its_shape(name: str) -> None:
    """None of them does nothing, and none makes a value that is not a number."""
    rng = np.random.default_rng(0)
    picture = rng.uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32)
    coverage = np.zeros((SIDE, SIDE, 1), np.float32)
    coverage[8:24, 8:24] = 1
    made = FINISHES[name](rng, picture, coverage)
    assert made.shape == picture.shape
    assert np.isfinite(made).all()
    assert not np.allclose(made, picture)


@pytest.mark.parametrize("kind", ["any", *SCENES])
def test_scenes_are_pictures_of_the_asked_side(kind: str) -> None:
    """Every kind of background."""
    scene = make_scene(np.random.default_rng(1), SIDE, kind)
    assert scene.shape == (SIDE, SIDE, 3)
    assert np.isfinite(scene).all()


def test_every_style_is_asked_for_by_one_of_the_80_templates() -> None:
    """No style is there for nothing."""
    patterns = load_patterns(PromptSpec(recipe="openai-80", class_names="open_clip"))
    found = {find_style(pattern.format(c="lion"), "lion").name for pattern in patterns}
    assert found == {style.name for style in load_styles()}


@pytest.mark.parametrize(
    ("prompt", "name", "style"),
    [
        ("a blurry photo of a lion.", "lion", "blurry"),
        ("a sketch of the lion.", "lion", "sketch"),
        ("a photo of a lion.", "lion", "plain"),
        ("a photo of a small intestine.", "small intestine", "plain"),
        ("a photo of a smallish lion.", "lion", "plain"),
        ("a black and white photo of the lion.", "lion", "black-and-white"),
        ("a photo of the large small intestine.", "Small Intestine", "large"),
    ],
)
def test_words_of_the_prompt_and_not_of_the_class_name_ask_for_a_style(
    prompt: str, name: str, style: str
) -> None:
    """Whole words only."""
    assert find_style(prompt, name).name == style


def test_cutting_out_keeps_the_drawing_and_drops_the_white_around_it(disc: Image.Image) -> None:
    """The opaque part is the disc's share of its own box, pi / 4, hole included."""
    alpha = np.asarray(cut_out(disc).getchannel("A"), np.float32) / 255
    assert alpha.mean() == pytest.approx(np.pi / 4, abs=0.01)


def test_white_inside_a_drawing_stays(disc: Image.Image) -> None:
    """An eye's white is part of the face."""
    cut = cut_out(disc)
    assert cut.size == (CUTOUT_PX, CUTOUT_PX)
    assert cut.getpixel((CUTOUT_PX // 2, CUTOUT_PX // 2)) == (255, 255, 255, 255)


def test_edges_do_not_keep_the_white_they_were_mixed_with(disc: Image.Image) -> None:
    """What is half transparent has the disc's colour, not pink."""
    pixels = np.asarray(cut_out(disc), np.float32).reshape(-1, 4)
    edge = pixels[(pixels[:, 3] > 60) & (pixels[:, 3] < 200)]
    assert len(edge)
    assert edge[:, 1].mean() < 90


def test_a_class_that_nobody_drew_is_refused() -> None:
    """With the class, the split and the art sets."""
    generator = CompositeGenerator("mini/renditions", ["fluent-3d"], SIDE)
    generator.load("cpu")
    with pytest.raises(InputError, match=r"n01440764.*mini/renditions.*fluent-3d"):
        generator.render([RenderRow("x", 0, "n01440764", "a photo", 1)])


def _measure_box(art: list[Cutout], framing: str, seed: int) -> tuple[float, float]:
    """Distance of the object's centre from the picture's, and its longer side, as shares of a side."""
    layer = place(
        np.random.default_rng(seed),
        art[0].image,
        load_styles()[-1],
        SIDE,
        crowd=None,
        framing=FRAMINGS[framing],
    )
    left, top, right, bottom = layer.getchannel("A").point(lambda value: 255 * (value > 127)).getbbox()  # type: ignore[misc]
    offset = max(abs(left + right - SIDE), abs(top + bottom - SIDE)) / 2
    return offset / SIDE, max(right - left, bottom - top) / SIDE


def test_posed_objects_are_larger_than_free_ones(art: list[Cutout]) -> None:
    """The smallest posed one beside the mean of the free ones."""
    free, posed = ([_measure_box(art, name, seed)[1] for seed in range(60)] for name in ("free", "posed"))
    assert min(posed) > np.mean(free)


def test_posed_objects_stand_nearer_the_middle(art: list[Cutout]) -> None:
    """The farthest of each."""
    free, posed = ([_measure_box(art, name, seed)[0] for seed in range(60)] for name in ("free", "posed"))
    assert max(posed) < max(free) / 2


def test_plain_objects_are_never_mirrored() -> None:
    """An object with its dark half on the left keeps it there; of posed ones, half are turned round."""
    halves = Image.new("RGBA", (64, 64), (250, 250, 250, 255))
    halves.paste((10, 10, 10, 255), (0, 0, 32, 64))

    def count_dark_left(framing: str) -> int:
        layers = (
            place(
                np.random.default_rng(seed),
                halves,
                load_styles()[-1],
                SIDE,
                crowd=None,
                framing=FRAMINGS[framing],
            )
            for seed in range(40)
        )
        greys = [np.asarray(layer.convert("L"), np.float32) for layer in layers]
        return sum(bool(grey[:, : SIDE // 2].sum() < grey[:, SIDE // 2 :].sum()) for grey in greys)

    assert count_dark_left("plain") == 40
    assert 8 < count_dark_left("posed") < 32


def test_a_plain_scene_is_light_and_nearly_grey(art: list[Cutout]) -> None:
    """In the corners, which the disc leaves free; a style with a scene of its own keeps that."""
    plain = FRAMINGS["plain"]
    corners = [
        np.asarray(compose(np.random.default_rng(seed), art, load_styles()[-1], SIDE, plain), np.float32)[
            0, 0
        ]
        for seed in range(30)
    ]
    assert np.mean(corners) > 150
    assert np.mean([np.ptp(color) for color in corners]) < 30
    wall = find_style("graffiti of a koala.", "koala")
    red = np.asarray(compose(np.random.default_rng(0), art, wall, SIDE, plain), np.float32)[:3].mean(
        axis=(0, 1)
    )
    assert red[0] > red[2] + 30


def test_nothing_lies_about_where_no_clutter_is_asked_for() -> None:
    """The same scene with clutter differs by what was put on it, for most seeds."""
    shares = []
    for seed in range(20):
        bare, full = (
            make_scene(np.random.default_rng(seed), SIDE, "any", clutter=asked) for asked in (False, True)
        )
        shares.append((abs(bare - full) > 1).any(axis=2).mean())
    assert np.mean(np.asarray(shares) > 0.01) > 0.5


def test_an_unknown_framing_is_refused() -> None:
    """With those there are."""
    with pytest.raises(UnknownNameError, match=r"hung.*free, posed, plain"):
        CompositeGenerator("mini/renditions", ["fluent-3d"], SIDE, "hung")


def test_an_unknown_art_set_is_named() -> None:
    """With those there are."""
    with pytest.raises(UnknownNameError, match="nobody"):
        CompositeGenerator("mini/renditions", ["nobody"], SIDE).load("cpu")


@pytest.mark.parametrize("version", ["mini", "mini-train"])
def test_held_out_art_sets_are_in_no_composite(version: str) -> None:
    """What natural shifts are measured on is never trained on, nor in the real set."""
    generators = load_version_spec(version).generators.values()
    drawn = [spec.options["hands"] for spec in generators if isinstance(spec, PythonSpec)]
    assert drawn
    assert not any(HELD_OUT & set(art_sets) for art_sets in drawn)  # type: ignore[arg-type]
