"""In low precision the head stays in float32: logits against the head computed by hand, one for each kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from timm.models.deit import VisionTransformerDistilled
from torch.nn import functional
from toy_models import make_toy_classifier, make_toy_split

from factories import make_run_record
from imagenet_g.benchmark.backends.precision import find_head, hold_head, list_head_weights, lower_precision
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.evaluation.run_facts import format_run_notice
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.passes import run_inference
from imagenet_g.benchmark.models.class_maps import MappedOutputs, make_class_map
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.zero_shot import ZeroShotClassifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.references import parse_split_ref

Module = torch.nn.Module
LOWER = (torch.bfloat16, (16, 16))
LOW = [torch.bfloat16, torch.float16]


class Prototypes(Module):
    """A user's model: cosines to learned prototypes, with a learned scale; its head is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 16, 16, 16)
        self.prototypes = torch.nn.Parameter(torch.randn(1000, 16))
        self.scale = torch.nn.Parameter(torch.tensor(3.3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        return self.scale.exp() * self.embed(images) @ functional.normalize(self.prototypes, dim=-1).T

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Features of length 1."""
        return functional.normalize(self.body(images).mean(dim=(2, 3)), dim=-1)


class Clip(Module):
    """An image tower with CLIP's scale and SigLIP's bias."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = torch.nn.Conv2d(3, 16, 16, 16)
        self.logit_scale = torch.nn.Parameter(torch.tensor(4.6052))
        self.logit_bias = torch.nn.Parameter(torch.tensor(-10.3))

    def encode_image(self, images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        """Features of any length."""
        features: torch.Tensor = self.visual(images).mean(dim=(2, 3))
        return features


def make_squeezenet() -> Module:
    """Torchvision's smallest with a convolution as its head."""
    model: Module = torchvision.models.squeezenet1_1(weights=None)
    return model


def make_two_headed() -> Module:
    """A tiny DeiT, distilled: the mean of two heads."""
    model = VisionTransformerDistilled(img_size=32, patch_size=16, embed_dim=32, depth=1, num_heads=2)
    for head in (model.head, model.head_dist):
        torch.nn.init.normal_(head.weight)
    two_headed: Module = model
    return two_headed


def make_convolution_head() -> Module:
    """Convolution, activation and pooling after the body."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 4, 4), torch.nn.ReLU(), torch.nn.Conv2d(8, 1000, 1),
        torch.nn.BatchNorm2d(1000), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    )  # fmt: skip


KINDS: list[tuple[str, Callable[[], Module], int, tuple[str, ...], Callable[..., torch.Tensor]]] = [
    ("timm-linear", lambda: timm.create_model("test_vit"), 160, ("head",), lambda head: head),
    ("timm-norm-linear", lambda: timm.create_model("test_convnext"), 160, ("head.fc",), lambda head: head),
    ("timm-two-heads", make_two_headed, 32, ("head", "head_dist"), lambda one, two: (one + two) / 2),
    ("torchvision-convolution", make_squeezenet, 64, ("classifier.1",), lambda x: x.relu().mean((2, 3))),
    ("torchvision-linear", lambda: torchvision.models.shufflenet_v2_x0_5(), 64, ("fc",), lambda head: head),
]


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize(("name", "make", "side", "layers", "combine"), KINDS, ids=[k[0] for k in KINDS])
def test_logits_are_the_float32_head_on_the_low_precision_features(
    name: str,
    make: Callable[[], Module],
    side: int,
    layers: tuple[str, ...],
    combine: Callable[..., torch.Tensor],
    dtype: torch.dtype,
) -> None:
    """By hand, from what enters the head, with the weights of the file."""
    model = make_model(make)
    kept = {layer: [weight.clone() for weight in model.get_submodule(layer).parameters()] for layer in layers}
    lowered = lower_precision(model, dtype, (side, side))
    features: dict[str, torch.Tensor] = {}
    for layer in layers:
        lowered.get_submodule(layer).register_forward_pre_hook(
            lambda _, given, layer=layer: features.update({layer: given[0]})
        )
    logits = run(lowered, torch.randn(2, 3, side, side).to(dtype))
    assert all(given.dtype == dtype for given in features.values())
    apply = functional.conv2d if "convolution" in name else functional.linear
    expected = combine(*(apply(features[layer].float(), *kept[layer]) for layer in layers))
    assert logits.dtype == torch.float32
    # Exactly; only the pooling after a convolution may sum in another order.
    tolerance = 1e-6 if "convolution" in name else 0
    torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance)
    assert weights_of(list_head_weights(lowered)) == weights_of(
        [weight for weights in kept.values() for weight in weights]
    )


@pytest.mark.parametrize("dtype", LOW)
def test_a_head_that_is_no_module_is_found_with_its_scale(dtype: torch.dtype) -> None:
    """A user's `scale * features @ prototypes`, by hand."""
    model = make_model(Prototypes)
    assert isinstance(model, Prototypes)
    prototypes, scale = functional.normalize(model.prototypes.clone(), dim=-1), model.scale.clone()
    lowered = lower_precision(model, dtype, (16, 16))
    images = torch.randn(2, 3, 16, 16).to(dtype)
    with torch.inference_mode():
        expected = scale.exp() * model.embed(images).float() @ prototypes.T
    assert torch.equal(run(lowered, images), expected)


@pytest.mark.parametrize("dtype", LOW)
def test_zero_shot_normalises_scales_and_multiplies_in_float32(dtype: torch.dtype) -> None:
    """By hand: all that follows the image tower, with the scale and the bias of the file."""
    clip, head = Clip(), functional.normalize(torch.randn(16, 1000), dim=0)
    model = make_model(lambda: ZeroShotClassifier(clip, head.clone()))
    scale, bias = clip.logit_scale.clone(), clip.logit_bias.clone()
    lowered = lower_precision(model, dtype, (16, 16))
    images = torch.randn(2, 3, 16, 16).to(dtype)
    with torch.inference_mode():
        features = clip.encode_image(images, normalize=False)
    assert features.dtype == dtype
    expected = scale.exp() * functional.normalize(features.float(), dim=-1) @ head + bias
    assert torch.equal(run(lowered, images), expected)


@pytest.mark.parametrize("make", [make_convolution_head, Prototypes])
def test_what_follows_the_head_is_float32_too(make: Callable[[], Module]) -> None:
    """Normalisation, pooling and a class map; only the body is lowered."""
    class_map = make_class_map(["n01443537", *["-"] * 998, "n01440764"], source="two of a thousand")
    lowered = lower_precision(make_model(lambda: MappedOutputs(make(), class_map)), torch.bfloat16, (16, 16))
    assert run(lowered, torch.randn(2, 3, 16, 16).bfloat16()).dtype == torch.float32
    low = [name for name, weight in lowered.named_parameters() if weight.dtype == torch.bfloat16]
    assert len(low) == 2  # weight and bias of the one convolution of the body


def test_a_script_module_is_lowered_as_well() -> None:
    """TorchScript runs its operations outside Python, but each passes the same door."""
    with pytest.warns(FutureWarning, match="deprecated"):
        traced = torch.jit.trace(make_model(Prototypes), torch.zeros(1, 3, 16, 16))  # type: ignore[no-untyped-call]
    lowered = lower_precision(traced, *LOWER)
    assert run(lowered, torch.randn(2, 3, 16, 16).bfloat16()).dtype == torch.float32


def test_float32_changes_nothing() -> None:
    """No weight, no operation."""
    model = make_model(Prototypes)
    images = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        before = model(images)
    assert torch.equal(run(lower_precision(model, torch.float32, (16, 16)), images), before)
    assert list_head_weights(model) == []


def test_a_lowered_model_is_lowered_once() -> None:
    """A second split finds the head that the first kept."""
    model = lower_precision(make_model(Prototypes), *LOWER)
    head = weights_of(list_head_weights(model))
    assert weights_of(list_head_weights(lower_precision(model, *LOWER))) == head
    assert len(head) == 2


def test_a_model_without_a_product_has_no_head() -> None:
    """Nothing to keep: all of it is lowered."""
    assert find_head(torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Flatten()).eval(), (4, 4)) == []


class Rounding(Prototypes):
    """A model that rounds its logits itself."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)` in the type of the images."""
        return super().forward(images).to(images.dtype)


@pytest.mark.parametrize(("make", "expected"), [(Prototypes, "float32"), (Rounding, "bfloat16")])
def test_a_run_records_the_type_of_its_logits_and_says_it_where_it_is_low(
    make: Callable[[], Module], expected: str, tmp_path: Path
) -> None:
    """The record is measured, not assumed."""
    classifier, _ = make_toy_classifier()
    object.__setattr__(classifier, "module", make_model(make))
    object.__setattr__(classifier, "transform", lambda image: torch.zeros(3, 16, 16))
    outcome = run_inference(
        classifier,
        make_toy_split([1, 2]),
        [0, 1],
        class_sets={},
        settings=InferenceSettings(device="cpu", dtype="bfloat16", batch_size=2, workers=1),
        parts=PartStore(tmp_path),
        on_progress=lambda done, total: None,
    )
    assert outcome.logits_dtype == expected
    notice = format_run_notice("m", make_run_record().model_copy(update={"logits_dtype": expected}))
    assert (notice is None) == (expected == "float32")


@cache
def load_mini_clip() -> Classifier:
    """The shipped CLIP with one prompt a class."""
    spec = "open_clip:packaged:mini-clip"
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), templates="single"))


def test_zero_shot_answers_in_bfloat16_are_not_tied(tmp_path: Path) -> None:
    """A product in bfloat16 ties one image in twelve; then the order of the classes decides."""
    split = load_split(parse_split_ref("mini/real"), data={}, cache=None)
    top5 = run_inference(
        load_mini_clip(),
        split,
        range(0, 1040, 8),
        class_sets={},
        settings=InferenceSettings(device="cpu", dtype="bfloat16", batch_size=32, workers=2),
        parts=PartStore(tmp_path),
        on_progress=lambda done, total: None,
    ).predictions.top5
    ties = (top5.probabilities[:, 0] == top5.probabilities[:, 1]).sum()
    assert ties <= 1


def make_model(make: Callable[[], Module]) -> Module:
    """A seeded model in evaluation mode."""
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)


def run(model: Module, images: torch.Tensor) -> torch.Tensor:
    """As inference does."""
    with torch.inference_mode(), hold_head(model):
        logits: torch.Tensor = model(images)
    return logits


def weights_of(tensors: list[torch.Tensor]) -> list[tuple[object, ...]]:
    """Types, shapes and sums, in an order of their own."""
    return sorted((str(t.dtype), tuple(t.shape), float(t.double().sum())) for t in tensors)
