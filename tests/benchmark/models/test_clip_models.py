"""Zero-shot CLIP through open_clip, on a tiny model with random weights."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from imagenet_g.benchmark.errors import DataError, FetchError, InputError, ModelError, UntrustedFileError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.clip_models import find_tower_files, make_model
from imagenet_g.benchmark.naming.specs import ModelSpec, parse_model_spec
from imagenet_g.benchmark.texts.heads import build_head
from imagenet_g.benchmark.texts.prompts import load_templates

CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}
PREPROCESS = {
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.3, 0.2],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as open_clip writes one."""
    path = tmp_path_factory.mktemp("clip")
    (path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": CONFIG, "preprocess_cfg": PREPROCESS})
    )
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**CONFIG).state_dict(), path / "open_clip_model.safetensors")
    return path


@cache
def load(spec: str, *, checkpoint: Path | None = None, class_map: Path | None = None) -> Classifier:
    """Through the front door, once each, with the one short template."""
    return load_classifier(
        ModelRequest(
            requested=spec,
            spec=parse_model_spec(spec),
            checkpoint=checkpoint,
            class_map=class_map,
            templates="single",
        )
    )


def make_image() -> Image.Image:
    """Noise."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8))


def test_logits_equal_open_clips_own_zero_shot_recipe(folder: Path) -> None:
    """Its model, transform, tokenizer and head builder, put together by hand."""
    name = f"local-dir:{folder}"
    classifier = load(f"open_clip:{name}")
    model, transform = open_clip.create_model_from_pretrained(name)
    model.eval()
    head = open_clip.build_zero_shot_classifier(
        model, open_clip.get_tokenizer(name), open_clip.IMAGENET_CLASSNAMES, ("a photo of a {}.",)
    )
    images = transform(make_image())[None]
    assert torch.equal(classifier.transform(make_image()), images[0])
    with torch.no_grad():
        features = model.encode_image(images, normalize=True)
        expected = model.logit_scale.exp() * features @ head
        assert torch.allclose(classifier.module(images), expected, atol=1e-5)


def test_image_embeddings_equal_open_clips_own(folder: Path) -> None:
    """Of length 1, in the order of the images."""
    images = [make_image(), make_image().rotate(90)]
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    with torch.no_grad():
        expected = model.eval().encode_image(
            torch.stack([transform(image) for image in images]), normalize=True
        )
    embeddings = load(f"open_clip:local-dir:{folder}").encode_images(images)
    assert torch.allclose(embeddings, expected, atol=1e-6)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(2))


def test_the_80_templates_are_averaged_as_open_clip_does(folder: Path) -> None:
    """On ten classes, to keep it short; all else is as in use."""
    name, names = f"local-dir:{folder}", open_clip.IMAGENET_CLASSNAMES[:10]
    model = open_clip.create_model(name).eval()
    tokenizer = open_clip.get_tokenizer(name)
    expected = open_clip.build_zero_shot_classifier(
        model, tokenizer, names, open_clip.OPENAI_IMAGENET_TEMPLATES
    )
    head = build_head(model, tokenizer, load_templates("openai-80"), names)
    assert (head - expected).abs().max() <= 1e-6
    assert torch.allclose(head.norm(dim=0), torch.ones(10))


def test_the_record_says_what_was_loaded(folder: Path) -> None:
    """Weights of the whole model, preprocessing of the folder, and the text side."""
    classifier = load(f"open_clip:local-dir:{folder}")
    record = classifier.record
    model = open_clip.create_model(f"local-dir:{folder}")
    assert record.spec == f"open_clip:local-dir:{folder}"
    assert record.weights_sha256 == hash_state_dict(model.state_dict())
    assert record.num_parameters == sum(p.numel() for p in model.parameters())
    assert record.preprocessing.input_size_px == (32, 32)
    assert record.preprocessing.mean == (0.4, 0.5, 0.6)
    assert record.preprocessing.crop_mode == "squash"
    assert record.zero_shot is not None
    assert (record.zero_shot.templates, record.zero_shot.num_templates) == ("single", 1)
    assert record.num_outputs == 1000
    names = [path.name for path in classifier.files]
    assert names == ["open_clip_model.safetensors", "open_clip_config.json"]


def test_own_weights_for_a_folder_end_its_spec(folder: Path, tmp_path: Path) -> None:
    """They need no network and need not be safetensors."""
    torch.manual_seed(1)
    model = open_clip.CLIP(**CONFIG)
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "w.pt")
    record = load(f"open_clip:local-dir:{folder}", checkpoint=tmp_path / "w.pt").record
    assert record.weights_sha256 == hash_state_dict(model.state_dict())
    assert record.spec.endswith("+checkpoint")


def test_own_weights_for_a_named_architecture_need_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preprocessing of the named weights still applies."""

    def refuse(url: str, *, on_hub: bool) -> str:
        pytest.fail("the network must not be asked")

    monkeypatch.setattr("imagenet_g.benchmark.hub.fetching.find_obstacle", refuse)
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-S-32-alt", CONFIG)
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    record = load("open_clip:ViT-S-32-alt", checkpoint=tmp_path / "w.safetensors").record
    assert record.spec == "open_clip:ViT-S-32-alt+checkpoint"
    assert record.weights_sha256 == hash_state_dict(model.state_dict())


@pytest.mark.parametrize(("spec", "mean"), [("ViT-B-16-SigLIP/webli", 0.5), ("ViT-B-32/openai", 0.48145466)])
def test_preprocessing_follows_the_named_weights(
    spec: str, mean: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the weights themselves: SigLIP and CLIP normalise differently."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, spec.partition("/")[0], CONFIG)
    model = make_model(parse_model_spec(f"open_clip:{spec}"), load_weights=False)
    assert model.visual.preprocess_cfg["mean"][0] == mean


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_a_checkpoint_that_does_not_hold_the_model_exactly_is_refused(
    change: str, folder: Path, tmp_path: Path
) -> None:
    """By the name of the tensor."""
    state = open_clip.CLIP(**CONFIG).state_dict()
    state["extra.weight"] = torch.ones(1)
    if change == "missing":
        del state["extra.weight"], state["ln_final.bias"]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"no 'ln_final\.bias'|it has 'extra\.weight'"):
        load(f"open_clip:local-dir:{folder}", checkpoint=tmp_path / "w.pt")


def test_a_checkpoint_of_another_shape_names_the_first_key(folder: Path, tmp_path: Path) -> None:
    """Both shapes are said."""
    other = open_clip.CLIP(**{**CONFIG, "embed_dim": 8})
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"'text_projection' has shape \(16, 8\) in the file and \(16, 16\)"):
        load(f"open_clip:local-dir:{folder}", checkpoint=tmp_path / "w.safetensors")


def test_a_malicious_folder_is_refused(tmp_path: Path) -> None:
    """Before open_clip sees the file."""
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG}))
    torch.save(torch.nn.Linear(1, 1), tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(UntrustedFileError, match="could run code"):
        load(f"open_clip:local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({}, DataError, "open_clip_config.json"),
        ({"open_clip_config.json": "{}"}, DataError, "holds no weights"),
        ({"open_clip_config.json": "{", "model.pth": ""}, DataError, "no valid open_clip_config.json"),
        (
            {"open_clip_config.json": '{"model_cfg": {}}', "model.pth": ""},
            DataError,
            "no valid open_clip_config",
        ),
    ],
)
def test_an_incomplete_folder_is_said_to_be(
    files: dict[str, str], error: type[Exception], message: str, tmp_path: Path
) -> None:
    """With what is missing."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=message):
        load(f"open_clip:local-dir:{tmp_path}")


def test_a_class_map_does_not_go_with_zero_shot(folder: Path) -> None:
    """Its classes are the 1000 already."""
    with pytest.raises(InputError, match="zero-shot"):
        load(f"open_clip:local-dir:{folder}", class_map=Path("m.txt"))


def test_hub_weights_and_own_weights_exclude_each_other() -> None:
    """The message says what to name instead."""
    with pytest.raises(InputError, match=r"open_clip:local-dir:PATH"):
        load("open_clip:hf-hub:org/name", checkpoint=Path("w.pth"))


def test_without_a_network_the_repository_is_named() -> None:
    """The tests run offline."""
    with pytest.raises(
        FetchError, match=r"'timm/vit_base_patch32_clip_224\.openai'.*--checkpoint.*HF_HUB_OFFLINE"
    ):
        load("open_clip:ViT-B-32/openai")


def test_the_tokenizer_of_another_repository_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its branch may move while the weights stay: the answers that are kept are then of another tokenizer."""
    monkeypatch.setattr(
        "imagenet_g.benchmark.models.clip_models.find_cached_files",
        lambda repository, names: tuple(Path(repository) / name for name in names[:2]),
    )
    found = find_tower_files(ModelSpec("open_clip", "xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k"))
    assert found == (Path("xlm-roberta-base/config.json"), Path("xlm-roberta-base/tokenizer.json"))
    assert find_tower_files(ModelSpec("open_clip", "ViT-B-32", "openai")) == ()
