"""What pipelines give, and whether they mark it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from build_specs import make_stage
from tiny_text_to_image import build_tiny, make_table

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.generators.diffusers import DiffusersGenerator
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.outputs import read_images, settle_watermark
from imagenet_g.generation.specs.diffusers import DiffusersSpec

Tiny = Callable[[str], Path]
ROWS = [RenderRow(f"i{n}", n, "n0", f"a photo of {n}.", 100 + n, None) for n in range(2)]


class Stamp:
    """Stands for a watermarker."""


def load_tiny(name: str, folder: Path, **changes: object) -> DiffusersGenerator:
    """A loaded generator over a tiny pipeline."""
    made = DiffusersGenerator(
        DiffusersSpec.model_validate({**make_table(name, build_tiny(name, folder)), **changes})
    )
    made.load("cpu")
    return made


def test_the_only_frame_of_a_video_is_the_image_of_a_row(tmp_path: Path) -> None:
    """Wan's own pipeline, whose default is an array of 81 frames."""
    made = load_tiny("WanPipeline", tmp_path).render(ROWS)
    assert [rendering.image.size for rendering in made] == [(32, 32)] * 2
    assert made[0].image.tobytes() != made[1].image.tobytes()


def test_images_under_another_name_are_found(tmp_path: Path) -> None:
    """Kandinsky 5 calls them `image`."""
    generator = load_tiny("Kandinsky5T2IPipeline", tmp_path)
    # It renders a megapixel and nothing else; a test has no time for that.
    generator.stages[0].pipe.resolutions = [(32, 32)]
    assert len({rendering.image.tobytes() for rendering in generator.render(ROWS)}) == 2


def test_a_video_of_many_frames_is_refused_before_it_is_rendered(tmp_path: Path) -> None:
    """With the key to write."""
    with pytest.raises(InputError, match=r"WanPipeline makes videos.*arguments = \{ num_frames = 1 \}"):
        load_tiny("WanPipeline", tmp_path, arguments={})


def test_a_pipeline_that_takes_one_prompt_and_no_list_is_given_one(tmp_path: Path) -> None:
    """DreamLite refuses lists; several rows at once stay its own error."""
    generator = load_tiny("DreamLitePipeline", tmp_path)
    assert [rendering.image.size for rendering in generator.render(ROWS[:1])] == [(32, 32)]
    with pytest.raises(ValueError, match="has to be of type `str`"):
        generator.render(ROWS)


@pytest.mark.parametrize(("output", "told"), [
    ({"frames": [["a", "b"]]}, "Some gave 2 frames for a row"),
    ({"images": ["a", "b"]}, "Some gave 2 images for 1 rows"),
    ({"audios": ["a"]}, "Some gives neither images, image nor frames"),
    ({"images": None, "image": None}, "Some gives neither"),
])  # fmt: skip
def test_an_output_that_is_not_one_image_a_row_is_refused(output: dict[str, Any], told: str) -> None:
    """By what was given instead."""
    with pytest.raises(ModelError, match=told):
        read_images(SimpleNamespace(**output), expected=1, name="Some")


@pytest.mark.parametrize("name", ["watermark", "watermarker"])
def test_a_watermarker_is_a_choice_of_the_spec(name: str) -> None:
    """Under the names of the XL pipelines and of DeepFloyd IF; without a word it stays as it is."""
    pipe = SimpleNamespace(**{name: Stamp()})
    for wanted in (None, True):
        settle_watermark(pipe, wanted)
        assert getattr(pipe, name) is not None
    settle_watermark(pipe, False)
    assert getattr(pipe, name) is None
    with pytest.raises(InputError, match="write watermark = false"):
        settle_watermark(pipe, True)


def test_a_spec_takes_the_mark_from_every_stage(tiny: Tiny) -> None:
    """And the manifest's description says so; that of a recipe without the key has no such key."""
    spec = DiffusersSpec.model_validate(
        make_stage("StableDiffusionXLPipeline", tiny("sdxl"), watermark=False)
    )
    made = DiffusersGenerator(spec)
    made.load("cpu")
    stages: Any = made.describe()["stages"]
    assert stages[0]["watermarker"] is None
    assert spec.describe_recipe()["watermark"] is False
    plain = DiffusersSpec.model_validate(make_stage("StableDiffusionXLPipeline", tiny("sdxl")))
    assert "watermark" not in plain.describe_recipe()
