"""What weights do not say is said, and recorded, by every library."""

from __future__ import annotations

import json
import re
from pathlib import Path

import open_clip
import pytest
import timm
import torch
import torchvision
from open_clip.transformer import QuickGELU
from safetensors.torch import save_file
from tiny_clip import CONFIG, build_tiny_clip

from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.clip_models import make_model
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.records import ModelRecord, is_same_model

PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


def load(spec: str, checkpoint: Path | None = None) -> Classifier:
    """Through the front door."""
    return load_classifier(
        ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=checkpoint, templates="single")
    )


def get_only(classifier: Classifier) -> str:
    """The one assumption: said, and in the record."""
    (text,) = classifier.record.assumptions or ()
    assert classifier.notes[-1] == text
    assert "\n" not in text
    return text


def count_quick(classifier: Classifier) -> int:
    """Layers that run with QuickGELU."""
    return sum(isinstance(part, QuickGELU) for part in classifier.module.modules())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two names of open_clip's own stand for a tiny architecture; and weights for it."""
    for name, extra in (("ViT-B-32", {}), ("ViT-B-32-quickgelu", {"quick_gelu": True})):
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, {**CONFIG, **extra})
    return build_tiny_clip(tmp_path / "built") / "open_clip_model.safetensors"


@pytest.mark.parametrize(
    ("name", "activation", "twin"),
    [
        ("ViT-B-32", "GELU", "made with QuickGELU .* name 'open_clip:ViT-B-32-quickgelu'"),
        ("ViT-B-32-quickgelu", "QuickGELU", "made with GELU .* name 'open_clip:ViT-B-32'"),
    ],
)
def test_own_clip_weights_without_a_tag_name_the_activation_and_its_twin(
    name: str, activation: str, twin: str, tiny: Path
) -> None:
    """Either name may be the wrong one; the preprocessing is a guess as well."""
    classifier = load(f"open_clip:{name}", tiny)
    text = get_only(classifier)
    assert f"with the activation {activation} and" in text
    assert (
        "32 x 32, bicubic, crop 1 (shortest), mean (0.481, 0.458, 0.408), std (0.269, 0.261, 0.276)" in text
    )
    assert re.search(twin, text)
    assert (count_quick(classifier) > 0) == (activation == "QuickGELU")


def test_the_tag_of_own_clip_weights_decides_the_activation(tiny: Path) -> None:
    """OpenAI's and LAION's weights of one architecture differ in it."""
    openai, laion = (load(f"open_clip:ViT-B-32/{tag}", tiny) for tag in ("openai", "laion2b_s34b_b79k"))
    assert "as 'openai' was with the activation QuickGELU" in get_only(openai)
    assert "as 'laion2b_s34b_b79k' was with the activation GELU" in get_only(laion)
    assert (count_quick(openai), count_quick(laion)) == (3, 0)  # one a layer: two of images, one of text


def test_published_weights_run_with_the_activation_they_were_made_with(tiny: Path) -> None:
    """open_clip itself builds the architecture's and warns."""
    made = make_model(parse_model_spec("open_clip:ViT-B-32/openai"), load_weights=False)
    assert any(isinstance(part, QuickGELU) for part in made.modules())


def test_a_file_of_openai_shows_its_activation(tiny: Path, tmp_path: Path) -> None:
    """Its archive holds three sizes beside the weights."""
    sizes = {name: torch.tensor(1) for name in ("input_resolution", "context_length", "vocab_size")}
    torch.save({**open_clip.CLIP(**CONFIG).state_dict(), **sizes}, tmp_path / "w.pt")
    classifier = load("open_clip:ViT-B-32", tmp_path / "w.pt")
    assert "QuickGELU, which the file shows" in get_only(classifier)
    assert count_quick(classifier) == 3


@pytest.mark.parametrize(
    ("quick", "preprocess", "said"),
    [
        ({}, PREPROCESS, "no 'quick_gelu': the activation GELU is assumed"),
        ({"quick_gelu": False}, PREPROCESS, None),
        ({"quick_gelu": True}, PREPROCESS, None),
        ({"quick_gelu": True}, {"mean": [0.5] * 3}, "no 'std', 'interpolation', 'resize_mode'"),
    ],
)
def test_what_a_saved_clip_leaves_open_is_said(
    quick: dict[str, bool], preprocess: dict[str, object], said: str | None, tmp_path: Path
) -> None:
    """And nothing where its configuration is whole."""
    folder = build_tiny_clip(tmp_path / "clip")
    text = json.dumps({"model_cfg": {**CONFIG, **quick}, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    classifier = load(f"open_clip:local-dir:{folder}")
    if said is None:
        assert classifier.record.assumptions == ()
    else:
        assert said in get_only(classifier)
        assert str(tmp_path) not in get_only(classifier)


def test_a_transformers_config_beside_a_saved_clip_decides_its_activation(tmp_path: Path) -> None:
    """Where open_clip's own says nothing."""
    folder = build_tiny_clip(tmp_path / "clip")
    towers = {"vision_config": {"hidden_act": "quick_gelu"}, "text_config": {"hidden_act": "quick_gelu"}}
    (folder / "config.json").write_text(json.dumps(towers))
    assert count_quick(load(f"open_clip:local-dir:{folder}")) == 3


def test_own_timm_weights_say_whose_preprocessing_they_run_with(tmp_path: Path) -> None:
    """That of the architecture's default tag."""
    module = timm.create_model("test_vit")
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    text = get_only(load("timm:test_vit", tmp_path / "w.safetensors"))
    assert (
        "preprocessing of 'timm:test_vit.r160_in1k': 160 x 160, bicubic, crop 0.95 (center), mean (0.5"
        in text
    )


def test_a_timm_folder_without_preprocessing_says_what_is_assumed(tmp_path: Path) -> None:
    """A configuration of a name only."""
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_vit", "num_classes": 1000}))
    assert "config.json has no 'mean', 'std'" in get_only(load(f"timm:local-dir:{tmp_path}"))


def test_own_torchvision_weights_say_whose_preprocessing_they_run_with(tmp_path: Path) -> None:
    """That of the default weights, unless others are named."""
    torch.save(torchvision.models.shufflenet_v2_x0_5().state_dict(), tmp_path / "w.pt")
    text = get_only(load("torchvision:shufflenet_v2_x0_5", tmp_path / "w.pt"))
    assert "'torchvision:shufflenet_v2_x0_5/IMAGENET1K_V1': 224 x 224, bilinear, crop 0.875" in text


def test_shipped_models_assume_nothing() -> None:
    """Their training is in the package."""
    assert load("open_clip:packaged:mini-clip").record.assumptions == ()


def test_records_written_before_are_of_the_same_model() -> None:
    """The words were not recorded then; a run of the same weights is the same model."""
    record = load("open_clip:packaged:mini-clip").record
    earlier = record.model_dump(mode="json")
    del earlier["assumptions"]
    assert is_same_model(ModelRecord.model_validate(earlier), record)
