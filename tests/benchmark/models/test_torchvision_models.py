"""Models of torchvision with the preprocessing of their weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import FetchError, ModelError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec


def load(spec: str, checkpoint: Path | None = None, class_map: Path | None = None) -> Classifier:
    """Through the front door."""
    return load_classifier(
        ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=checkpoint, class_map=class_map)
    )


def save_squeezenet(path: Path, num_classes: int = 1000) -> torch.nn.Module:
    """Random weights on disk."""
    torch.manual_seed(0)
    module: torch.nn.Module = models.squeezenet1_1(weights=None, num_classes=num_classes).eval()
    torch.save(module.state_dict(), path)
    return module


def make_image(size: tuple[int, int] = (300, 260)) -> Image.Image:
    """Noise."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_logits_and_transform_equal_torchvisions_own(tmp_path: Path) -> None:
    """Same weights, the weights' own transform."""
    module = save_squeezenet(tmp_path / "w.pth")
    classifier = load("torchvision:squeezenet1_1/IMAGENET1K_V1", tmp_path / "w.pth")
    expected = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()(make_image())
    assert torch.equal(classifier.transform(make_image()), expected)
    with torch.no_grad():
        assert torch.equal(classifier.module(expected[None]), module(expected[None]))


def test_the_record_says_what_was_loaded(tmp_path: Path) -> None:
    """Own weights end the spec."""
    module = save_squeezenet(tmp_path / "w.pth")
    record = load("torchvision:squeezenet1_1", tmp_path / "w.pth").record
    assert record.spec == "torchvision:squeezenet1_1+checkpoint"
    assert record.weights_sha256 == hash_state_dict(module.state_dict())
    assert record.preprocessing.input_size_px == (224, 224)
    assert record.preprocessing.crop_fraction == 224 / 256
    assert record.preprocessing.interpolation == "bilinear"
    assert record.training_data is None


def test_precropped_images_keep_every_pixel(tmp_path: Path) -> None:
    """A 224 image is only normalised."""
    save_squeezenet(tmp_path / "w.pth")
    classifier = load("torchvision:squeezenet1_1", tmp_path / "w.pth")
    image = make_image((224, 224))
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (pixels - mean[:, None, None]) / std[:, None, None]
    assert torch.allclose(classifier.precropped_transform(image), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "size", "resize", "interpolation"),
    [
        ("torchvision:efficientnet_b1/IMAGENET1K_V2", 240, 255, "bilinear"),
        ("torchvision:swin_v2_t/IMAGENET1K_V1", 256, 260, "bicubic"),
        ("torchvision:vit_b_16/IMAGENET1K_SWAG_E2E_V1", 384, 384, "bicubic"),
    ],
)
def test_each_weights_transform_is_described(spec: str, size: int, resize: int, interpolation: str) -> None:
    """Figures from torchvision's own documentation of the weights."""
    from imagenet_g.benchmark.models.torchvision_models import describe_preset

    name, _, tag = spec.removeprefix("torchvision:").partition("/")
    described = describe_preset(models.get_model_weights(name)[tag].transforms())
    assert described.input_size_px == (size, size)
    assert described.crop_fraction == size / resize
    assert described.interpolation == interpolation


def test_ten_classes_load_with_a_class_map(tmp_path: Path) -> None:
    """The map's length sizes the head."""
    save_squeezenet(tmp_path / "w.pth", num_classes=10)
    with pytest.raises(ModelError, match=r"'classifier\.1\.weight'.*--class-map"):
        load("torchvision:squeezenet1_1", tmp_path / "w.pth")
    (tmp_path / "m.txt").write_text("\n".join(info.wnid for info in load_classes()[:10]))
    record = load("torchvision:squeezenet1_1", tmp_path / "w.pth", tmp_path / "m.txt").record
    assert record.num_outputs == 10


def test_without_a_network_the_url_and_its_place_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that somebody can carry the file over."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("imagenet_g.benchmark.hub.fetching.find_obstacle", lambda url, on_hub: "no network")
    message = (
        r"Cannot fetch 'resnet50-\w+\.pth' from https://download\.pytorch\.org \(no network\).*--checkpoint"
    )
    with pytest.raises(FetchError, match=message):
        load("torchvision:resnet50")


def test_weights_in_torchs_cache_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files put there by hand are used, and checked by torchvision against the hash in their name."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    module = save_squeezenet(folder / Path(models.SqueezeNet1_1_Weights.DEFAULT.url).name)
    classifier = load("torchvision:squeezenet1_1")
    assert classifier.record.spec == "torchvision:squeezenet1_1/IMAGENET1K_V1"
    assert classifier.record.weights_sha256 == hash_state_dict(module.state_dict())
    assert classifier.record.training_data == "imagenet-1k"


def test_older_densenet_files_load_under_their_old_names(tmp_path: Path) -> None:
    """As torchvision renames them itself; they have no counters of batches either."""
    torch.manual_seed(0)
    module = models.densenet121(weights=None)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): value
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "w.pth")
    record = load("torchvision:densenet121", tmp_path / "w.pth").record
    assert record.weights_sha256 == hash_state_dict(module.state_dict())


def test_googlenet_loads_without_its_auxiliary_classifiers(tmp_path: Path) -> None:
    """Torchvision removes them from its own weights, so saved models lack them."""
    torch.manual_seed(0)
    module = models.googlenet(weights=None, init_weights=False, aux_logits=False)
    torch.save({f"model.{name}": value for name, value in module.state_dict().items()}, tmp_path / "w.pth")
    classifier = load("torchvision:googlenet", tmp_path / "w.pth")
    assert classifier.record.weights_sha256 == hash_state_dict(module.state_dict())
    assert "'model.' taken away" in classifier.notes[0]


def test_a_tensor_that_the_model_has_not_is_refused_by_name(tmp_path: Path) -> None:
    """With a class map too."""
    module = save_squeezenet(tmp_path / "w.pth", num_classes=10)
    torch.save({**module.state_dict(), "extra.weight": torch.ones(3)}, tmp_path / "w.pth")
    (tmp_path / "m.txt").write_text("\n".join(info.wnid for info in load_classes()[:10]))
    with pytest.raises(ModelError, match=r"it has 'extra\.weight' of shape \(3,\)"):
        load("torchvision:squeezenet1_1", tmp_path / "w.pth", tmp_path / "m.txt")
