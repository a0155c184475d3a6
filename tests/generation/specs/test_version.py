"""Version specs: the shipped ones, and the message for a wrong one."""

from __future__ import annotations

import re
import tomllib

import pytest

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.splits.manifests import ThresholdView
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.version import (
    find_version_spec,
    list_version_names,
    load_split_spec,
    load_version_spec,
    parse_version_spec,
    validate_pins,
)

TEXT = find_version_spec("v1").read_text(encoding="utf-8")


def refuse(text: str) -> str:
    """The message a text is refused with."""
    with pytest.raises(InputError) as caught:
        parse_version_spec(text, source="mine.toml")
    return str(caught.value)


@pytest.mark.parametrize("name", list_version_names())
def test_every_shipped_spec_is_valid_and_named_like_its_file(name: str) -> None:
    """A spec's version is its file's name."""
    assert load_version_spec(name).version == name


def test_newer_generators_have_drafts() -> None:
    """The drafts the project promises are there."""
    wanted = {"sd21", "sdxl", "sd3", "flux", "sana", "if", "dit", "sd15-finetuned"}
    assert {f"draft-{name}" for name in wanted} <= set(list_version_names())


def test_every_shipped_pipeline_is_a_class_of_the_installed_diffusers() -> None:
    """No spec names a pipeline that cannot be loaded."""
    from imagenet_g.generation.specs.pipeline_classes import find_pipeline_class

    for name in list_version_names():
        for generator in load_version_spec(name).generators.values():
            stages = (generator, *generator.upscalers) if isinstance(generator, DiffusersSpec) else ()
            for stage in stages:
                assert find_pipeline_class(stage.pipeline).__name__ == stage.pipeline


def test_flux_schnell_has_the_steps_it_was_distilled_to() -> None:
    """Four without guidance, where the pipeline's own defaults are of another checkpoint."""
    flux = load_version_spec("draft-flux").generators["flux"]
    assert isinstance(flux, DiffusersSpec) and (flux.steps, flux.guidance) == (4, 0.0)


def test_v1_has_the_papers_settings() -> None:
    """SD-I: guidance 3, 224 px bicubic without antialiasing; SD-LI: strength 1; 50 a class, 80 templates."""
    spec = load_version_spec("v1")
    variation, img2img = spec.generators["sd15-variation"], spec.generators["sd15-img2img"]
    assert isinstance(variation, DiffusersSpec) and variation.source is not None
    assert (variation.guidance, variation.source.size_px) == (3.0, 224)
    assert (variation.source.interpolation, variation.source.antialias) == ("bicubic", False)
    assert isinstance(img2img, DiffusersSpec) and img2img.strength == 1.0
    assert {split.images_per_class for split in spec.splits.values()} == {50}
    assert spec.splits["sd-l"].prompts is not None and spec.splits["sd-l"].prompts.recipe == "openai-80"


def test_v1_filters_at_the_thresholds_of_both_papers() -> None:
    """0.3 of the paper, 0.2 of the OOD paper."""
    views = load_version_spec("v1").splits["sd-l"].views
    minima = {name: view.minimum for name, view in views.items() if isinstance(view, ThresholdView)}
    assert (minima["clip-filtered"], minima["clip-filtered-0.2"]) == (0.3, 0.2)


def test_v1_imagenet_100_covers_its_classes() -> None:
    """The 100 classes of the registered set."""
    split = load_version_spec("v1-imagenet-100").splits["sd-l"]
    assert split.class_indices == load_class_set("imagenet-100").indices


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    """A typing slip is distinguished from a new name."""
    message = refuse(TEXT.replace("images_per_class = 50", "image_per_class = 50", 1))
    assert "splits.sd-l.image_per_class" in message
    assert "Did you mean 'images_per_class'?" in message


def test_a_missing_key_is_named() -> None:
    """Nothing has a silent default that decides pixels."""
    assert "splits.sd-l.batch_size: Field required" in refuse(TEXT.replace("batch_size = 8", "", 1))


def test_text_that_is_not_toml_is_refused() -> None:
    """With the parser's own place."""
    assert "is not TOML" in refuse("version = ")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('generator = "sd15"', 'generator = "sd16"', "generator 'sd16', which is not described"),
        ('"fixed-cnn", "nsfw"]', '"fixed-rnn", "nsfw"]', "scorer 'fixed-rnn', which is not described"),
        ("strength = 1.0", "strength = 1.5", "less than or equal to 1"),
        ("antialias = true", "antialias = false", "always resized with antialiasing"),
        ('sources = { ref = "imagenet-val" }', "", "needs a table 'sources'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(old: str, new: str, words: str) -> None:
    """Cross-references and ranges."""
    assert words.replace("a table ", "") in refuse(TEXT.replace(old, new))


@pytest.mark.parametrize("title", ["", "  ", "two\\nlines", "a\\u001b[31mb", "a\\u202eb", "x" * 201])
def test_a_title_is_one_line_that_can_be_seen(title: str) -> None:
    """It stands on the card, in BibTeX and on terminals."""
    assert "title" in refuse(re.sub(r'title = ".*"', lambda _: f'title = "{title}"', TEXT, count=1))


def test_an_unknown_version_suggests_the_nearest() -> None:
    """With what else is accepted."""
    with pytest.raises(UnknownNameError, match=r"Did you mean 'v1'.*\.toml file"):
        load_version_spec("v11")


def test_an_unknown_split_suggests_the_nearest() -> None:
    """As references are written."""
    with pytest.raises(UnknownNameError, match="Did you mean 'v1/sd-li'"):
        load_split_spec(load_version_spec("v1"), "sd-lii")


def test_an_unpinned_repository_is_refused_with_the_command_that_pins_it() -> None:
    """A branch may mean other weights tomorrow."""
    with pytest.raises(DataError, match="imagenet-g build pin v1"):
        validate_pins(load_version_spec("v1"), ("sd-l",), source="v1")


def test_a_pinned_repository_is_accepted() -> None:
    """A commit of 40 hex digits."""
    text = TEXT.replace('revision = "main"', f'revision = "{"0123456789" * 4}"')
    validate_pins(parse_version_spec(text, source="v1"), ("sd-l", "sd-li"), source="v1")


def test_specs_are_plain_toml() -> None:
    """Any TOML reader sees the same tables."""
    assert set(tomllib.loads(TEXT)["splits"]) == {"sd-l", "sd-i", "sd-li"}
