"""A converted checkpoint computes what the original does, and draws a split."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest
import torch
from build_specs import CLASSES, build, make_spec, make_split, make_stage
from original_ldm import LatentDiffusion, make_original

from imagenet_g.benchmark.checkpoints.reading import load_content
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError, UntrustedFileError
from imagenet_g.generation.converting.ldm import convert_checkpoint, load_state_dict, make_pipeline
from imagenet_g.generation.generators.class_ldm import ClassConditionalLDMPipeline, find_codes, make_contexts
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.version import load_version_spec

HEADS = 4
CLASS_NUMBERS = [3, 7]


@pytest.fixture(scope="module")
def original() -> LatentDiffusion:
    """The reference, with random weights."""
    return make_original(heads=HEADS)


@pytest.fixture(scope="module")
def pipe(original: LatentDiffusion) -> ClassConditionalLDMPipeline:
    """The same weights in diffusers' networks."""
    made = make_pipeline(original.state_dict(), image_px=32, heads=HEADS)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.fixture(scope="module")
def converted(original: LatentDiffusion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, from a checkpoint file as the authors' is: beside the weights are other things."""
    folder = tmp_path_factory.mktemp("ldm")
    content = {"state_dict": original.state_dict(), "epoch": 1, "pytorch-lightning_version": "1.4.2"}
    torch.save(content, folder / "model.ckpt")
    main(["convert", str(folder / "model.ckpt"), "--out", str(folder / "ldm"), "--image-px", "32",
          "--heads", str(HEADS)])  # fmt: skip
    return folder / "ldm"


def make_seeds() -> list[torch.Generator]:
    """New generators for two images."""
    return [torch.Generator().manual_seed(number) for number in (5, 6)]


def draw_starts() -> torch.Tensor:
    """What these generators draw first."""
    return torch.cat([torch.randn(1, 3, 8, 8, generator=seed) for seed in make_seeds()])


@torch.no_grad()
def test_the_network_predicts_the_originals_noise(
    original: LatentDiffusion, pipe: ClassConditionalLDMPipeline
) -> None:
    """At several times, and for the class that stands for none."""
    latents, times = draw_starts(), torch.tensor([17, 801])
    expected = original.predict(latents, times, torch.tensor([3, 1000]))
    contexts = make_contexts(pipe.unet, [3, 1000], is_guided=False)
    torch.testing.assert_close(pipe.unet(latents, times, contexts).sample, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1


@torch.no_grad()
def test_the_autoencoder_encodes_and_decodes_as_the_original(
    original: LatentDiffusion, pipe: ClassConditionalLDMPipeline
) -> None:
    """Through its codes."""
    pixels, latents = torch.rand(1, 3, 32, 32, generator=make_seeds()[0]), draw_starts()
    first = original.first_stage_model
    torch.testing.assert_close(pipe.vqvae.encode(pixels).latents, first.encode(pixels), rtol=0, atol=1e-5)
    quantized = torch.stack([find_codes(pipe.vqvae.quantize.embedding.weight, one) for one in latents])
    decoded = pipe.vqvae.decode(quantized, force_not_quantize=True).sample
    torch.testing.assert_close(decoded, first.decode(latents), rtol=0, atol=1e-4)


@pytest.mark.parametrize("guidance", [3.0, 1.0])
def test_images_are_those_of_the_originals_sampler(
    original: LatentDiffusion, pipe: ClassConditionalLDMPipeline, guidance: float
) -> None:
    """DDIM over the same times, guided by class 1000, from the same noise."""
    made = pipe(
        CLASS_NUMBERS,
        num_inference_steps=4,
        guidance_scale=guidance,
        generator=make_seeds(),
        output_type="pt",
    )
    expected = original.sample(draw_starts(), torch.tensor(CLASS_NUMBERS), steps=4, guidance=guidance)
    torch.testing.assert_close(made.images, (expected / 2 + 0.5).clamp(0, 1), rtol=0, atol=1e-4)


def test_a_converted_folder_draws_as_a_generator(pipe: ClassConditionalLDMPipeline, converted: Path) -> None:
    """Through a spec, with the images of the pipeline in memory."""
    stage = make_stage("ClassConditionalLDMPipeline", converted, inputs="class")
    generator = make_generator(DiffusersSpec.model_validate(stage))
    generator.load("cpu")
    rows = [
        RenderRow(str(seed), label, "n0", None, seed)
        for label, seed in zip(CLASS_NUMBERS, (5, 6), strict=True)
    ]
    expected = pipe(CLASS_NUMBERS, num_inference_steps=2, generator=make_seeds()).images
    assert [made.image.tobytes() for made in generator.render(rows)] == [one.tobytes() for one in expected]


def test_a_split_is_built_from_class_labels(converted: Path, tmp_path: Path) -> None:
    """A whole build, and every class has an image of its own."""
    stage = make_stage("ClassConditionalLDMPipeline", converted, inputs="class")
    split = make_split("ldm", prompts=None, images_per_class=1, classes=CLASSES[:2], batch_size=2)
    build(make_spec({"ldm": stage}, {"class": split}), tmp_path / "out")
    rows = pq.read_table(next((tmp_path / "out" / "data" / "class").glob("*.parquet")))
    assert len(set(rows["pixel_sha256"].to_pylist())) == 2


def test_the_shipped_draft_has_the_settings_of_the_authors_script() -> None:
    """20 steps, guidance 3, no noise in between."""
    ldm = load_version_spec("draft-ldm").generators["ldm"]
    assert isinstance(ldm, DiffusersSpec) and (ldm.pipeline, ldm.inputs) == (
        "ClassConditionalLDMPipeline",
        "class",
    )
    assert (ldm.steps, ldm.guidance, ldm.arguments) == (20, 3.0, {"eta": 0.0})


def test_the_schedule_is_that_of_the_original(
    original: LatentDiffusion, pipe: ClassConditionalLDMPipeline
) -> None:
    """From 0.0015 to 0.0195, linear in the square root."""
    torch.testing.assert_close(pipe.scheduler.betas, original.betas, rtol=1e-5, atol=1e-8)


def test_a_checkpoint_with_lightnings_callbacks_is_read_without_lightning(
    original: LatentDiffusion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class they are kept under is never imported."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    module = ModuleType(name)
    callback = type("ModelCheckpoint", (), {"__module__": name})
    vars(module)["ModelCheckpoint"] = callback
    with monkeypatch.context() as patched:
        for part in ("pytorch_lightning", "pytorch_lightning.callbacks"):
            patched.setitem(sys.modules, part, ModuleType(part))
        patched.setitem(sys.modules, name, module)
        torch.save(
            {"state_dict": {"a": torch.ones(1)}, "callbacks": {callback: {"best": 1.0}}},
            tmp_path / "c",
        )
    assert name not in sys.modules
    with pytest.raises(UntrustedFileError, match="ModelCheckpoint"):
        load_content(tmp_path / "c")
    assert load_state_dict(tmp_path / "c")["a"].item() == 1


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """And none of it is run."""

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(tmp_path / "ran"),)  # pragma: no cover

    (tmp_path / "c").write_bytes(pickle.dumps({"state_dict": Evil()}))
    with pytest.raises((UntrustedFileError, DataError)):
        convert_checkpoint(tmp_path / "c", tmp_path / "out")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("cond_stage_model.embedding.weight"), "no class-conditional latent diffusion model"),
        (
            lambda w: w.pop("model.diffusion_model.middle_block.1.norm.bias"),
            "has no 'model.diffusion_model.middle",
        ),
        (lambda w: w.update({"model.diffusion_model.extra": torch.ones(1)}), "extra' has no place"),
        (lambda w: w.update({"first_stage_model.quant_conv.bias": torch.ones(9)}), "the checkpoint has (9,)"),
        (lambda w: w.update(betas=torch.linspace(0.001, 0.1, 1000)), "noise of 1000 steps from 0.001 to 0.1"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(
    original: LatentDiffusion, change: object, said: str
) -> None:
    """Missing, left over, misshapen, or trained with other noise."""
    weights = dict(original.state_dict())
    assert callable(change)
    change(weights)
    with pytest.raises(DataError) as caught:
        make_pipeline(weights, image_px=32)
    assert said in str(caught.value)


def test_a_folder_with_files_and_uneven_heads_are_refused(converted: Path, original: LatentDiffusion) -> None:
    """Nothing is written over, and heads must divide the channels."""
    with pytest.raises(InputError, match="is not empty"):
        convert_checkpoint(converted.parent / "model.ckpt", converted)
    with pytest.raises(InputError, match="--heads 5 does not divide the 64 channels"):
        make_pipeline(original.state_dict(), image_px=32, heads=5)
