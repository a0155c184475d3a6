"""The comparators on real pipeline classes of diffusers, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build_specs import CLASSES, build, make_spec, make_split, make_stage, read_release
from diffusers import DDIMScheduler
from pydantic import ValidationError
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.distances.lineage import list_clip_uses
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.captions.class_means import (
    ClassMeans,
    hash_means,
    load_class_means,
    write_class_means,
)
from imagenet_g.generation.captions.records import MeansRecord
from imagenet_g.generation.generators.away_from_mean import (
    AwayFromMeanGenerator,
    decode_estimate,
    estimate_clean,
    guide_steps,
    make_direction,
    make_resizing,
    make_view,
)
from imagenet_g.generation.generators.background_first import BackgroundFirstGenerator
from imagenet_g.generation.generators.diffusers import DiffusersGenerator
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.prompts.recipes import (
    find_scene,
    list_mismatched_scenes,
    load_scenes,
    make_prompts,
)
from imagenet_g.generation.specs.comparators import AwayFromMeanSpec, BackgroundFirstSpec, find_means_file
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.inputs import PromptSpec
from imagenet_g.generation.specs.kinds import parse_generator_spec
from imagenet_g.generation.specs.version import VersionSpec, load_version_spec

Tiny = Callable[[str], Path]
EAGLE = 22
MISMATCHED = PromptSpec(recipe="mismatched-scene", class_names="open_clip")


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP."""
    return build_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


@pytest.fixture(scope="module")
def clip(clip_folder: Path) -> ClipEncoder:
    """The same, loaded."""
    return load_clip_encoder(f"open_clip:local-dir:{clip_folder}")


def write_means(path: Path, *, size: int = 32, wnids: list[str] = CLASSES) -> str:
    """Means drawn at random; their hash."""
    indices = tuple(load_index_by_wnid()[wnid] for wnid in wnids)
    means = np.random.default_rng(0).normal(size=(len(indices), size)).astype(np.float32)
    sha256 = hash_means(indices, means)
    record = MeansRecord(ref="mini/renditions", content_sha256=sha256, images_per_class=128,
                         normalization="images", sha256=sha256)  # fmt: skip
    write_class_means(path, ClassMeans(record, indices, means))
    return sha256


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of means for the tests' three classes, and its hash."""
    path = tmp_path_factory.mktemp("means") / "means.safetensors"
    return path, write_means(path)


def make_background_stage(repo: Path, **changes: object) -> dict[str, Any]:
    """A table of kind "background-first"."""
    second = make_stage("StableDiffusionImg2ImgPipeline", repo, arguments={"strength": 0.5})
    second = {key: value for key, value in second.items() if key not in ("kind", "inputs")}
    return make_stage("StableDiffusionPipeline", repo, kind="background-first", upscalers=[second], **changes)


def make_away_stage(repo: Path, clip_folder: Path, means: tuple[Path, str], **away: object) -> dict[str, Any]:
    """A table of kind "away-from-mean"."""
    table = {
        "model": f"open_clip:local-dir:{clip_folder}", "means": str(means[0]), "sha256": means[1],
        "scale": 50.0, **away,
    }  # fmt: skip
    return make_stage("StableDiffusionPipeline", repo, kind="away-from-mean", steps=4, away=table)


def make_rows(prompts: list[str], *, first_seed: int = 0) -> list[RenderRow]:
    """Rows of the first class."""
    return [RenderRow(f"id-{n}", 0, CLASSES[0], prompt, first_seed + n) for n, prompt in enumerate(prompts)]


def render(spec: GeneratorSpec, rows: list[RenderRow]) -> list[np.ndarray]:
    """Pixels of rows, by a newly loaded generator."""
    generator = make_generator(spec)
    generator.load("cpu")
    return [np.asarray(made.image) for made in generator.render(rows)]


def test_mismatched_scenes_share_no_word_with_the_class() -> None:
    """A game fish is not put into a fishpond; every class keeps most scenes."""
    tench = load_classes()[0]
    assert "fishpond" not in list_mismatched_scenes(tench)
    assert "airfield" in list_mismatched_scenes(tench)
    assert all(len(list_mismatched_scenes(info)) > 250 for info in load_classes()[::20])


def test_every_prompt_of_the_recipe_names_its_class_and_a_mismatched_scene() -> None:
    """And the scene is found in it again, whatever the class is called."""
    for info in load_classes()[::20]:
        scenes = []
        for prompt in make_prompts(MISMATCHED, info.index, 3):
            assert prompt.startswith(f"a photo of a {info.name} in the ")
            scenes.append(find_scene(prompt))
        assert set(scenes) <= set(list_mismatched_scenes(info))
        assert len(set(scenes)) == 3


def test_no_scene_can_be_mistaken_for_a_part_of_another() -> None:
    """The words before a scene stand in none."""
    assert not [scene for scene in load_scenes() if " in the " in scene]


@pytest.mark.parametrize("prompt", ["a photo of a tench.", "a photo of a tench in the nowhere", ""])
def test_a_prompt_without_a_scene_is_refused(prompt: str) -> None:
    """With the recipe that has one."""
    with pytest.raises(InputError, match="mismatched-scene"):
        find_scene(prompt)


def test_the_background_is_drawn_first_and_alone(tiny: Tiny) -> None:
    """By hand: the scene's prompt through the pipeline, its picture and the prompt through image-to-image."""
    spec = parse_generator_spec(make_background_stage(tiny("sd")))
    assert isinstance(spec, BackgroundFirstSpec)
    rows = make_rows(make_prompts(MISMATCHED, 0, 2))
    generator = BackgroundFirstGenerator(spec)
    generator.load("cpu")
    plain = DiffusersGenerator(spec)
    plain.load("cpu")
    scenes = [f"a photo of a {find_scene(str(row.prompt))}" for row in rows]
    with torch.inference_mode():
        backgrounds = plain.run_stage(0, plain.stages[0], make_rows(scenes), [])
        expected = plain.run_stage(1, plain.stages[1], rows, backgrounds)
    made = [rendering.image for rendering in generator.render(rows)]
    assert [image.tobytes() for image in made] == [image.tobytes() for image in expected]
    assert made[0].tobytes() != plain.render(rows)[0].image.tobytes()


def test_a_background_needs_a_second_stage_and_a_scene(tiny: Tiny) -> None:
    """Refused where the spec is read, and where the prompt has none."""
    table = make_background_stage(tiny("sd"))
    with pytest.raises(ValidationError, match="first upscaler"):
        parse_generator_spec({**table, "upscalers": []})
    generator = make_generator(parse_generator_spec(table))
    generator.load("cpu")
    with pytest.raises(InputError, match="names no scene"):
        generator.render(make_rows(["a photo of a tench."]))


def test_resizing_is_the_librarys_antialiased_bicubic() -> None:
    """As two matrix products, up and down."""
    for length in (16, 40):
        image = torch.rand(2, 3, length, length, generator=torch.Generator().manual_seed(0))
        expected = torch.nn.functional.interpolate(image, size=(32, 32), mode="bicubic", antialias=True)
        matrix = make_resizing(length, 32)
        torch.testing.assert_close(matrix @ image @ matrix.T, expected, atol=1e-6, rtol=0)


def test_the_guide_sees_what_the_clip_sees(clip: ClipEncoder) -> None:
    """Up to rounding to 8 bits, its inputs are those of the CLIP's own transform."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(60, 200, (32, 32, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    expected = clip.transform(Image.fromarray(pixels))
    torch.testing.assert_close(make_view(clip)(tensor)[0], expected, atol=0.03, rtol=0)


def load_guided(tiny: Tiny, clip_folder: Path, means: tuple[Path, str], **away: object) -> AwayFromMeanSpec:
    """A spec of the guidance on the tiny pipeline."""
    spec = parse_generator_spec(make_away_stage(tiny("sd"), clip_folder, means, **away))
    assert isinstance(spec, AwayFromMeanSpec)
    return spec


def test_the_direction_is_the_gradient_of_the_cosine(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str], clip: ClipEncoder
) -> None:
    """Against finite differences of the same quantity, computed through the library's own calls."""
    spec = load_guided(tiny, clip_folder, means)
    generator = AwayFromMeanGenerator(spec)
    generator.load("cpu")
    pipe = generator.stages[0].pipe
    rng = torch.Generator().manual_seed(0)
    noise, sample, probe = (torch.randn(1, 4, 16, 16, generator=rng) for _ in range(3))
    target = torch.nn.functional.normalize(torch.randn(1, 32, generator=rng))
    direction = make_direction(pipe, clip, target)
    with torch.inference_mode():
        gradient = direction(noise, 100, sample)

    def look(moved: torch.Tensor) -> float:
        pipe.scheduler.set_timesteps(1000)
        clean = pipe.scheduler.step(noise, 100, moved).pred_original_sample
        pixels = pipe.vae.decode(clean / pipe.vae.config.scaling_factor).sample
        features = clip.model.encode_image(make_view(clip)(pixels), normalize=True)
        return float((features * target).sum())

    step = 1e-2
    with torch.no_grad():
        slope = (look(sample + step * probe) - look(sample - step * probe)) / (2 * step)
    assert slope == pytest.approx(float((gradient * probe).sum()), rel=0.05)


def compute_mean_cosine(images: list[np.ndarray], clip: ClipEncoder, means: tuple[Path, str]) -> float:
    """Mean cosine of pictures of the first class to its mean."""
    from PIL import Image

    from imagenet_g.generation.captions.class_means import load_class_means

    target = load_class_means(means[0]).take([0])[0]
    features = clip.encode_images([Image.fromarray(image) for image in images]).numpy()
    return float((features @ target / np.linalg.norm(target)).mean())


def test_guidance_lowers_the_cosine_and_more_lowers_it_more(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str], clip: ClipEncoder
) -> None:
    """On every one of the pictures together; at scale 0 they are the plain pipeline's."""
    rows = make_rows([f"a photo of tench {n}." for n in range(4)])
    cosines = []
    for scale in (0.0, 20.0, 200.0):
        images = render(load_guided(tiny, clip_folder, means, scale=scale), rows)
        cosines.append(compute_mean_cosine(images, clip, means))
        if not scale:
            plain = parse_generator_spec(make_stage("StableDiffusionPipeline", tiny("sd"), steps=4))
            assert all(np.array_equal(a, b) for a, b in zip(images, render(plain, rows), strict=True))
    assert cosines[0] > cosines[1] > cosines[2]


def test_a_guided_picture_does_not_depend_on_its_neighbours(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str]
) -> None:
    """The same slot beside other rows gives the same bytes."""
    spec = load_guided(tiny, clip_folder, means)
    first = render(spec, make_rows(["a photo of a tench.", "a boat"]))
    other = render(
        spec, [*make_rows(["a photo of a tench."]), *make_rows(["a car", "a tree"], first_seed=70)[1:]]
    )
    assert np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_guiding_every_other_step_is_something_else(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str]
) -> None:
    """And leaves the scheduler as it was."""
    rows = make_rows(["a photo of a tench."])
    often, seldom = (render(load_guided(tiny, clip_folder, means, every=n), rows)[0] for n in (1, 3))
    assert not np.array_equal(often, seldom)
    generator = AwayFromMeanGenerator(load_guided(tiny, clip_folder, means))
    generator.load("cpu")
    generator.render(rows)
    assert "step" not in vars(generator.stages[0].pipe.scheduler)


def test_means_that_do_not_fit_are_refused(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str], tmp_path: Path
) -> None:
    """Not pinned, others than pinned, of another CLIP, missing, or without the class."""

    def refuse(kind: type[Exception], match: str, table: tuple[Path, str], **away: object) -> None:
        generator = make_generator(load_guided(tiny, clip_folder, table, **away))
        with pytest.raises(kind, match=match):
            generator.load("cpu")
            generator.render(make_rows(["a photo of a tench."]))

    refuse(InputError, means[1], means, sha256=None)
    refuse(DataError, "not those of the spec", means, sha256="0" * 64)
    wide = (tmp_path / "wide.safetensors", write_means(tmp_path / "wide.safetensors", size=16))
    refuse(DataError, "another CLIP", wide)
    refuse(DataError, "cannot be read", (tmp_path / "none.safetensors", means[1]))
    few = (tmp_path / "few.safetensors", write_means(tmp_path / "few.safetensors", wnids=CLASSES[1:]))
    refuse(DataError, CLASSES[0], few)


def test_pixels_of_if_are_guided_too(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str], clip: ClipEncoder
) -> None:
    """Without an autoencoder: the cosine falls, and at scale 0 the images are the plain pipeline's."""
    rows = make_rows([f"a photo of tench {n}." for n in range(2)])
    cosines = []
    for scale in (0.0, 200.0):
        table = make_away_stage(tiny("if"), clip_folder, means, scale=scale)
        images = render(parse_generator_spec({**table, "pipeline": "IFPipeline"}), rows)
        cosines.append(compute_mean_cosine(images, clip, means))
        if not scale:
            plain = parse_generator_spec(make_stage("IFPipeline", tiny("if"), steps=4))
            assert all(np.array_equal(a, b) for a, b in zip(images, render(plain, rows), strict=True))
    assert cosines[0] > cosines[1]


def test_the_estimate_of_pixels_is_the_schedulers(tiny: Tiny) -> None:
    """With dynamic thresholding, as its own step has it."""
    generator = DiffusersGenerator(parse_diffusers(make_stage("IFPipeline", tiny("if"))))
    generator.load("cpu")
    pipe, rng = generator.stages[0].pipe, torch.Generator().manual_seed(0)
    pipe.scheduler.set_timesteps(10)
    noise, sample = torch.randn(1, 6, 16, 16, generator=rng), torch.randn(1, 3, 16, 16, generator=rng)
    alpha = float(pipe.scheduler.alphas_cumprod[500])
    clean = (sample - (1 - alpha) ** 0.5 * noise[:, :3]) / alpha**0.5
    expected = pipe.scheduler.step(noise, 500, sample, generator=rng).pred_original_sample
    torch.testing.assert_close(decode_estimate(pipe, clean), expected, atol=1e-5, rtol=0)


def parse_diffusers(table: dict[str, object]) -> DiffusersSpec:
    """A table of kind "diffusers"."""
    spec = parse_generator_spec(table)
    assert isinstance(spec, DiffusersSpec)
    return spec


def test_pipelines_that_cannot_be_guided_are_refused(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str]
) -> None:
    """With the reason, when they are loaded."""
    table = {**make_away_stage(tiny("sd3"), clip_folder, means), "pipeline": "StableDiffusion3Pipeline"}
    with pytest.raises(InputError, match="predicts neither noise nor velocity"):
        make_generator(parse_generator_spec(table)).load("cpu")


@pytest.fixture(scope="module")
def release(
    tiny: Tiny, clip_folder: Path, means: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, VersionSpec]:
    """Both comparators in one release."""
    generators = {
        "background": make_background_stage(tiny("sd"), clip_token_limit=77),
        "away": make_away_stage(tiny("sd"), clip_folder, means),
    }
    splits = {
        "scene": make_split(
            "background", prompts=MISMATCHED.model_dump(exclude_none=True), images_per_class=2
        ),
        "away": make_split("away", images_per_class=2),
    }
    spec = make_spec(generators, splits)
    out = tmp_path_factory.mktemp("comparators")
    build(spec, out)
    return out, spec


def test_comparators_build_the_same_bytes_again(release: tuple[Path, VersionSpec], tmp_path: Path) -> None:
    """The whole release."""
    build(release[1], tmp_path)
    assert read_release(tmp_path) == read_release(release[0])


def test_comparators_are_verified_from_their_release(
    release: tuple[Path, VersionSpec],
    tiny: Tiny,
    clip_folder: Path,
    means: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given the places of what the release knows by name; without them it says what is missing."""
    words = ["verify", str(release[0]), "--device", "cpu", "--pipeline", str(tiny("sd"))]
    places = ["--pipeline", str(clip_folder), "--pipeline", str(means[0])]
    assert main([*words, *places]) == 0
    assert capsys.readouterr().out.count("R0") >= 2
    # The split whose parts are not here does not reach what its manifest claims.
    assert main(words) == 1
    assert "away: unknown: not remade: This split was made with 'tiny-clip'" in capsys.readouterr().out


def test_a_release_names_the_clip_it_was_guided_by_and_no_path(
    release: tuple[Path, VersionSpec], clip: ClipEncoder, means: tuple[Path, str]
) -> None:
    """So that a distance under it is called what it is."""
    text = (release[0] / "manifest.json").read_text()
    assert str(means[0].parent) not in text
    manifest = load_manifest(release[0])
    uses = list_clip_uses(manifest.splits["away"].recipe, part="split", view=None)
    assert {use.weights_sha256 for use in uses} == {None, clip.record.weights_sha256}
    assert list_clip_uses(manifest.splits["scene"].recipe, part="split", view=None) == ()


def test_the_draft_describes_both_on_the_generator_of_draft_ood() -> None:
    """Same stages, precision, steps and classes; means that are not frozen have no made-up hash."""
    draft, ood = load_version_spec("draft-comparators"), load_version_spec("draft-ood")
    plain = ood.generators["if"]
    assert isinstance(plain, DiffusersSpec)
    kept = ("repo", "revision", "variant", "dtype", "steps", "guidance")
    for generator in draft.generators.values():
        assert isinstance(generator, DiffusersSpec) and generator.hand_over == "tensors"
        for mine, its in ((generator, plain), (generator.upscalers[-1], plain.upscalers[-1])):
            assert [getattr(mine, key) for key in kept] == [getattr(its, key) for key in kept]
    away = draft.generators["if-away"]
    assert isinstance(away, AwayFromMeanSpec) and away.away.sha256 is None
    assert {split.classes for split in draft.splits.values()} == {ood.splits["ood"].classes}


@pytest.mark.parametrize("alpha", [0.9, 0.02])
def test_a_moved_velocity_is_the_same_moved_noise(alpha: float) -> None:
    """A network of velocities is guided as one of noise that says the same of the same sample."""
    numbers = torch.Generator().manual_seed(0)
    clean, noise, moved = (torch.randn(1, 4, 8, 8, generator=numbers, dtype=torch.float64) for _ in range(3))
    noisy = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
    velocity = alpha**0.5 * noise - (1 - alpha) ** 0.5 * clean
    torch.testing.assert_close(estimate_clean(noisy, velocity, alpha, "v_prediction"), clean)
    torch.testing.assert_close(estimate_clean(noisy, noise, alpha, "epsilon"), clean)

    steps: dict[str, torch.Tensor] = {}
    for prediction, output in (("epsilon", noise), ("v_prediction", velocity)):
        scheduler = DDIMScheduler(trained_betas=[1 - alpha], prediction_type=prediction)
        # Gives back what it is given, so that the moved output is seen.
        scheduler.step = lambda output, *rest: output
        with guide_steps(scheduler, lambda *given: moved, scale=3.0, every=1):
            guided = scheduler.step(output, torch.tensor(0), noisy)
        steps[prediction] = estimate_clean(noisy, guided, alpha, prediction)
    torch.testing.assert_close(steps["v_prediction"], steps["epsilon"], rtol=1e-4, atol=1e-4)


def test_both_comparators_draw_by_shipped_weights() -> None:
    """An image of each, and guidance lowers the cosine to the shipped mean of the class."""
    spec = load_version_spec("mini-comparators")
    prompt = make_prompts(MISMATCHED, EAGLE, 1)[0]
    rows = [RenderRow("id", EAGLE, "n01614925", prompt, 7)]
    background = spec.generators["background-first"]
    assert render(background, rows)[0].shape == (64, 64, 3)
    away = spec.generators["away"]
    assert isinstance(away, AwayFromMeanSpec)
    free = away.model_copy(update={"away": away.away.model_copy(update={"scale": 0.0})})
    clip = load_clip_encoder(away.away.model)
    mean = load_class_means(find_means_file(away.away.means)).take([EAGLE])[0]
    cosines = []
    for one in (free, away):
        pixels = torch.from_numpy(render(one, rows)[0].copy()).permute(2, 0, 1)[None] / 127.5 - 1
        with torch.no_grad():
            features = clip.model.encode_image(make_view(clip)(pixels), normalize=True)[0].numpy()
        cosines.append(float(features @ mean) / float(np.linalg.norm(mean)))
    assert cosines[1] < cosines[0] - 0.05


def test_unknown_class_means_are_named(tmp_path: Path) -> None:
    """With those that ship."""
    with pytest.raises(UnknownNameError, match="mini-real"):
        find_means_file("mini-rael")
    assert find_means_file(str(tmp_path / "mine.safetensors")).parent == tmp_path
