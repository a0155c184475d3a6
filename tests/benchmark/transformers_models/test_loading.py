"""Classifiers of transformers: the same answers as the library's own pipeline."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_transformers import build_tiny_vit, change_json, list_usual_labels
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextImageProcessor,
    ViTImageProcessor,
    pipeline,
)

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, ImagenetGError, ModelError, UntrustedFileError
from imagenet_g.benchmark.fingerprints.behaviour import make_picture
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.predictions.predictions import load_predictions


def load(folder: Path, class_map: Path | None = None) -> Classifier:
    """Through the front door."""
    spec = f"transformers:local-dir:{folder}"
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), class_map=class_map))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT with the usual labels."""
    return build_tiny_vit(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture
def copy(vit: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(vit, tmp_path / "copy"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of three shapes in a folder by wnid."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(6):
        pixels = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        place = folder / load_classes()[number].wnid
        place.mkdir()
        size = [(64, 64), (80, 60), (50, 90)][number % 3]
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(place / f"{number}.png")
    return folder


def ask_pipeline(folder: Path, photos: Path) -> dict[str, list[str]]:
    """The best five labels of every image, by the library alone."""
    run = pipeline("image-classification", model=str(folder), device="cpu")
    paths = sorted(photos.glob("*/*.png"))
    return {p.relative_to(photos).as_posix(): [a["label"] for a in run(str(p), top_k=5)] for p in paths}


def test_all_five_classes_of_every_image_are_the_pipelines_in_order(
    vit: Path, photos: Path, tmp_path: Path
) -> None:
    """From the command line to stored predictions."""
    words = ["--model", f"transformers:local-dir:{vit}", "--split", f"folder:{photos}"]
    assert main(["evaluate", *words, "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "c")]) == 0
    predictions, _ = load_predictions(next((tmp_path / "out").glob("*/predictions/*.parquet")))
    names = list_usual_labels()
    ours = {
        image: [names[index] for index in top]
        for image, top in zip(predictions.image_ids, predictions.top5.indices.tolist(), strict=True)
    }
    assert len(ours) == 6
    assert ours == ask_pipeline(vit, photos)


def test_probabilities_are_the_pipelines(vit: Path) -> None:
    """Of all classes that it gives."""
    classifier = load(vit)
    with torch.inference_mode():
        ours = classifier.module(classifier.transform(make_picture())[None])[0].softmax(0)
    theirs = pipeline("image-classification", model=str(vit), device="cpu")(make_picture(), top_k=20)
    names = list_usual_labels()
    assert [a["score"] for a in theirs] == pytest.approx(
        [float(ours[names.index(a["label"])]) for a in theirs], abs=1e-7
    )


def test_the_record_names_weights_and_image_processor(vit: Path) -> None:
    """The processor with all of its settings."""
    record = load(vit).record
    assert record.spec == f"transformers:local-dir:{vit}"
    assert (record.num_outputs, record.class_map, record.training_data) == (1000, None, None)
    assert record.preprocessing.input_size_px == (32, 32)
    assert (record.preprocessing.interpolation, record.preprocessing.mean) == ("bilinear", (0.5, 0.5, 0.5))
    assert record.preprocessing.description.startswith('ViTImageProcessor {"do_normalize": true')


def test_another_setting_of_the_image_processor_is_used_and_recorded(copy: Path) -> None:
    """The checkpoint's own, and not one that the architecture usually has."""
    before = load(copy)
    change_json(copy / "preprocessor_config.json", image_mean=[0.1, 0.2, 0.3], resample=3)
    after = load(copy)
    expected = ViTImageProcessor.from_pretrained(copy)(make_picture(), return_tensors="pt")["pixel_values"][0]
    assert torch.equal(after.transform(make_picture()), expected)
    assert not torch.equal(before.transform(make_picture()), expected)
    assert (after.record.preprocessing.mean, after.record.preprocessing.interpolation) == (
        (0.1, 0.2, 0.3), "bicubic"
    )  # fmt: skip


def test_precropped_images_lose_nothing_to_a_convnext(tmp_path: Path) -> None:
    """Its processor crops by a fraction of its own below 384 px."""
    config = ConvNextConfig(
        hidden_sizes=[4, 4, 4, 4], depths=[1, 1, 1, 1], id2label=dict(enumerate(list_usual_labels()))
    )
    ConvNextForImageClassification(config).save_pretrained(tmp_path)
    ConvNextImageProcessor(size={"shortest_edge": 32}).save_pretrained(tmp_path)
    classifier = load(tmp_path)
    image = make_picture().resize((64, 64))
    whole = ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=1.0)(image, return_tensors="pt")
    assert torch.equal(classifier.precropped_transform(image), whole["pixel_values"][0])
    assert not torch.equal(classifier.transform(image), whole["pixel_values"][0])
    assert classifier.record.preprocessing.crop_fraction == 0.875


def test_precropped_images_lose_nothing_to_a_centre_crop(copy: Path) -> None:
    """Resized to the whole input."""
    change_json(
        copy / "preprocessor_config.json",
        size={"height": 40, "width": 40},
        do_center_crop=True,
        crop_size={"height": 32, "width": 32},
    )
    classifier = load(copy)
    image = make_picture().resize((64, 64))
    whole = ViTImageProcessor(size={"height": 32, "width": 32})(image, return_tensors="pt")["pixel_values"]
    assert torch.equal(classifier.precropped_transform(image), whole[0])
    assert classifier.transform(image).shape == whole[0].shape
    assert not torch.equal(classifier.transform(image), whole[0])


def test_labels_in_another_order_give_the_same_classes(copy: Path) -> None:
    """Read by name and said in the record."""
    before = load(copy)
    wnids = [info.wnid for info in load_classes()][::-1]
    change_json(copy / "config.json", id2label=dict(enumerate(wnids)), label2id=None)
    after = load(copy)
    inputs = before.transform(make_picture())[None]
    assert torch.equal(after.module(inputs), before.module(inputs).flip(1))
    assert str(after.record.class_map).startswith("1000 outputs to 1000 classes")


def test_unnamed_labels_are_refused_and_a_class_map_helps(copy: Path, tmp_path: Path) -> None:
    """The library calls them LABEL_0, LABEL_1, ... where nobody named them."""
    change_json(copy / "config.json", id2label={n: f"LABEL_{n}" for n in range(1000)}, label2id=None)
    with pytest.raises(ModelError, match=r"'LABEL_0', which names none .* --class-map FILE"):
        load(copy)
    class_map = tmp_path / "wnids.txt"
    class_map.write_text("".join(f"{info.wnid}\n" for info in load_classes()))
    assert load(copy, class_map).record.class_map is not None


def test_weights_are_hashed_in_the_precision_of_their_file(vit: Path) -> None:
    """So that the same weights have one hash."""
    classifier = load(vit)
    assert classifier.record.weights_sha256 == hash_state_dict(classifier.module.state_dict())


def _drop_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    del state["classifier.bias"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def _widen_head(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state["classifier.bias"] = torch.zeros(7)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def _use_pickle(folder: Path, content: Any) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")


class _Anything:
    """Nothing that weights are made of."""


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (_drop_tensor, ModelError, "lack 1 of the model's tensors, such as 'classifier.bias'"),
        (_widen_head, ModelError, r"'classifier.bias' has shape \(7,\) in the file and \(1000,\) in the"),
        (lambda f: (f / "preprocessor_config.json").unlink(), DataError, "holds no preprocessor_config.json"),
        (lambda f: (f / "model.safetensors").unlink(), DataError, "holds no weights for torch"),
        (lambda f: (f / "config.json").unlink(), DataError, "not a folder that transformers saved"),
        (lambda f: (f / "config.json").write_text("[1]"), DataError, "must be a JSON object"),
        (lambda f: (f / "config.json").write_text("{"), DataError, "is not valid JSON"),
        (lambda f: (f / "model.safetensors").write_bytes(b"junk"), ImagenetGError, "."),
        (lambda f: _use_pickle(f, {"a": _Anything()}), UntrustedFileError, "could run code"),
        (
            lambda f: change_json(f / "config.json", architectures=["ViTModel"]),
            ModelError,
            "is a ViTModel, which has no classifier",
        ),
        (
            lambda f: change_json(f / "config.json", model_type="odd", auto_map={"AutoModel": "m.M"}),
            ModelError,
            "needs Python code of its own repository, which is never run",
        ),
        (
            lambda f: change_json(f / "config.json", model_type="siglip2", architectures=["Siglip2Model"]),
            ModelError,
            r"images of any shape \(NaFlex\).*such as google/siglip2-base-patch16-224\. .*score ANSWERS",
        ),
        (
            lambda f: change_json(f / "config.json", id2label={"0": "tench", "2": "goldfish"}),
            ModelError,
            "does not number its outputs",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_one_message(
    break_it: Any, error: type[ImagenetGError], message: str, copy: Path
) -> None:
    """Never a model with random parts."""
    break_it(copy)
    with pytest.raises(error, match=message):
        load(copy)


def test_code_beside_the_weights_is_never_run(copy: Path) -> None:
    """`auto_map` of a known kind of model is passed over: the library's own code runs."""
    (copy / "own.py").write_text("raise SystemExit('was run')\n")
    change_json(copy / "config.json", auto_map={"AutoModelForImageClassification": "own.Model"})
    assert load(copy).record.num_outputs == 1000


def test_a_pickle_of_weights_alone_loads_as_the_safetensors_do(copy: Path) -> None:
    """Older checkpoints have no other file."""
    from safetensors.torch import load_file

    before = load(copy).record.weights_sha256
    _use_pickle(copy, load_file(copy / "model.safetensors"))
    assert load(copy).record.weights_sha256 == before


def test_weights_in_several_files_load_as_one(copy: Path) -> None:
    """By the index beside them."""
    from transformers import ViTForImageClassification

    before = load(copy).record.weights_sha256
    model = ViTForImageClassification.from_pretrained(copy)
    (copy / "model.safetensors").unlink()
    model.save_pretrained(copy, max_shard_size="40KB")
    classifier = load(copy)
    assert classifier.record.weights_sha256 == before
    assert sum(path.suffix == ".safetensors" for path in classifier.files) > 1


def test_an_index_that_leads_outside_its_folder_is_refused(copy: Path) -> None:
    """Whatever lies there."""
    (copy / "model.safetensors").rename(copy.parent / "model.safetensors")
    (copy / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../model.safetensors"}}')
    with pytest.raises(DataError, match=r"names '\.\./model\.safetensors', which is outside"):
        load(copy)


def test_a_transform_goes_to_another_process(vit: Path) -> None:
    """Images are prepared by worker processes."""
    import pickle

    transform = load(vit).transform
    buffer = io.BytesIO(pickle.dumps(transform))
    assert torch.equal(pickle.load(buffer)(make_picture()), transform(make_picture()))


def test_texts_of_the_users_own_are_said_to_have_no_part_in_trained_classes(
    vit: Path, tmp_path: Path
) -> None:
    """They may be meant for another model of the same command."""
    (tmp_path / "own.txt").write_text("a drawing of a {}.\n")
    spec = f"transformers:local-dir:{vit}"
    request = ModelRequest(requested=spec, spec=parse_model_spec(spec), templates=str(tmp_path / "own.txt"))
    assert any(
        "--templates and --class-names have no part in it" in n for n in load_classifier(request).notes
    )
    assert load(vit).notes == ()
