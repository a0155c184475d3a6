"""A CLIP, an autoencoder and a diffusion model, trained from composites and loaded as any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import torch
from build_specs import write_spec
from tiny_training import SIDE, build_composites, load_composites, make_training_spec

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.benchmark.training.records import load_record
from imagenet_g.generation.generators.diffusers import DiffusersGenerator
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.plans.sources import transform_source
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.training.clip import normalize_pixels
from imagenet_g.generation.training.context import TrainingContext
from imagenet_g.generation.training.continuing import find_start
from imagenet_g.generation.training.diffusion import DiffusionData, DiffusionTask
from imagenet_g.generation.training.encoding import encode_everything
from imagenet_g.generation.training.export import load_autoencoder
from imagenet_g.generation.training.specs import (
    TrainingSpec,
    change_steps,
    list_training_names,
    load_training_spec,
)
from imagenet_g.generation.training.stages import (
    STAGES,
    collect_parts,
    find_tokenizer,
    train_diffusion_stage,
)
from imagenet_g.generation.training.tokenizers import train_tokenizer


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """A built release of composites, in memory."""
    return load_composites(build_composites(tmp_path_factory.mktemp("composites") / "release"))


def make_shop(
    pictures: Pictures, folder: Path, spec: TrainingSpec | None = None, start: Path | None = None
) -> TrainingContext:
    """A silent workshop on the CPU."""
    return TrainingContext(
        spec or make_training_spec(), pictures, folder, "cpu", lambda _: None, start_from=start
    )


@pytest.fixture(scope="module")
def trained(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> TrainingContext:
    """All three stages, two steps each."""
    context = make_shop(pictures, tmp_path_factory.mktemp("trained"))
    for train in STAGES.values():
        train(context)
    return context


def test_the_clip_is_loaded_by_the_path_of_every_open_clip_model(trained: TrainingContext) -> None:
    """Zero-shot over all 1000 classes."""
    requested = f"open_clip:local-dir:{trained.clip_folder}"
    request = ModelRequest(requested=requested, spec=parse_model_spec(requested), templates="single")
    classifier = load_classifier(request)
    assert classifier.record.zero_shot is not None
    assert classifier.module(torch.randn(2, 3, SIDE, SIDE)).shape == (2, 1000)


def make_generator(trained: TrainingContext, pipeline: str, **changes: object) -> DiffusersGenerator:
    """The trained folder behind one of diffusers' pipelines."""
    generator = DiffusersGenerator(
        DiffusersSpec.model_validate(
            {
                "pipeline": pipeline,
                "repo": str(trained.pipeline_folder),
                "revision": "local",
                "dtype": "float32",
                "inputs": "prompt",
                "steps": 2,
                "guidance": 2.0,
                **changes,
            }
        )
    )
    generator.load("cpu")
    return generator


def test_text_to_image_loads_it_as_any_stable_diffusion(trained: TrainingContext) -> None:
    """And draws pictures of the training pictures' size that their seeds decide."""
    generator = make_generator(trained, "StableDiffusionPipeline")
    rows = [RenderRow("a", 105, "n01882714", "a photo of a koala.", seed) for seed in (1, 2)]
    first, again = generator.render(rows), generator.render(rows)
    assert [made.image.size for made in first] == [(SIDE, SIDE)] * 2
    assert first[0].image.tobytes() == again[0].image.tobytes()
    assert first[0].image.tobytes() != first[1].image.tobytes()


def test_image_variation_loads_the_same_folder(trained: TrainingContext, pictures: Pictures) -> None:
    """The text parts are left out; the image encoder says what to draw."""
    source = {"size_px": SIDE, "interpolation": "bicubic", "antialias": True, "normalization": "clip"}
    generator = make_generator(
        trained, "StableDiffusionImageVariationPipeline", inputs="image", source=source
    )
    images = [pictures.pixels[row].permute(1, 2, 0).numpy() for row in (0, 9)]
    from PIL import Image

    rows = [RenderRow("a", 1, "n", None, 1, source=Image.fromarray(image)) for image in images]
    made = generator.render(rows)
    assert made[0].image.tobytes() != made[1].image.tobytes()


def test_a_source_reaches_the_image_encoder_as_in_training(pictures: Pictures) -> None:
    """Same size, same normalisation: it gets the same prompts in training and later."""
    from PIL import Image

    from imagenet_g.generation.specs.stages import TransformSpec

    spec = TransformSpec(size_px=SIDE, interpolation="bicubic", antialias=True, normalization="clip")
    image = Image.fromarray(pictures.pixels[0].permute(1, 2, 0).numpy())
    expected = normalize_pixels(pictures.pixels[:1], side=SIDE)[0]
    torch.testing.assert_close(transform_source(image, spec), expected, atol=1e-5, rtol=0)


def test_no_file_of_the_pipeline_carries_a_path_of_this_machine(trained: TrainingContext) -> None:
    """Whoever downloads it must not read where it was made."""
    texts = [path.read_text() for path in trained.pipeline_folder.rglob("*.json")]
    assert not [text for text in texts if str(trained.folder) in text]


def test_the_record_names_every_stage_its_steps_and_its_data(trained: TrainingContext) -> None:
    """Beside the weights, with the content hash of what was learnt from."""
    record = load_record(trained.pipeline_folder)
    assert [stage.stage for stage in record.stages] == ["clip", "autoencoder", "diffusion"]
    assert {stage.steps for stage in record.stages} == {2}
    assert all(len(str(stage.data["content_sha256"])) == 64 for stage in record.stages)


def test_the_card_says_how_long_and_from_what(trained: TrainingContext) -> None:
    """A row for every stage, with the data's hash."""
    card = (trained.pipeline_folder / "README.md").read_text()
    record = load_record(trained.pipeline_folder)
    for stage in record.stages:
        assert f"| {stage.stage} | 2 |" in card
        assert str(stage.data["content_sha256"])[:12] in card


def test_samples_are_drawn(trained: TrainingContext) -> None:
    """Training pictures, and what captions and pictures make."""
    from PIL import Image

    with Image.open(trained.folder / "diffusion" / "samples-000002.png") as sheet:
        assert sheet.size == (8 * SIDE, 9 * SIDE)


def test_training_goes_on_from_finished_models_alone(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """No checkpoint of the first training is needed; steps are counted on."""
    context = make_shop(pictures, tmp_path, make_training_spec(steps=3), start=trained.folder)
    for train in STAGES.values():
        train(context)
    assert [stage.steps for stage in load_record(context.pipeline_folder).stages] == [3, 3, 3]


def test_a_later_stage_alone_takes_the_earlier_ones_from_the_training_it_goes_on_from(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """Its CLIP and autoencoder are not trained again, and not copied."""
    context = make_shop(pictures, tmp_path, make_training_spec(steps=3), start=trained.folder)
    train_diffusion_stage(context)
    stages = load_record(context.pipeline_folder).stages
    assert [(stage.stage, stage.steps) for stage in stages] == [
        ("clip", 2),
        ("autoencoder", 2),
        ("diffusion", 3),
    ]
    assert not context.clip_folder.exists() and not context.autoencoder_folder.exists()


def make_continuing(trained: TrainingContext, *, steps: int) -> TrainingSpec:
    """A recipe of more training for the network of a trained pipeline."""
    full = make_training_spec(steps=steps).model_dump(mode="json", exclude={"clip", "autoencoder"})
    return TrainingSpec.model_validate({**full, "name": "longer", "continues": str(trained.pipeline_folder)})


@pytest.fixture(scope="module")
def longer(
    trained: TrainingContext, pictures: Pictures, tmp_path_factory: pytest.TempPathFactory
) -> TrainingContext:
    """The network of the trained pipeline, trained for two steps more."""
    context = make_shop(pictures, tmp_path_factory.mktemp("longer"), make_continuing(trained, steps=4))
    train_diffusion_stage(context)
    return context


def test_a_recipe_that_continues_a_pipeline_writes_its_network_alone(longer: TrainingContext) -> None:
    """A part, with its record and its card."""
    found = {path.name for path in longer.pipeline_folder.iterdir()}
    assert found == {"config.json", "diffusion_pytorch_model.safetensors", "README.md", "training.json"}
    assert 'repo = "packaged:longer"' in (longer.pipeline_folder / "README.md").read_text()


def test_a_continued_network_counts_its_steps_on_and_names_what_trained_its_parts(
    longer: TrainingContext,
) -> None:
    """A record for each stage, those of the pipeline included."""
    found = [(stage.stage, stage.steps) for stage in load_record(longer.pipeline_folder).stages]
    assert found == [("clip", 2), ("autoencoder", 2), ("diffusion", 4)]


def test_a_continued_network_takes_its_place_in_the_pipeline(
    trained: TrainingContext, longer: TrainingContext
) -> None:
    """As a part; other pictures come out."""
    rows = [RenderRow("a", 105, "n01882714", "a photo of a koala.", 1)]
    parts = {"unet": {"repo": str(longer.pipeline_folder), "revision": "local"}}
    before = make_generator(trained, "StableDiffusionPipeline").render(rows)
    after = make_generator(trained, "StableDiffusionPipeline", parts=parts).render(rows)
    assert before[0].image.tobytes() != after[0].image.tobytes()


def test_the_parts_of_a_finished_pipeline_encode_as_those_it_was_made_of(
    trained: TrainingContext, longer: TrainingContext, pictures: Pictures
) -> None:
    """But for the half precision of the files, which the CLIP's own have already."""
    first, second = _encode(trained, pictures), _encode(longer, pictures)
    for name, value in vars(first).items():
        torch.testing.assert_close(value, getattr(second, name), atol=2e-3, rtol=1e-3)


def test_more_training_goes_on_from_a_continued_network(
    trained: TrainingContext, longer: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """Not from the pipeline's own, where `--start-from` names the later one."""
    context = make_shop(pictures, tmp_path, make_continuing(trained, steps=5), start=longer.folder)
    start = find_start(context, "diffusion")
    assert start is not None and start.steps == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"continues": "packaged:mini-sdd"}, "mini-sd"), ({"continues": "nowhere"}, "no folder")],
)
def test_a_pipeline_that_is_not_there_cannot_be_continued(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    """One message."""
    spec = make_continuing(trained, steps=4).model_copy(update=changes)
    with pytest.raises(ImagenetGError, match=words):
        train_diffusion_stage(make_shop(pictures, tmp_path, spec))


def test_a_recipe_that_continues_has_no_clip_of_its_own(trained: TrainingContext) -> None:
    """The pipeline has one."""
    full = make_training_spec().model_dump(mode="json")
    with pytest.raises(ValueError, match=r"no \[clip\]"):
        TrainingSpec.model_validate({**full, "continues": str(trained.pipeline_folder)})


def test_a_recipe_that_continues_nothing_names_no_network() -> None:
    """A network alone says nothing of the latents that it draws."""
    with pytest.raises(ValueError, match="'network' needs 'continues'"):
        TrainingSpec.model_validate({**make_training_spec().model_dump(mode="json"), "network": "a"})


@pytest.fixture(scope="module")
def sharper(
    trained: TrainingContext, pictures: Pictures, tmp_path_factory: pytest.TempPathFactory
) -> TrainingContext:
    """The decoder of the trained pipeline, trained for two steps more."""
    full = make_training_spec(steps=4).model_dump(mode="json", exclude={"clip"})
    changes = {"name": "sharper", "continues": str(trained.pipeline_folder)}
    spec = TrainingSpec.model_validate({**full, **changes})
    context = make_shop(pictures, tmp_path_factory.mktemp("sharper"), spec)
    STAGES["autoencoder"](context)
    return context


def test_a_continued_autoencoder_learns_in_its_decoder_alone(
    trained: TrainingContext, sharper: TrainingContext
) -> None:
    """The pipeline's network draws latents of the encoder as it was; their factor stays as well."""
    before, after = (
        load_autoencoder(folder) for folder in (trained.pipeline_folder / "vae", sharper.autoencoder_folder)
    )
    assert before.config.scaling_factor == after.config.scaling_factor
    same = {
        name for name, value in before.state_dict().items() if torch.equal(value, after.state_dict()[name])
    }
    assert same == {name for name in before.state_dict() if name.startswith("encoder.")}


def test_a_continued_autoencoder_takes_its_place_in_the_pipeline(
    trained: TrainingContext, sharper: TrainingContext
) -> None:
    """As a part, of which its card says how to load it."""
    rows = [RenderRow("a", 105, "n01882714", "a photo of a koala.", 1)]
    parts = {"vae": {"repo": str(sharper.autoencoder_folder), "revision": "local"}}
    before = make_generator(trained, "StableDiffusionPipeline").render(rows)
    after = make_generator(trained, "StableDiffusionPipeline", parts=parts).render(rows)
    assert before[0].image.tobytes() != after[0].image.tobytes()
    card = (sharper.autoencoder_folder / "README.md").read_text()
    assert "parts.vae]" in card and "vae=AutoencoderTiny" in card


def test_a_network_of_another_folder_is_continued_in_a_pipeline(
    trained: TrainingContext, longer: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """Its steps count on; the parts stay those of the pipeline."""
    spec = make_continuing(trained, steps=5).model_copy(update={"network": str(longer.pipeline_folder)})
    start = find_start(make_shop(pictures, tmp_path, spec), "diffusion")
    assert start is not None and start.steps == 4


def test_what_a_stage_learnt_before_from_other_data_stays_on_record(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """Two records of the stage that went on, the last with the steps of both."""
    other = replace(pictures, record={**pictures.record, "ref": "other/split"})
    context = make_shop(other, tmp_path, make_training_spec(steps=3), start=trained.folder)
    STAGES["clip"](context)
    found = [(stage.data["ref"], stage.steps) for stage in load_record(context.clip_folder).stages]
    assert found == [(pictures.record["ref"], 2), ("other/split", 3)]


def test_every_stage_trained_twice_gives_the_same_bytes(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """On one machine, from the same seed."""
    again = make_shop(pictures, tmp_path)
    for train in STAGES.values():
        train(again)
    for name in ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        assert (again.pipeline_folder / name).read_bytes() == (trained.pipeline_folder / name).read_bytes()


def test_a_stage_is_not_continued_over_other_data(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path
) -> None:
    """Under the same reference, with one image drawn anew: the record would name the new set alone."""
    copytree(trained.folder / "autoencoder", tmp_path / "autoencoder")
    other = replace(pictures, record={**pictures.record, "content_sha256": "1" * 64})
    with pytest.raises(DataError, match="content_sha256"):
        STAGES["autoencoder"](make_shop(other, tmp_path, make_training_spec(steps=3)))


@pytest.mark.parametrize(
    ("part", "file"), [("small-clip", "tokenizer.json"), ("small-autoencoder", "config.json")]
)
def test_a_diffusion_model_is_not_continued_over_other_parts(
    trained: TrainingContext, pictures: Pictures, tmp_path: Path, part: str, file: str
) -> None:
    """A tokenizer or a setting edited between two runs; the weights and the records stay as they were."""
    copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    (edited,) = (tmp_path / part).rglob(file)
    edited.write_text(edited.read_text() + "\n")
    with pytest.raises(DataError, match="parts: "):
        train_diffusion_stage(make_shop(pictures, tmp_path, make_training_spec(steps=3)))


def test_a_tokenizer_of_a_run_that_saved_nothing_is_made_anew(
    pictures: Pictures, trained: TrainingContext, tmp_path: Path
) -> None:
    """It may be of other captions; only the tokenizer of a checkpoint belongs to its weights."""
    other = train_tokenizer(["zebra zebra"], vocabulary_size=520, max_tokens=24)
    other.save_pretrained(tmp_path / "clip" / "tokenizer")
    found = find_tokenizer(make_shop(pictures, tmp_path)).get_vocab()
    assert found == find_tokenizer(trained).get_vocab() != other.get_vocab()


def test_a_diffusion_model_needs_the_stages_before_it(pictures: Pictures, tmp_path: Path) -> None:
    """The message names the folder that is missing."""
    with pytest.raises(DataError, match="small-clip"):
        train_diffusion_stage(make_shop(pictures, tmp_path))


def test_a_clip_may_have_convolutions(pictures: Pictures, tmp_path: Path) -> None:
    """A recipe of a CLIP alone, its image tower timm's."""
    full = make_training_spec().model_dump(mode="json", exclude={"autoencoder", "diffusion"})
    full["clip"]["vision"] = {"timm_model": "test_resnet", "size_px": 48}
    context = make_shop(pictures, tmp_path, TrainingSpec.model_validate(full))
    STAGES["clip"](context)
    assert context.clip_folder == tmp_path / "small"
    requested = f"open_clip:local-dir:{context.clip_folder}"
    request = ModelRequest(requested=requested, spec=parse_model_spec(requested), templates="single")
    assert load_classifier(request).record.preprocessing.input_size_px == (48, 48)


@pytest.mark.parametrize("name", list_training_names())
def test_shipped_recipes_are_valid(name: str) -> None:
    """And named as their file."""
    assert load_training_spec(name).name == name


def test_steps_are_changed_for_one_stage_only() -> None:
    """Two stages have no common number."""
    spec = change_steps(make_training_spec(), ["clip"], 7)
    assert spec.clip is not None and spec.clip.schedule.steps == 7
    with pytest.raises(InputError, match="one --stage"):
        change_steps(spec, ["clip", "diffusion"], 7)
    with pytest.raises(InputError, match="at least 1"):
        change_steps(spec, ["clip"], 0)


def test_an_unknown_recipe_is_named_with_those_there_are() -> None:
    """With a suggestion."""
    with pytest.raises(UnknownNameError, match="mini-sd"):
        load_training_spec("mini-sdd")


@pytest.mark.parametrize(
    ("text", "reason"), [("schema_version = 1", "name"), ("schema_version = ", "cannot be read")]
)
def test_a_malformed_recipe_gives_one_message(tmp_path: Path, text: str, reason: str) -> None:
    """With what is wrong."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        load_training_spec(str(path))


def test_a_picture_told_by_nothing_is_told_by_zeros_and_a_caption_by_the_empty_text(
    trained: TrainingContext, pictures: Pictures
) -> None:
    """What either pipeline gives for the unguided half."""
    spec = make_training_spec().diffusion
    assert spec is not None
    spec = spec.model_copy(update={"drop_share": 1.0, "image_share": 0.5})
    data = _encode(trained, pictures)
    told = DiffusionTask(spec, data, device="cpu", seed=0)._pick_conditions(
        torch.arange(20), torch.Generator().manual_seed(0)
    )
    is_empty = [torch.equal(row, data.nothing) for row in told]
    is_zero = [bool((row == 0).all()) for row in told]
    assert all(empty != zero for empty, zero in zip(is_empty, is_zero, strict=True))
    assert 0 < sum(is_zero) < 20


def _encode(trained: TrainingContext, pictures: Pictures) -> DiffusionData:
    return encode_everything(pictures, collect_parts(trained), device="cpu")


def test_half_precision_changes_a_loss_by_rounding_only(trained: TrainingContext, pictures: Pictures) -> None:
    """Products in bfloat16 keep three digits: the loss is another, by less than 2 %."""
    spec = trained.spec.diffusion
    assert spec is not None
    data = _encode(trained, pictures)
    losses = []
    for half in (False, True):
        task = DiffusionTask(spec.model_copy(update={"half_precision": half}), data, device="cpu", seed=0)
        losses.append(float(task.compute_loss(torch.Generator().manual_seed(1), 4)["loss"].detach()))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_a_stage_may_learn_from_a_split_of_its_own() -> None:
    """The diffusion model of the shipped recipe does; the parts before it learn from the recipe's."""
    spec = load_training_spec("mini-sd")
    assert [spec.find_data(stage) for stage in spec.stages] == ["mini-train/real"] * 2 + ["mini-train/posed"]


def test_a_recipe_whose_pictures_are_not_built_says_how_to_build_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, and the option that then names them."""
    assert main(["train", "mini-sd-2", "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "imagenet-g build mini-train --out DIR, and give --data mini-train=DIR" in message


def test_the_command_reads_a_split_once_for_all_stages_that_learn_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed once; all three models are written."""
    release, spec = build_composites(tmp_path / "release"), make_training_spec()
    path = write_spec(tmp_path / "own.toml", spec)
    copy = f"{spec.data.partition('/')[0]}={release}"
    assert main(["train", str(path), "--out", str(tmp_path / "out"), "--data", copy, "--threads", "1"]) == 0
    assert capsys.readouterr().err.count(f"of {spec.data}\n") == 1
    assert all((tmp_path / "out" / spec.name_folder(stage)).is_dir() for stage in spec.stages)
