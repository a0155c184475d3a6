"""How a run uses its machine: no part of a plan, a fact of the release, and refused where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from build_specs import make_noise_spec, make_spec, make_split, make_stage, write_spec

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.images.decoding import hash_pixels
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.machine import MachineOptions, choose_machine
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.plans.recipe import make_recipe
from imagenet_g.generation.specs.version import VersionSpec

Tiny = Callable[[str], Path]
KLEIN = {"text_encoder_out_layers": [0, 1, 2], "height": 32, "width": 32}
ROW = RenderRow("0" * 16, 0, "n01440764", "a photo of a tench.", 7)


def describe(tiny: Tiny, pipeline: str, name: str, **changes: object) -> VersionSpec:
    """A version by one pipeline."""
    stage = make_stage(pipeline, tiny(name), **changes)
    return make_spec({"g": stage}, {"sd-l": make_split("g", classes=["n01440764"], images_per_class=2)})


def draw(spec: VersionSpec, **options: Any) -> tuple[str, object]:
    """Hash of an image drawn with some choices, and the description of what drew it."""
    generator = make_generator(spec.generators["g"], MachineOptions(**options))
    generator.load("cpu")
    return hash_pixels(generator.render([ROW])[0].image), generator.describe()


@pytest.fixture(scope="module")
def release(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with a choice."""
    out = tmp_path_factory.mktemp("release")
    spec = write_spec(out / "tiny.toml", describe(tiny, "StableDiffusionPipeline", "sd"))
    assert main(["build", str(spec), "--out", str(out / "made"), "--vae-slicing", "--device", "cpu"]) == 0
    return out / "made"


def test_choices_are_facts_of_the_release_and_no_part_of_its_plan(release: Path, tiny: Tiny) -> None:
    """The plan is that of a build without them."""
    recipe = json.loads((release / "manifest.json").read_text())["splits"]["sd-l"]["recipe"]
    assert [runtime["machine.vae_slicing"] for runtime in recipe["runtimes"]] == ["True"]
    plain = make_recipe(describe(tiny, "StableDiffusionPipeline", "sd"), "sd-l", None)
    assert recipe["recipe"] == plain


def test_verify_names_a_choice_that_the_builder_made_and_expects_less_without_it(
    release: Path, tiny: Tiny, tmp_path: Path
) -> None:
    """With the same choice it expects the same bytes."""
    levels = []
    for words in ([], ["--vae-slicing"]):
        report = tmp_path / f"{len(words)}.json"
        main(["verify", str(release), "--pipeline", str(tiny("sd")), "--json", str(report), *words])
        found = json.loads(report.read_text())["splits"][0]
        levels.append((found["level"], found["expected"], found["runtime_differs"]))
    assert levels == [
        ("R0", "R1", ["machine.vae_slicing: none here, True there"]),
        ("R0", "R0", []),
    ]


@pytest.mark.parametrize("key", ["offload", "compile", "attention_slicing"])
def test_a_key_of_an_older_spec_is_followed_with_a_remark_and_changes_no_plan(tiny: Tiny, key: str) -> None:
    """It was part of the recipe once, and a plan was bound to one size of card."""
    plain, old = (describe(tiny, "StableDiffusionPipeline", "sd", **keys) for keys in ({}, {key: True}))
    assert make_recipe(plain, "sd-l", None) == make_recipe(old, "sd-l", None)
    chosen = choose_machine(old.generators["g"], MachineOptions())
    assert chosen.describe() == {f"machine.{key}": "model" if key == "offload" else "True"}


def test_a_dry_run_says_that_an_older_key_is_a_choice_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And how to make it; a build says the same."""
    stage = make_stage("StableDiffusionPipeline", Path("org/name"), revision="0" * 40, offload=True)
    path = write_spec(tmp_path / "old.toml", make_spec({"g": stage}, {"sd-l": make_split("g")}))
    assert main(["build", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "offload = true" in out and "--offload model" in out


def test_a_compiled_or_sliced_pipeline_describes_itself_as_the_plain_one(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its shards could not stand in one release with others."""
    import torch

    compiled = []

    def note(network: object) -> object:
        compiled.append(network)
        return network

    monkeypatch.setattr(torch, "compile", note)
    spec = describe(tiny, "StableDiffusionPipeline", "sd")
    plain, tuned = draw(spec), draw(spec, compile=True, attention_slicing=True, vae_slicing=True)
    assert plain[1] == tuned[1]
    assert len(compiled) == 1


def test_an_attention_backend_is_set_on_networks_that_take_one(tiny: Tiny) -> None:
    """The native one draws what diffusers draws by itself."""
    spec = describe(tiny, "Flux2KleinPipeline", "klein", arguments=KLEIN)
    assert draw(spec, attention="_native_math")[1] == draw(spec)[1]
    generator = make_generator(spec.generators["g"], MachineOptions(attention="_native_math"))
    generator.load("cpu")
    network = generator.stages[0].pipe.transformer  # type: ignore[attr-defined]
    backends = {str(one._attention_backend) for one in network.attn_processors.values()}
    assert backends == {"AttentionBackendName._NATIVE_MATH"}


@pytest.mark.parametrize(
    ("pipeline", "name", "options", "error", "message"),
    [
        ("StableDiffusionPipeline", "sd", {"attention": "flush"}, UnknownNameError, "Did you mean 'flash'"),
        ("StableDiffusionPipeline", "sd", {"attention": "flash_hub"}, UnknownNameError, "attention backend"),
        (
            "StableDiffusionPipeline",
            "sd",
            {"attention": "native"},
            InputError,
            "chooses its attention itself",
        ),
        ("IFPipeline", "if", {"vae_tiling": True}, InputError, "has no autoencoder for --vae-tiling"),
    ],
)
def test_a_choice_that_a_pipeline_cannot_follow_is_refused(
    tiny: Tiny, pipeline: str, name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Before anything is drawn."""
    with pytest.raises(error, match=message):
        draw(describe(tiny, pipeline, name), **options)


def test_choices_without_a_pipeline_to_follow_them_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A generator of one's own does not offload."""
    spec = write_spec(tmp_path / "noise.toml", make_noise_spec())
    assert main(["build", str(spec), "--out", str(tmp_path / "out"), "--offload", "model"]) == 2
    assert "--offload is about diffusers pipelines, and sd-l is made by none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
