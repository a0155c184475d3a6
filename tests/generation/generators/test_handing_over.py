"""DeepFloyd IF in stages: tensors between them, and one reading of each prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from build_specs import CLASSES, make_stage
from diffusers import IFPipeline, IFSuperResolutionPipeline
from pydantic import ValidationError

from imagenet_g.generation.generators.diffusers import DiffusersGenerator, make_generator_for
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.specs.diffusers import DiffusersSpec

Tiny = Callable[[str], Path]
ROWS = [RenderRow(f"id-{n}", 0, CLASSES[0], f"a photo of tench {n}.", n) for n in range(2)]


def make_if(tiny: Tiny, **changes: object) -> DiffusersSpec:
    """IF in two stages, handing over tensors."""
    table = make_stage("IFSuperResolutionPipeline", tiny("if-superresolution"))
    second = {key: value for key, value in table.items() if key not in ("kind", "inputs")}
    first = make_stage("IFPipeline", tiny("if"), upscalers=[second], hand_over="tensors")
    return DiffusersSpec.model_validate({**first, **changes})


def load(spec: DiffusersSpec) -> DiffusersGenerator:
    """Loaded on the CPU."""
    generator = DiffusersGenerator(spec)
    generator.load("cpu")
    return generator


def draw_by_hand(tiny: Tiny) -> list[np.ndarray]:
    """As the documentation of diffusers has it: embeddings once, output_type "pt" between the stages."""
    first = IFPipeline.from_pretrained(tiny("if"))
    second = IFSuperResolutionPipeline.from_pretrained(tiny("if-superresolution"), text_encoder=None)
    for pipe in (first, second):
        pipe.set_progress_bar_config(disable=True)
    plain, negative = first.encode_prompt([row.prompt for row in ROWS])
    texts = {"prompt_embeds": plain, "negative_prompt_embeds": negative, "num_inference_steps": 2}
    seeds = [[make_generator_for(row.seed, stage) for row in ROWS] for stage in range(2)]
    with torch.inference_mode():
        images = first(**texts, generator=seeds[0], output_type="pt").images
        return [np.asarray(i) for i in second(image=images, **texts, generator=seeds[1]).images]


def test_stages_pass_on_tensors_as_diffusers_documents_it(tiny: Tiny) -> None:
    """The same pixels, and others than through 8-bit images."""
    made = [np.asarray(rendering.image) for rendering in load(make_if(tiny)).render(ROWS)]
    assert all(np.array_equal(a, b) for a, b in zip(made, draw_by_hand(tiny), strict=True))
    rounded = load(make_if(tiny, hand_over="images")).render(ROWS)
    assert not np.array_equal(made[0], np.asarray(rounded[0].image))


def test_each_prompt_is_read_once_for_all_stages(tiny: Tiny) -> None:
    """One pass for the prompts, one for the negative ones; the second stage has no text encoder."""
    generator = load(make_if(tiny))
    passes: list[int] = []
    first, second = (stage.pipe for stage in generator.stages)
    first.text_encoder.register_forward_hook(lambda *_: passes.append(1))
    generator.render(ROWS)
    assert (len(passes), second.text_encoder, second.tokenizer) == (2, None, None)


def test_a_recipe_of_images_between_stages_keeps_its_hash(tiny: Tiny) -> None:
    """The key stands in a recipe only where it says something else than before."""
    assert "hand_over" not in make_if(tiny, hand_over="images").describe_recipe()
    assert make_if(tiny).describe_recipe()["hand_over"] == "tensors"


def test_other_pipelines_cannot_hand_over_tensors(tiny: Tiny) -> None:
    """Their tensors have other ranges and their text encoders differ."""
    with pytest.raises(ValidationError, match="StableDiffusionPipeline is none"):
        make_if(tiny, pipeline="StableDiffusionPipeline")
