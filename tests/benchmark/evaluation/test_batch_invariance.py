"""Batch size, order and neighbours decide nothing, for a model of each library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from toy_models import make_toy_classifier, make_toy_split

from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.passes import run_inference
from imagenet_g.benchmark.inference.running_model import InferenceOutcome
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.packaged import list_packaged_models
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

ROWS = range(0, 1040, 31)
"""34 images of as many classes: with a batch of 32, two are left over."""
LIBRARIES = ("timm", "open_clip", "torchvision", "wheel", "python")


@cache
def load(library: str) -> Classifier:
    """A model with answers that are far apart."""
    spec = {
        "timm": f"timm:packaged:{list_packaged_models('timm')[0]}",
        "open_clip": "open_clip:packaged:mini-clip",
        "wheel": "wheel:efficientnet-lite0",
        "python": "python:small_models:make_wrapped_model",
    }[library]
    request = ModelRequest(requested=spec, spec=parse_model_spec(spec), templates="single")
    return load_classifier(request)


@pytest.fixture(scope="module", params=LIBRARIES)
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """One of each library."""
    if request.param == "wheel":
        return shrink(load(request.param))
    if request.param != "torchvision":
        return load(request.param)
    # None of torchvision's weights ship: random ones, with a head whose answers are far apart.
    torch.manual_seed(0)
    module = torchvision.models.shufflenet_v2_x0_5()
    torch.nn.init.normal_(module.fc.weight, std=3.0)
    path = tmp_path_factory.mktemp("weights") / "w.pt"
    torch.save(module.state_dict(), path)
    spec = "torchvision:shufflenet_v2_x0_5"
    return shrink(load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), checkpoint=path)))


def shrink(classifier: Classifier) -> Classifier:
    """A network of convolutions with inputs of 96 pixels, for speed."""

    def transform(image: Image.Image) -> torch.Tensor:
        return torch.nn.functional.interpolate(classifier.precropped_transform(image)[None], 96)[0]

    return replace(classifier, transform=transform, precropped_transform=transform)


@cache
def load_images() -> Split:
    """Photographs' stand-ins that ship with the package."""
    return load_split(parse_split_ref("mini/real"), data={}, cache=None)


def run(
    classifier: Classifier,
    folder: Path,
    rows: Sequence[int] = ROWS,
    *,
    batch_size: int,
    split: Split | None = None,
) -> InferenceOutcome:
    """Predict rows."""
    return run_inference(
        classifier,
        split or load_images(),
        rows,
        class_sets={},
        settings=InferenceSettings(device="cpu", dtype="float32", batch_size=batch_size, workers=2),
        parts=PartStore(folder),
        on_progress=lambda done, total: None,
    )


class ShortOfMemory(torch.nn.Module):
    """A model on a machine that holds five images."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As the model, or an error as PyTorch's allocator raises it."""
        if len(images) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        logits: torch.Tensor = self.module(images)
        return logits


def test_batch_size_order_neighbours_and_memory_decide_nothing(
    classifier: Classifier, tmp_path: Path
) -> None:
    """Batches of 1, 7 and 32, after an out-of-memory halving, alone, and in shuffled order."""
    alone = run(classifier, tmp_path / "1", batch_size=1).predictions.top5
    order = np.random.default_rng(0).permutation(len(ROWS))
    back = np.argsort(order)
    shuffled = run(
        classifier, tmp_path / "s", [ROWS[number] for number in order], batch_size=7
    ).predictions.top5
    short = run(replace(classifier, module=ShortOfMemory(classifier.module)), tmp_path / "m", batch_size=32)
    assert short.settings.batch_size <= 4
    others = {
        "32": run(classifier, tmp_path / "32", batch_size=32).predictions.top5,
        "halved": short.predictions.top5,
    }
    for name, top5 in others.items():
        assert (top5.indices == alone.indices).all(), name
        assert top5.probabilities == pytest.approx(alone.probabilities, abs=1e-5), name
    assert (shuffled.indices[back] == alone.indices).all()
    assert shuffled.probabilities[back] == pytest.approx(alone.probabilities, abs=1e-5)


def test_a_run_states_that_it_was_checked(classifier: Classifier, tmp_path: Path) -> None:
    """With how many images, in which batch, and the difference."""
    check = run(classifier, tmp_path, ROWS[:8], batch_size=8).batch_check
    assert check is not None
    assert (check.images, check.batch_size) == (1, 8)
    assert check.max_difference < 1e-5


class Normalising(torch.nn.Module):
    """Subtracts the mean of the batch."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        return pad(images - images.mean(dim=0, keepdim=True))


class Training(torch.nn.Module):
    """Puts its BatchNorm into training mode at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        self.train()
        return pad(self.norm(images))


class Dropping(torch.nn.Module):
    """Drops at random, in evaluation too."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        return pad(torch.nn.functional.dropout(images, training=True))


class Summing(torch.nn.Module):
    """Adds up the images before each one."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        return pad(images.cumsum(dim=0))


def pad(images: torch.Tensor) -> torch.Tensor:
    """An image's values as its first logits, zero for the others."""
    flat = images.flatten(1)
    return torch.nn.functional.pad(flat, (0, 1000 - flat.shape[1]))


@pytest.mark.parametrize("make", [Normalising, Training, Dropping, Summing])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_model_whose_batch_decides_is_refused(
    make: Callable[[], torch.nn.Module], batch_size: int, tmp_path: Path
) -> None:
    """At batch size 1 as well: the answers would be those of no other batch size."""
    torch.manual_seed(0)
    classifier, _ = make_toy_classifier()
    broken = replace(classifier, module=make().eval())
    with pytest.raises(ModelError, match="another answer alone than among"):
        run(broken, tmp_path, range(4), batch_size=batch_size, split=make_toy_split([1, 100, 200, 300]))


class Amplifying(torch.nn.Module):
    """Gives the logits of a batch the noise that a head with weights of a million makes of float32."""

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` of one clear answer."""
        logits = 40.0 * torch.nn.functional.one_hot((images[:, 0, 0, 0] * 255).long(), 1000).float()
        return logits + self.noise * (len(images) > 1) * torch.arange(1000) / 1000


@pytest.mark.parametrize(("noise", "refused"), [(4.0, False), (80.0, True)])
def test_noise_in_the_logits_is_refused_only_where_it_reaches_an_answer(
    noise: float, refused: bool, tmp_path: Path
) -> None:
    """Least squares fit such heads; their first class is 20 above the rest."""
    classifier, _ = make_toy_classifier()
    noisy, split = replace(classifier, module=Amplifying(noise).eval()), make_toy_split([1, 100, 200, 250])
    if refused:
        with pytest.raises(ModelError, match="another answer alone than among"):
            run(noisy, tmp_path, range(4), batch_size=4, split=split)
    else:
        assert run(noisy, tmp_path, range(4), batch_size=4, split=split).num_computed == 4


class FixedSize(torch.nn.Module):
    """Takes four images at a time, as a compiled engine may."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        if len(images) != 4:
            raise TypeError("the engine was built for four")
        return torch.zeros(4, 1000)


def test_a_model_that_cannot_be_checked_alone_is_one_message(tmp_path: Path) -> None:
    """With its own words."""
    fixed = replace(make_toy_classifier()[0], module=FixedSize().eval())
    with pytest.raises(ModelError, match="one or two images: TypeError: the engine was built for four"):
        run(fixed, tmp_path, range(4), batch_size=4, split=make_toy_split([1, 100, 200, 250]))
