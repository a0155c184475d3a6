"""DINOv2 and DINOv3 with a linear head from a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tiny_transformers import build_tiny_dino, build_tiny_vit

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import ImagenetGError, InputError, ModelError
from imagenet_g.benchmark.fingerprints.behaviour import make_picture
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec

WIDTH = 16
KINDS = ("dinov2", "dinov2_with_registers", "dinov3_vit")


@pytest.fixture(scope="module")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each kind, of five layers."""
    root = tmp_path_factory.mktemp("backbones")
    return {kind: build_tiny_dino(root / kind, kind) for kind in KINDS}


def load(folder: Path, head: Path | None, class_map: Path | None = None) -> Classifier:
    """Through the front door."""
    spec = f"transformers:local-dir:{folder}"
    return load_classifier(
        ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=head, class_map=class_map)
    )


def make_head(times: int, outputs: int = 1000, prefix: str = "") -> dict[str, torch.Tensor]:
    """A random head."""
    generator = torch.Generator().manual_seed(times)
    weight = torch.randn(outputs, times * WIDTH, generator=generator)
    return {f"{prefix}weight": weight, f"{prefix}bias": torch.randn(outputs, generator=generator)}


def list_states(model: Any, inputs: torch.Tensor) -> list[torch.Tensor]:
    """What every layer gives, by hooks, after the last norm."""
    layers = model.encoder.layer if hasattr(model, "encoder") else model.model.layer
    seen: list[torch.Tensor] = []
    hooks = [
        layer.register_forward_hook(
            lambda module, given, made: seen.append(made[0] if isinstance(made, tuple) else made)
        )
        for layer in layers
    ]
    with torch.inference_mode():
        model(pixel_values=inputs)
    for hook in hooks:
        hook.remove()
    norm = model.layernorm if hasattr(model, "layernorm") else model.norm
    return [norm(state) for state in seen]


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_dino_repository(
    kind: str, times: int, backbones: dict[str, Path], tmp_path: Path
) -> None:
    """Class tokens and the mean of the patches, registers left out, in the order of its `classifiers.py`."""
    from transformers import AutoModel

    head = make_head(times)
    save_file(head, tmp_path / "head.safetensors")
    classifier = load(backbones[kind], tmp_path / "head.safetensors")
    model = AutoModel.from_pretrained(backbones[kind]).eval()
    inputs = classifier.transform(make_picture())[None]
    with torch.inference_mode():
        states = list_states(model, inputs)
        first = 1 + getattr(model.config, "num_register_tokens", 0)
        mean = states[-1][:, first:].mean(dim=1)
        features = {
            1: [states[-1][:, 0]],
            2: [states[-1][:, 0], mean],
            5: [*(state[:, 0] for state in states[-4:]), mean],
        }[times]
        expected = torch.cat(features, dim=1) @ head["weight"].T + head["bias"]
        found = classifier.module(inputs)
    assert torch.allclose(found, expected, atol=1e-4)
    assert torch.equal(found.topk(5).indices, expected.topk(5).indices)


def test_a_head_of_two_widths_is_the_librarys_own_classifier(
    backbones: dict[str, Path], tmp_path: Path
) -> None:
    """As `Dinov2ForImageClassification` computes it."""
    from transformers import Dinov2ForImageClassification

    head = make_head(2)
    torch.save({f"linear.{name}": value for name, value in head.items()}, tmp_path / "head.pth")
    classifier = load(backbones["dinov2"], tmp_path / "head.pth")
    own = Dinov2ForImageClassification.from_pretrained(backbones["dinov2"], num_labels=1000).eval()
    own.classifier.load_state_dict(head)
    inputs = classifier.transform(make_picture())[None]
    with torch.inference_mode():
        assert torch.allclose(classifier.module(inputs), own(pixel_values=inputs).logits, atol=1e-5)


def test_the_record_says_which_features_were_assumed(backbones: dict[str, Path], tmp_path: Path) -> None:
    """The file does not; and the model is not the published one."""
    save_file(make_head(2), tmp_path / "head.safetensors")
    record = load(backbones["dinov2"], tmp_path / "head.safetensors").record
    assert record.spec.endswith("+checkpoint")
    assert record.assumptions is not None and "the mean of its patch tokens" in record.assumptions[0]


def test_another_head_is_another_model(backbones: dict[str, Path], tmp_path: Path) -> None:
    """The hash is of both."""
    hashes = set()
    for number in (1, 2):
        save_file({"weight": make_head(1)["weight"] * number}, tmp_path / f"{number}.safetensors")
        record = load(backbones["dinov2"], tmp_path / f"{number}.safetensors").record
        hashes.add(record.weights_sha256)
    assert len(hashes) == 2


def test_a_head_of_fewer_classes_takes_a_class_map(backbones: dict[str, Path], tmp_path: Path) -> None:
    """As any other model."""
    save_file(make_head(1, outputs=3), tmp_path / "head.safetensors")
    with pytest.raises(ModelError, match="has 3 outputs"):
        load(backbones["dinov2"], tmp_path / "head.safetensors")
    (tmp_path / "map.txt").write_text("".join(f"{info.wnid}\n" for info in load_classes()[:3]))
    classifier = load(backbones["dinov2"], tmp_path / "head.safetensors", tmp_path / "map.txt")
    assert classifier.record.num_outputs == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda head: {"weight": head["weight"][:, :-1]}, r"takes 15 features, .* gives 16 \(the class"),
        (lambda head: {**head, "more": torch.zeros(2, 2)}, "is no linear head: it holds 3 tensors"),
        (lambda head: {"bias": head["bias"]}, "is no linear head"),
        (lambda head: {**head, "bias": torch.zeros(3)}, "1000 rows do not match a bias of 3"),
        (lambda head: {"weight": head["weight"].long()}, "holds whole numbers"),
    ],
)
def test_a_file_that_is_no_head_of_this_backbone_is_refused(
    change: Callable[[Any], Any], message: str, backbones: dict[str, Path], tmp_path: Path
) -> None:
    """With what is needed."""
    changed = {name: value.contiguous() for name, value in change(make_head(1)).items()}
    save_file(changed, tmp_path / "head.safetensors")
    with pytest.raises(ModelError, match=message):
        load(backbones["dinov2"], tmp_path / "head.safetensors")


def test_a_backbone_without_a_head_says_how_to_give_one(backbones: dict[str, Path], tmp_path: Path) -> None:
    """And a head that is no file, or of another model, is one message each."""
    with pytest.raises(ModelError, match="Give its linear head with --checkpoint FILE"):
        load(backbones["dinov3_vit"], None)
    with pytest.raises(ImagenetGError, match="There is no checkpoint file"):
        load(backbones["dinov3_vit"], tmp_path / "nowhere.pth")
    save_file(make_head(1), tmp_path / "head.safetensors")
    with pytest.raises(InputError, match="--checkpoint is the linear head of a DINOv2 or DINOv3 backbone"):
        load(build_tiny_vit(tmp_path / "vit"), tmp_path / "head.safetensors")
