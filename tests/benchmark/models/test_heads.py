"""A model is a classifier of the 1000 classes, or the error says what it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.models.heads import LoadedModel, make_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.records import Preprocessing

PREPROCESSING = Preprocessing(
    input_size_px=(8, 6),
    interpolation="bilinear",
    crop_fraction=None,
    crop_mode=None,
    mean=None,
    std=None,
    description="none",
)


def make_model(module: torch.nn.Module) -> LoadedModel:
    """A module as a library hands it over."""
    return LoadedModel(
        spec="python:a:b",
        module=module,
        preprocessing=PREPROCESSING,
        transform=lambda image: torch.zeros(3, 8, 6),
        precropped_transform=lambda image: torch.zeros(3, 8, 6),
    )


def make_request(class_map: Path | None = None) -> ModelRequest:
    """Asked for with or without a class map."""
    return ModelRequest(requested="python:a:b", spec=parse_model_spec("python:a:b"), class_map=class_map)


def make_linear(num_outputs: int) -> torch.nn.Module:
    """The smallest classifier of 8 x 6 images."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 6, num_outputs))


class Broken(torch.nn.Module):
    """Gives back something that cannot be scored."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, images: torch.Tensor) -> object:
        """The same for any image."""
        if isinstance(self.output, Exception):
            raise self.output
        return self.output


def test_a_head_of_1000_is_taken_as_it_is() -> None:
    """Frozen, in eval mode, hashed and counted."""
    module = make_linear(1000).train()
    classifier = make_classifier(make_request(), make_model(module))
    assert not classifier.module.training
    assert not any(parameter.requires_grad for parameter in classifier.module.parameters())
    assert classifier.record.weights_sha256 == hash_state_dict(module.state_dict())
    assert (classifier.record.num_parameters, classifier.record.num_outputs) == (145_000, 1000)
    assert classifier.record.class_map is None


@pytest.mark.parametrize(
    ("outputs", "hint"), [(10, "--class-map"), (21841, "--class-map"), (1001, "background")]
)
def test_any_other_head_is_refused_with_the_way_out(outputs: int, hint: str) -> None:
    """Never guessed."""
    with pytest.raises(ModelError, match=f"has {outputs} outputs.*{hint}"):
        make_classifier(make_request(), make_model(make_linear(outputs)))


def test_outputs_that_an_earlier_run_counted_are_not_counted_again() -> None:
    """The model is not run; a number that is not 1000 is refused all the same."""
    broken = make_model(Broken(ValueError("it was run")))
    assert make_classifier(replace(make_request(), num_outputs=1000), broken).record.num_outputs == 1000
    with pytest.raises(ModelError, match="no classification head"):
        make_classifier(replace(make_request(), num_outputs=0), broken)


def test_features_are_not_a_head() -> None:
    """A model without outputs cannot be mapped."""
    with pytest.raises(ModelError, match="no classification head"):
        make_classifier(make_request(), make_model(Broken(torch.zeros(1, 0))))


def test_a_class_map_puts_a_small_head_in_its_places(tmp_path: Path) -> None:
    """The record says how, and that there were 3 outputs."""
    wnids = [info.wnid for info in load_classes()]
    (tmp_path / "m.txt").write_text(f"{wnids[7]}\n-\n{wnids[2]}\n")
    module = make_linear(3)
    classifier = make_classifier(make_request(tmp_path / "m.txt"), make_model(module))
    images = torch.ones(2, 3, 8, 6)
    logits, own = classifier.module(images), module(images)
    assert logits.shape == (2, 1000)
    assert torch.equal(logits[:, [7, 2]], own[:, [0, 2]])
    assert int(torch.isfinite(logits).sum()) == 4
    assert classifier.record.num_outputs == 3
    assert classifier.record.class_map is not None
    assert classifier.record.class_map.startswith("3 outputs to 2 classes")


def test_a_class_map_of_another_length_is_refused(tmp_path: Path) -> None:
    """One entry for each output."""
    (tmp_path / "m.txt").write_text(f"{load_classes()[0].wnid}\n")
    with pytest.raises(InputError, match="has 1 entry, and the model has 3 outputs"):
        make_classifier(make_request(tmp_path / "m.txt"), make_model(make_linear(3)))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.full((1, 1000), float("nan")), "NaN or infinity"),
        (torch.zeros(1000), r"shape \(1000,\)"),
        (torch.zeros(1, 1000, 7, 7), r"shape \(1, 1000, 7, 7\)"),
        ({"logits": torch.zeros(1, 1000)}, "gives dict"),
        (
            RuntimeError("mat1 and mat2 do not match\nmore"),
            "does not run on one image of 3 x 8 x 6: mat1 and mat2",
        ),
    ],
)
def test_outputs_that_cannot_be_scored_are_refused(output: object, message: str) -> None:
    """Before a single image is read."""
    with pytest.raises(ModelError, match=message):
        make_classifier(make_request(), make_model(Broken(output)))


def test_half_precision_weights_are_hashed_as_they_are_and_run_in_float32() -> None:
    """The hash is of the weights as stored."""
    module = make_linear(1000).bfloat16()
    stored = hash_state_dict(module.state_dict())
    classifier = make_classifier(make_request(), make_model(module))
    assert classifier.record.weights_sha256 == stored
    assert classifier.module(torch.zeros(1, 3, 8, 6)).dtype == torch.float32
