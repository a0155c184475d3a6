"""Models of timm: the same numbers as timm's own validate script would use."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data.model_config import resolve_input_data_config
from timm.data.transforms_factory import create_transform

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, FetchError, ImagenetGError, ModelError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.timm_transforms import build_timm_transform, resolve_timm_config
from imagenet_g.benchmark.naming.specs import parse_model_spec

SMALL = ("test_resnet", "test_vit", "test_efficientnet", "test_convnext")


def load(spec: str, checkpoint: Path | None = None, class_map: Path | None = None) -> Classifier:
    """Through the front door."""
    return load_classifier(
        ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=checkpoint, class_map=class_map)
    )


def make_image(width: int = 500, height: int = 375) -> Image.Image:
    """Noise, smooth enough that interpolation matters."""
    pixels = np.random.default_rng(0).integers(0, 256, (height // 5, width // 5, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)


def save_checkpoint(name: str, path: Path, **options: Any) -> Any:
    """A random model and its weights on disk."""
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False, **options).eval()
    save_file(module.state_dict(), path)
    return module


@pytest.mark.parametrize("name", SMALL)
def test_logits_equal_timms_own_pipeline(name: str, tmp_path: Path) -> None:
    """Same weights, same image, timm's own transform: the same logits to the bit."""
    module = save_checkpoint(name, tmp_path / "w.safetensors")
    classifier = load(f"timm:{name}", tmp_path / "w.safetensors")
    config = resolve_input_data_config(module, {}, use_test_size=True)
    expected = create_transform(**config, is_training=False)(make_image())
    assert torch.equal(classifier.transform(make_image()), expected)
    with torch.no_grad():
        assert torch.equal(classifier.module(expected[None]), module(expected[None]))


@pytest.mark.parametrize(
    "name",
    [
        "resnet50.a1_in1k",
        "convnext_tiny.fb_in22k_ft_in1k",
        "eva02_tiny_patch14_336.mim_in22k_ft_in1k",
        "efficientnetv2_rw_t.ra2_in1k",
        "beit_base_patch16_224.in22k_ft_in22k_in1k",
    ],
)
def test_test_time_size_and_crop_are_timms(name: str) -> None:
    """Models with a larger test size, a crop of 1.0, other means, or a fixed input size."""
    with torch.device("meta"):
        module: Any = timm.create_model(name, pretrained=False)
    config = resolve_timm_config(module)
    assert config == resolve_input_data_config(module, {}, use_test_size=True)
    assert config["input_size"] == (
        module.pretrained_cfg.get("test_input_size") or module.pretrained_cfg["input_size"]
    )
    assert build_timm_transform(config)(make_image()).shape == config["input_size"]


def test_the_record_says_what_was_loaded(tmp_path: Path) -> None:
    """Own weights end the spec, and claim no training data."""
    module = save_checkpoint("test_resnet", tmp_path / "w.safetensors")
    classifier = load("timm:test_resnet", tmp_path / "w.safetensors")
    record = classifier.record
    assert record.requested == "timm:test_resnet"
    assert record.spec == "timm:test_resnet.r160_in1k+checkpoint"
    assert record.weights_sha256 == hash_state_dict(module.state_dict())
    assert record.num_parameters == sum(p.numel() for p in module.parameters())
    assert record.preprocessing.input_size_px == (160, 160)
    assert record.preprocessing.interpolation == module.pretrained_cfg["interpolation"]
    assert record.preprocessing.crop_fraction == module.pretrained_cfg["crop_pct"]
    assert record.training_data is None and record.generated_training_data is None
    assert classifier.files == (tmp_path / "w.safetensors",)


def test_precropped_images_are_resized_but_never_cropped(tmp_path: Path) -> None:
    """A 224 image becomes the whole input: its corners survive."""
    save_checkpoint("test_resnet", tmp_path / "w.safetensors")
    classifier = load("timm:test_resnet", tmp_path / "w.safetensors")
    image = make_image(224, 224)
    expected = create_transform(
        **{**resolve_timm_config(classifier.module), "crop_pct": 1.0}, is_training=False
    )(image)
    assert torch.equal(classifier.precropped_transform(image), expected)
    assert not torch.equal(classifier.transform(image), expected)


@pytest.mark.parametrize("wrap", ["state_dict", "model"])
def test_training_checkpoints_of_timm_load(wrap: str, tmp_path: Path) -> None:
    """With the prefix of data-parallel training."""
    module = save_checkpoint("test_vit", tmp_path / "w.safetensors")
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    torch.save({wrap: state, "epoch": 1}, tmp_path / "w.pth.tar")
    assert load("timm:test_vit", tmp_path / "w.pth.tar").record.weights_sha256 == hash_state_dict(
        module.state_dict()
    )


def test_published_formats_that_timm_converts_load(tmp_path: Path) -> None:
    """Timm's hub copies of some families keep their authors' key names."""
    torch.manual_seed(0)
    module = timm.create_model("test_convnext", pretrained=False)
    renamed = {"stem.": "downsample_layers.0.", "head.norm.": "norm.", "head.fc.": "head."}
    foreign = {}
    for name, value in module.state_dict().items():
        prefix = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        foreign[renamed.get(prefix, "") + name.removeprefix(prefix)] = value
    assert set(foreign) != set(module.state_dict())
    torch.save(foreign, tmp_path / "w.pth")
    record = load("timm:test_convnext", tmp_path / "w.pth").record
    assert record.weights_sha256 == hash_state_dict(module.state_dict())


def test_a_checkpoint_of_another_shape_names_the_first_key(tmp_path: Path) -> None:
    """Both shapes are said."""
    save_checkpoint("test_resnet", tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"'conv1\.0\.weight'|'cls_token'|'patch_embed"):
        load("timm:test_vit", tmp_path / "w.safetensors")


def test_ten_classes_point_to_the_class_map_and_load_with_one(tmp_path: Path) -> None:
    """The map's length sizes the head of your own weights."""
    module = save_checkpoint("test_resnet", tmp_path / "w.safetensors", num_classes=10)
    with pytest.raises(ModelError, match=r"'fc\.weight'.*--class-map"):
        load("timm:test_resnet", tmp_path / "w.safetensors")
    wnids = [info.wnid for info in load_classes()][990:]
    (tmp_path / "map.txt").write_text("\n".join(wnids))
    classifier = load("timm:test_resnet", tmp_path / "w.safetensors", tmp_path / "map.txt")
    images = torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        assert torch.equal(classifier.module(images)[:, 990:], module(images))
    assert classifier.record.num_outputs == 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("timm:vit_base_patch16_224.augreg_in21k", "has 21843 outputs.*--class-map"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "no classification head"),
    ],
)
def test_other_heads_are_refused_before_anything_is_fetched(spec: str, message: str) -> None:
    """The network is not asked for weights that cannot be scored."""
    with pytest.raises(ModelError, match=message):
        load(spec)


def save_folder(folder: Path, num_classes: int = 1000) -> torch.nn.Module:
    """A folder as timm itself saves a model for the hub."""
    torch.manual_seed(0)
    module: torch.nn.Module = timm.create_model("test_vit", pretrained=False, num_classes=num_classes)
    options = {"num_classes": num_classes, "pretrained_cfg": {"mean": [0.4, 0.5, 0.6]}}
    timm.models.save_for_hf(module, str(folder), model_config=options, safe_serialization=True)
    return module


def test_a_local_folder_loads_with_its_own_preprocessing(tmp_path: Path) -> None:
    """Config and weights both come from the folder."""
    module = save_folder(tmp_path / "m")
    classifier = load(f"timm:local-dir:{tmp_path / 'm'}")
    assert classifier.record.weights_sha256 == hash_state_dict(module.state_dict())
    assert classifier.record.preprocessing.mean == (0.4, 0.5, 0.6)
    assert classifier.record.spec == f"timm:local-dir:{tmp_path / 'm'}"


def test_a_local_model_of_ten_classes_is_refused(tmp_path: Path) -> None:
    """The count is said."""
    save_folder(tmp_path / "m", num_classes=10)
    with pytest.raises(ModelError, match="has 10 outputs"):
        load(f"timm:local-dir:{tmp_path / 'm'}")


def test_a_malicious_local_folder_is_refused(tmp_path: Path) -> None:
    """Its weights are read as safely as any checkpoint."""
    save_folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(torch.nn.Linear(1, 1), tmp_path / "pytorch_model.bin")
    with pytest.raises(ImagenetGError, match="could run code"):
        load(f"timm:local-dir:{tmp_path}")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_an_incomplete_local_folder_is_said_to_be(missing: str, tmp_path: Path) -> None:
    """With the file that is missing."""
    save_folder(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=missing):
        load(f"timm:local-dir:{tmp_path}")


def test_a_malformed_local_config_is_one_clear_error(tmp_path: Path) -> None:
    """Not a traceback from inside the library."""
    save_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"architecture": "no_such_net"}')
    with pytest.raises(ModelError, match="cannot be built"):
        load(f"timm:local-dir:{tmp_path}")


def test_weights_only_at_a_url_say_where_to_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few timm models are not on the hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("imagenet_g.benchmark.hub.fetching.find_obstacle", lambda url, on_hub: "no network")
    with pytest.raises(FetchError, match=r"gcvit_base_224_nvidia.*save it as"):
        load("timm:gcvit_base.in1k")
