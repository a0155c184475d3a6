"""Drafts of newer generators: each setting is where its comment says it is from."""

from __future__ import annotations

import ast
import inspect
import re
import sys

import pytest

from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.pipeline_classes import find_pipeline_class
from imagenet_g.generation.specs.version import find_version_spec, load_version_spec

DRAFTS = ("qwen-image", "z-image", "sana-sprint", "lumina2", "hunyuan-image", "chroma", "sd35", "flux2")
CALL_NAMES = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "height_px": "height",
    "width_px": "width",
}
# Known from elsewhere, and said to be so in the specs: the model's card, and the example of another pipeline.
FROM_ELSEWHERE: dict[str, dict[str, object]] = {
    "sd35": {"num_inference_steps": 40, "guidance_scale": 4.5},
    "qwen-image": {"negative_prompt": " "},
    # Emptied on purpose: the default would rewrite each prompt.
    "sana-sprint": {"complex_human_instruction": []},
}


def load_generator(name: str) -> DiffusersSpec:
    """The one generator of a draft."""
    (generator,) = load_version_spec(f"draft-{name}").generators.values()
    assert isinstance(generator, DiffusersSpec)
    return generator


def read_claims(name: str, source: str) -> dict[str, str]:
    """What the comment `# Defaults: a=1, b=2` of a draft claims, as Python text by argument."""
    text = find_version_spec(f"draft-{name}").read_text(encoding="utf-8")
    found = re.findall(rf"^# {source}: (.*)$", text, flags=re.MULTILINE)
    return dict(re.findall(r"(\w+)=([^,]+)(?:, |$)", ", ".join(found)))


def read_example(pipeline: str) -> str:
    """The example in the docstring of a pipeline of the installed diffusers."""
    return str(vars(sys.modules[find_pipeline_class(pipeline).__module__])["EXAMPLE_DOC_STRING"])


@pytest.mark.parametrize("name", DRAFTS)
def test_defaults_in_a_comment_are_those_of_the_pipelines_call(name: str) -> None:
    """As the installed diffusers has them."""
    parameters = inspect.signature(find_pipeline_class(load_generator(name).pipeline).__call__).parameters
    claims = read_claims(name, "Defaults")
    assert claims
    assert {key: parameters[key].default for key in claims} == {
        key: ast.literal_eval(text) for key, text in claims.items()
    }


@pytest.mark.parametrize("name", [name for name in DRAFTS if name != "sd35"])
def test_settings_of_an_example_are_in_it(name: str) -> None:
    """Word by word, with the repository's name and the precision."""
    generator = load_generator(name)
    example = read_example(generator.pipeline)
    claims = read_claims(name, "Example")
    assert claims["torch_dtype"] == f"torch.{generator.dtype}"
    assert [f"{key}={text}" for key, text in claims.items() if f"{key}={text}" not in example] == []
    assert generator.repo.split("/")[1] in example


@pytest.mark.parametrize("name", DRAFTS)
def test_every_setting_of_a_draft_has_a_source(name: str) -> None:
    """The example goes before the default of the call, and few are from elsewhere."""
    generator = load_generator(name)
    claims = {**read_claims(name, "Defaults"), **read_claims(name, "Example")}
    known: dict[str, object] = {k: ast.literal_eval(text) for k, text in claims.items() if k != "torch_dtype"}
    known |= FROM_ELSEWHERE.get(name, {})
    used: dict[str, object] = {call: getattr(generator, key) for key, call in CALL_NAMES.items()}
    used = {**{call: value for call, value in used.items() if value is not None}, **generator.arguments}
    assert {key: known.get(key, "no source") for key in used} == used


@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_of_a_newer_generator_has_the_classes_and_prompts_of_v1(name: str) -> None:
    """So that their difficulty can be compared."""
    split, v1 = load_version_spec(f"draft-{name}").splits["sd-l"], load_version_spec("v1").splits["sd-l"]
    assert (split.prompts, split.class_indices, split.images_per_class) == (
        v1.prompts,
        v1.class_indices,
        v1.images_per_class,
    )


@pytest.mark.parametrize("name", ["qwen-image", "hunyuan-image", "chroma", "flux2"])
def test_the_size_that_a_comment_names_is_that_of_the_pipeline(name: str) -> None:
    """The default latent times the pixels of one, of a pipeline without its parts."""
    pipeline = find_pipeline_class(load_generator(name).pipeline)
    parameters = list(inspect.signature(pipeline.__init__).parameters.values())[1:]
    empty = pipeline(**{p.name: None for p in parameters if p.default is inspect.Parameter.empty})
    text = find_version_spec(f"draft-{name}").read_text(encoding="utf-8")
    side = empty.default_sample_size * empty.vae_scale_factor
    assert re.findall(r"Without a size it draws (\d+) x (\d+)\.", text) == [(str(side), str(side))]
