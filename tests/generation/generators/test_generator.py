"""Generators: seeding, schedulers, safety verdicts, and what cannot be loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from build_specs import TRANSFORMS, make_noise_spec, make_stage
from PIL import Image
from torchvision import transforms

from imagenet_g.benchmark.errors import (
    FetchError,
    InputError,
    ModelError,
    UnknownNameError,
    UntrustedFileError,
)
from imagenet_g.benchmark.identity import make_seed
from imagenet_g.generation.generators.generator import Rendering, RenderRow, make_retry_seed
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.generators.schedulers import (
    explain_irreproducible,
    guard_random_state,
    list_scheduler_names,
    load_scheduler_class,
    validate_scheduler,
)
from imagenet_g.generation.plans.sources import CLIP_MEAN, CLIP_STD, transform_source
from imagenet_g.generation.prompts.token_limit import check_prompts, count_clip_tokens
from imagenet_g.generation.rendering.pixel_scorer import compute_spread, is_flat
from imagenet_g.generation.rendering.shards import encode_image
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.kinds import parse_generator_spec
from imagenet_g.generation.specs.python import PythonSpec
from imagenet_g.generation.specs.stages import TransformSpec
from imagenet_g.generation.specs.version import EncodingSpec

Tiny = Callable[[str], Path]
RNG = np.random.default_rng(0)
SEEDED_SCHEDULERS = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "EulerAncestralDiscreteScheduler",
    "LCMScheduler",
)
PICTURE = Image.fromarray(RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8))


def make_rows(count: int = 4, *, start: int = 0) -> list[RenderRow]:
    """Rows with seeds of their own."""
    return [
        RenderRow(f"i{n}", n, "n0", f"a photo of {n}.", make_seed("v", "s", "n", n), PICTURE)
        for n in range(start, start + count)
    ]


def render(stage: dict[str, object], rows: Sequence[RenderRow] | None = None) -> list[Rendering]:
    """Load a generator and render."""
    generator = make_generator(parse_generator_spec(stage))
    generator.load("cpu")
    return generator.render(rows or make_rows())


def read_pixels(renderings: Sequence[Rendering]) -> list[bytes]:
    """Bytes of the pixels."""
    return [rendering.image.tobytes() for rendering in renderings]


def test_an_image_does_not_depend_on_its_neighbours(tiny: Tiny) -> None:
    """Same slot, same batch size, other rows beside it."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"))
    first, others = make_rows(4), make_rows(4, start=100)
    mixed = [first[0], others[1], first[2], others[3]]
    generator = make_generator(parse_generator_spec(stage))
    generator.load("cpu")
    plain, again = read_pixels(generator.render(first)), read_pixels(generator.render(mixed))
    assert [plain[0], plain[2]] == [again[0], again[2]]
    assert plain[1] != again[1]


@pytest.mark.parametrize("name", SEEDED_SCHEDULERS)
def test_schedulers_that_take_a_generator_repeat(tiny: Tiny, name: str) -> None:
    """Also those that draw noise in every step."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), scheduler={"name": name})
    assert read_pixels(render(stage)) == read_pixels(render(stage))


@pytest.mark.parametrize("name", ["DPMSolverSDEScheduler", "CosineDPMSolverMultistepScheduler"])
def test_schedulers_over_a_brownian_tree_are_refused(tiny: Tiny, name: str) -> None:
    """Before any weight is read, with what to use instead."""
    with pytest.raises(InputError, match=r"cannot be reproduced.*Brownian tree.*DDIMScheduler"):
        render(make_stage("StableDiffusionPipeline", tiny("sd"), scheduler={"name": name}))


def test_a_step_that_draws_noise_without_a_generator_is_refused() -> None:
    """As a scheduler of your own may."""

    class Careless:
        def step(self, sample: torch.Tensor) -> torch.Tensor:
            return sample + torch.randn_like(sample)

    with pytest.raises(InputError, match="draws noise and takes no generator"):
        validate_scheduler(Careless)


def test_the_usual_schedulers_are_accepted() -> None:
    """Nothing else in the installed diffusers is refused."""
    refused = {name for name in list_scheduler_names() if explain_irreproducible(load_scheduler_class(name))}
    assert refused == {
        "CosineDPMSolverMultistepScheduler",
        "DPMSolverSDEScheduler",
        "ScoreSdeVeScheduler",
    }


def test_a_pipeline_that_seeds_nothing_is_caught_while_it_runs(tiny: Tiny) -> None:
    """DiT's pipeline hands no generator to its scheduler, so a scheduler that draws noise is not seeded."""
    stage = make_stage("DiTPipeline", tiny("dit"), inputs="class", scheduler={"name": "DDPMScheduler"})
    with pytest.raises(ModelError, match="drew random numbers from the process's own state"):
        render(stage)


def test_the_guard_lets_seeded_noise_pass() -> None:
    """Only the process's own state is watched."""
    with guard_random_state("cpu", "it"):
        torch.randn(3, generator=torch.Generator().manual_seed(1))
    with pytest.raises(ModelError, match="it drew random numbers"), guard_random_state("cpu", "it"):
        torch.randn(3)


@pytest.mark.parametrize(("threshold", "flagged"), [(-2.0, True), (2.0, False)])
def test_the_safety_verdict_is_recorded_and_nothing_is_blackened(
    tmp_path: Path, threshold: float, flagged: bool
) -> None:
    """A checker that flags everything, and one that flags nothing, leave the same pixels."""
    from tiny_pipelines import build_sd

    folder = build_sd(tmp_path / "sd", with_checker=True, concept_threshold=threshold)
    made = render(make_stage("StableDiffusionPipeline", folder))
    assert [rendering.is_flagged_unsafe for rendering in made] == [flagged] * 4
    assert all(compute_spread(rendering.image) > 2 for rendering in made)
    off = render(make_stage("StableDiffusionPipeline", folder, safety="off"))
    assert [rendering.is_flagged_unsafe for rendering in off] == [None] * 4
    assert read_pixels(off) == read_pixels(made)


def test_attention_slicing_changes_memory_not_the_picture(tiny: Tiny) -> None:
    """Within rounding."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"))
    plain, sliced = render(stage), render({**stage, "attention_slicing": True})
    pairs = zip(plain, sliced, strict=True)
    gaps = [np.asarray(a.image, np.int16) - np.asarray(b.image, np.int16) for a, b in pairs]
    assert max(int(np.abs(gap).max()) for gap in gaps) <= 1


def test_strength_decides_how_much_of_the_source_is_left(tiny: Tiny) -> None:
    """At 1 every step is run; at 0.5 half of them, from the source's own latents."""
    stage = make_stage("StableDiffusionImg2ImgPipeline", tiny("sd"), inputs="prompt+image",
                       source=TRANSFORMS["pil"], steps=4)  # fmt: skip
    full, half = (read_pixels(render({**stage, "strength": strength})) for strength in (1.0, 0.5))
    assert full != half


def test_the_source_transform_is_the_papers() -> None:
    """Against torchvision's own Compose: ToTensor, Resize bicubic without antialias, Normalize."""
    reference = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Resize((32, 32), interpolation=transforms.InterpolationMode.BICUBIC, antialias=False),
            transforms.Normalize(CLIP_MEAN, CLIP_STD),
        ]
    )
    made = transform_source(PICTURE, TransformSpec.model_validate(TRANSFORMS["clip"]))
    assert isinstance(made, torch.Tensor)
    torch.testing.assert_close(made, reference(PICTURE), rtol=0, atol=0)


def test_a_pil_source_is_resized_with_lanczos() -> None:
    """To a square, as Pillow does it."""
    made = transform_source(PICTURE, TransformSpec.model_validate(TRANSFORMS["pil"]))
    assert isinstance(made, Image.Image)
    assert made.tobytes() == PICTURE.resize((32, 32), Image.Resampling.LANCZOS).tobytes()


def test_an_unknown_pipeline_suggests_the_nearest(tiny: Tiny) -> None:
    """And says which diffusers is installed."""
    with pytest.raises(UnknownNameError, match="Did you mean 'StableDiffusionPipeline'"):
        render(make_stage("StableDiffusionPipelin", tiny("sd")))


def test_an_argument_the_pipeline_does_not_take_suggests_the_nearest(tiny: Tiny) -> None:
    """Before rendering."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), arguments={"guidence_scale": 3})
    with pytest.raises(UnknownNameError, match="Did you mean 'guidance_scale'"):
        render(stage)


def test_a_pipeline_of_another_kind_is_one_message(tiny: Tiny) -> None:
    """Not the library's traceback."""
    with pytest.raises(ModelError, match="cannot be loaded as IFPipeline"):
        render(make_stage("IFPipeline", tiny("sd")))


def test_a_repository_with_code_of_its_own_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    """It is never run."""
    folder = Path(shutil.copytree(tiny("sd"), tmp_path / "sd"))
    (folder / "pipeline.py").write_text("raise SystemExit")
    with pytest.raises(UntrustedFileError, match=r"contains code \(pipeline\.py\)"):
        render(make_stage("StableDiffusionPipeline", folder))


def test_a_repository_that_is_not_on_hand_is_one_message(tmp_path: Path) -> None:
    """With what to do; tests run with the Hub switched off."""
    stage = make_stage("StableDiffusionPipeline", Path("nobody/nothing"), revision="0" * 40)
    with pytest.raises(FetchError, match=r"Cannot fetch 'model_index\.json' of 'nobody/nothing'.*--pipeline"):
        render(stage)


def test_a_folder_that_is_gone_is_one_message(tmp_path: Path) -> None:
    """It was local, so the Hub is not asked."""
    with pytest.raises(InputError, match="There is no folder"):
        render(make_stage("StableDiffusionPipeline", tmp_path / "gone"))


@pytest.mark.parametrize(
    ("factory", "words"),
    [("nowhere:make", "cannot import 'nowhere'"), ("build_specs:make", "has no 'make'"),
     ("build_specs:read_release", "cannot be made"), ("tests_path:x", "cannot import")],
)  # fmt: skip
def test_a_factory_that_is_wrong_is_one_message(factory: str, words: str) -> None:
    """Named as it was given."""
    with pytest.raises((InputError, ModelError), match=words):
        make_generator(PythonSpec(kind="python", inputs="prompt", factory=factory))


def test_a_factory_that_returns_no_generator_is_refused() -> None:
    """The missing method is named."""
    with pytest.raises(InputError, match="without 'load'"):
        make_generator(PythonSpec(kind="python", inputs="prompt", factory="json:JSONDecoder"))


def test_clip_tokens_are_those_of_the_real_tokenizer() -> None:
    """Transformers' CLIPTokenizer on prompts of every kind."""
    from tiny_pipelines import ALL_MERGES, build_clip_tokenizer

    tokenizer = build_clip_tokenizer(ALL_MERGES)
    prompts = ["a photo of a tench.", "Crêpe, naïve  spaces", "x" * 40, "word " * 100, ""]
    assert count_clip_tokens(prompts) == [len(ids) for ids in tokenizer(prompts)["input_ids"]]


def test_prompts_over_the_limit_are_counted_with_repeats_and_shown() -> None:
    """The unique ones as examples."""
    long = "word " * 100
    report = check_prompts([long, "short", long], limit=77, count_tokens=count_clip_tokens)
    assert (report.num_over_limit, report.num_unique, report.longest) == (2, 2, 102)
    assert report.examples == (long,)


def test_flat_means_that_no_channel_varies() -> None:
    """One colour is flat, whatever the colour; noise is not."""
    assert compute_spread(PICTURE) == pytest.approx(np.asarray(PICTURE).std(axis=(0, 1)).max())
    assert is_flat(Image.new("RGB", (8, 8), (250, 3, 90)), max_std=2.0)
    assert not is_flat(PICTURE, max_std=2.0)


def test_retry_seeds_are_new_and_follow_from_the_first() -> None:
    """Attempt 0 is the planned seed."""
    seeds = [make_retry_seed(5, attempt) for attempt in range(4)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 4
    assert seeds == [make_retry_seed(5, attempt) for attempt in range(4)]
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_png_keeps_every_pixel_and_jpeg_keeps_chroma() -> None:
    """Lossless; 4:4:4."""
    import io

    png = Image.open(io.BytesIO(encode_image(PICTURE, EncodingSpec(format="png"))))
    assert png.tobytes() == PICTURE.tobytes()
    jpeg = Image.open(io.BytesIO(encode_image(PICTURE, EncodingSpec(format="jpeg", quality=95))))
    assert [layer[1:3] for layer in jpeg.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_specs_travel_through_json() -> None:
    """A recipe in a manifest is parsed back to the same generator."""
    for generator in make_noise_spec().generators.values():
        assert parse_generator_spec(json.loads(generator.model_dump_json())) == generator
    assert issubclass(DiffusersSpec, object)


def test_a_limit_above_that_of_the_text_encoder_is_refused(tiny: Tiny) -> None:
    """The plan would count prompts as whole that the encoder cuts: this tokenizer keeps 77 tokens."""
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), clip_token_limit=78)
    with pytest.raises(ModelError, match=r"= 78, and the text encoder of .* keeps 77 tokens"):
        make_generator(DiffusersSpec.model_validate(stage)).load("cpu")
