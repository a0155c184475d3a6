"""A pipeline that mixes the images of a batch is refused before its first shard; others are recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from build_specs import (
    CLASSES,
    TRANSFORMS,
    CountingGenerator,
    build,
    make_noise_spec,
    make_spec,
    make_split,
    make_stage,
    read_release,
    write_spec,
)
from PIL import Image

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.releases.hub_card import list_settings
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.rendering.neighbours import NeighbourCheck, compare_images
from imagenet_g.generation.specs.version import VersionSpec

Tiny = Callable[[str], Path]
MIXES = r"mixes the images of a batch.*batch_size = 1"


def load_checks(out: Path, split: str = "sd-l") -> tuple[NeighbourCheck, ...]:
    """What the manifest says about neighbours."""
    return parse_split_recipe(load_manifest(out), split).neighbours


def list_shards(out: Path) -> list[Path]:
    """Images that were committed."""
    return list(out.glob(".build/*/*.parquet"))


def make_klein_spec(tiny: Tiny, sources: Path, *, batch_size: int) -> VersionSpec:
    """FLUX.2 Klein over source images."""
    generator = make_stage(
        "Flux2KleinPipeline",
        tiny("klein"),
        inputs="prompt+image",
        source={**TRANSFORMS["pil"], "size_px": 64},
        height_px=32,
        width_px=32,
        arguments={"text_encoder_out_layers": [0, 1, 2], "max_sequence_length": 32},
    )
    given = {"ref": f"folder:{sources}"}
    split = make_split("klein", sources=given, batch_size=batch_size, images_per_class=2)
    return make_spec({"klein": generator}, {"sd-li": split})


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Two images of noise a class."""
    pixels = np.random.default_rng(1)
    for name in CLASSES:
        (tmp_path / "sources" / name).mkdir(parents=True)
        for k in range(2):
            image = Image.fromarray(pixels.integers(0, 256, (64, 64, 3), dtype=np.uint8))
            image.save(tmp_path / "sources" / name / f"{k}.png")
    return tmp_path / "sources"


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_a_generator_that_mixes_its_batch_is_refused_before_anything_is_kept(
    share: float, tmp_path: Path
) -> None:
    """Even where a neighbour adds half a percent: four in a batch, and a fiftieth of their mean."""
    spec = make_noise_spec(factory="build_specs:MixingGenerator", options={"share": share})
    with pytest.raises(ModelError, match=MIXES):
        build(spec, tmp_path / "out")
    assert not list_shards(tmp_path / "out")


def test_one_image_at_a_time_the_same_generator_builds(tmp_path: Path) -> None:
    """Nothing is beside an image, so nothing is checked or recorded."""
    build(make_noise_spec(factory="build_specs:MixingGenerator", batch_size=1), tmp_path)
    assert load_checks(tmp_path) == ()


def test_a_generator_that_fails_for_several_rows_at_once_is_refused_with_what_to_write(
    tmp_path: Path,
) -> None:
    """Before each batch of the plan fails; one image at a time it builds."""
    told = r"fails for 4 at once \(RuntimeError: the sizes of two tensors differ\).*write batch_size = 1 for"
    with pytest.raises(ModelError, match=told):
        build(make_noise_spec(factory="build_specs:LonelyGenerator"), tmp_path / "out")
    assert not list_shards(tmp_path / "out")
    build(make_noise_spec(factory="build_specs:LonelyGenerator", batch_size=1), tmp_path / "alone")


def test_images_that_hang_on_the_run_are_not_called_mixed(tmp_path: Path) -> None:
    """The same batch a second time gives another image, so neighbours are not what is wrong."""
    with pytest.raises(ModelError, match="do not depend on their seeds alone"):
        build(make_noise_spec(factory="build_specs:RestlessGenerator"), tmp_path)


def test_equal_pixels_beside_other_rows_are_in_the_manifest_and_on_the_card(tmp_path: Path) -> None:
    """With the ids of both sides; the rows beside the image are of another class."""
    build(make_noise_spec(), tmp_path)
    (check,) = load_checks(tmp_path)
    assert (check.mean_levels, check.max_levels) == (0, 0)
    assert len(check.neighbours) == 3 and check.image_id not in check.neighbours
    assert "the same pixels beside other rows" in (tmp_path / "README.md").read_text()


def test_a_build_that_continues_does_not_check_again(tmp_path: Path) -> None:
    """Two batches for the check, once, of which the first is the shard's; the release is that of one run."""
    spec = make_noise_spec(factory="build_specs:CountingGenerator")
    CountingGenerator.seen.clear()
    build(spec, tmp_path / "parts", shards=(0, 1))
    assert len(CountingGenerator.seen) == 2
    # A user's generator draws a batch that is there already once more, whatever its neighbours.
    build(spec, tmp_path / "parts")
    assert len(CountingGenerator.seen) == 2 + (1 + 2)
    build(spec, tmp_path / "whole")
    assert read_release(tmp_path / "parts") == read_release(tmp_path / "whole")


def test_a_damaged_record_is_made_again(tmp_path: Path) -> None:
    """It is worth no more than none."""
    spec = make_noise_spec()
    build(spec, tmp_path, shards=(0, 1))
    (record,) = tmp_path.glob(".build/sd-l/neighbours/*.json")
    before = record.read_bytes()
    record.write_bytes(before[:20])
    build(spec, tmp_path)
    assert record.read_bytes() == before


def test_a_batch_that_cannot_be_rendered_is_left_to_the_shard(tmp_path: Path) -> None:
    """Its error is what the user reads, and no check is claimed."""
    with pytest.raises(ModelError, match="out of ideas"):
        build(make_noise_spec(factory="build_specs:FailingGenerator"), tmp_path)
    assert not list(tmp_path.glob(".build/sd-l/neighbours/*"))


def test_flux_2_klein_with_sources_is_refused_in_batches(
    tiny: Tiny, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pipeline of diffusers itself, with random weights: each image is given the sources of all."""
    spec = write_spec(tmp_path / "klein.toml", make_klein_spec(tiny, sources, batch_size=2))
    assert main(["build", str(spec), "--out", str(tmp_path / "out")]) == 2
    assert "write batch_size = 1 for the split 'sd-li'" in " ".join(capsys.readouterr().err.split())
    assert not list_shards(tmp_path / "out")


def test_flux_2_klein_builds_one_image_at_a_time(tiny: Tiny, sources: Path, tmp_path: Path) -> None:
    """As the message says."""
    build(make_klein_spec(tiny, sources, batch_size=1), tmp_path / "out")
    assert load_manifest(tmp_path / "out").splits["sd-li"].num_images == 6


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_stable_diffusion_gives_equal_pixels_beside_any_rows(tiny: Tiny, dtype: str, tmp_path: Path) -> None:
    """On a CPU, in batches of one size."""
    spec = make_spec(
        {"sd": make_stage("StableDiffusionPipeline", tiny("sd"), dtype=dtype)},
        {"sd-l": make_split("sd", images_per_class=2)},
    )
    build(spec, tmp_path)
    assert [check.max_levels for check in load_checks(tmp_path)] == [0]


def test_card_and_manifest_say_the_defaults_that_were_used(tiny: Tiny, tmp_path: Path) -> None:
    """Guidance, scheduler and size, which the spec leaves to the pipeline; the recipe stays null."""
    spec = make_spec(
        {"sd": make_stage("StableDiffusionPipeline", tiny("sd"))},
        {"sd-l": make_split("sd", images_per_class=1)},
    )
    build(spec, tmp_path)
    split = load_manifest(tmp_path).splits["sd-l"]
    settings = dict(list_settings(split))
    shown = [settings[f"recipe.generator.{key}"] for key in ("guidance", "scheduler", "height_px")]
    assert shown == ["7.5 (default)", "DDIMScheduler (default)", "32 (default)"]
    card = (tmp_path / "README.md").read_text()
    assert "steps 2, guidance 7.5 (default), scheduler DDIMScheduler (default), 32 x 32 pixels" in card
    table = parse_split_recipe(load_manifest(tmp_path), "sd-l").recipe["generator"]
    assert isinstance(table, dict) and table["guidance"] is None


def test_images_of_other_sizes_differ_as_far_as_they_can() -> None:
    """They share no pixels to compare."""
    assert compare_images(Image.new("RGB", (2, 2)), Image.new("RGB", (2, 3))) == (255.0, 255)
