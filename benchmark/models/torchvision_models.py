"""Models of the torchvision library: `torchvision:<name>/<weights>`."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torchvision import models
from torchvision.transforms import InterpolationMode

from imagenet_g.benchmark.checkpoints.contents import StateDict, load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.checkpoints.reading import list_weight_files
from imagenet_g.benchmark.hub.fetching import describe_url_file, fetch
from imagenet_g.benchmark.models.assumptions import describe_own_weights
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import (
    IMAGENET_1K,
    LoadedModel,
    load_requested_class_map,
    make_classifier,
)
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import Preprocessing

if TYPE_CHECKING:
    from PIL import Image
    from torchvision.transforms._presets import ImageClassification

_INSTEAD = "give your own copy of the weights with --checkpoint FILE"
_IMAGENET_1K_WEIGHTS = ("IMAGENET1K_V1", "IMAGENET1K_V2")


def load_model(request: ModelRequest) -> Classifier:
    """Load a torchvision model with the preprocessing its weights declare.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    own_weights = request.checkpoint is not None
    spec = resolve_model_spec(request.spec, own_weights=own_weights).spec
    weights = models.get_model_weights(spec.name)[spec.weights or "DEFAULT"]
    module, files, notes = _load_module(request, spec.name, weights)
    transform = weights.transforms()
    return make_classifier(
        request,
        LoadedModel(
            spec=f"{spec}{OWN_WEIGHTS if own_weights else ''}",
            module=module,
            preprocessing=describe_preset(transform),
            transform=transform,
            precropped_transform=build_precropped_preset(transform),
            files=files,
            training_data=IMAGENET_1K if spec.weights in _IMAGENET_1K_WEIGHTS and not own_weights else None,
            notes=notes,
            assumptions=_list_assumptions(str(spec), weights) if own_weights else (),
        ),
    )


def _list_assumptions(spec: str, weights: models.WeightsEnum) -> tuple[str, ...]:
    preprocessing = describe_preset(weights.transforms())
    source = f"{spec.partition('/')[0]}/{weights.name}"
    return (describe_own_weights(spec, preprocessing, source=source),)


def describe_preset(preset: ImageClassification) -> Preprocessing:
    """The record of torchvision's classification preset."""
    crop, resize = preset.crop_size[0], preset.resize_size[0]
    return Preprocessing(
        input_size_px=(crop, crop),
        interpolation=InterpolationMode(preset.interpolation).value,
        crop_fraction=crop / resize,
        crop_mode="center",
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        description=" ".join(repr(preset).split()),
    )


def build_precropped_preset(preset: ImageClassification) -> Callable[[Image.Image], torch.Tensor]:
    """The same preset for images already cropped: resized to the whole input size, nothing cut off."""
    precropped: Callable[[Image.Image], torch.Tensor] = copy.copy(preset)
    precropped.resize_size = preset.crop_size  # type: ignore[attr-defined]
    return precropped


def _load_module(
    request: ModelRequest, name: str, weights: models.WeightsEnum
) -> tuple[torch.nn.Module, tuple[Path, ...], tuple[str, ...]]:
    if request.checkpoint is not None:
        module, notes = _load_own_weights(request, name, request.checkpoint)
        return module, list_weight_files(request.checkpoint), notes
    # Where torch.hub keeps downloads; torchvision itself does not report the path.
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    with fetch(describe_url_file(weights.url, path, instead=_INSTEAD)):
        published: torch.nn.Module = models.get_model(name, weights=weights)
    return published, (path,), ()


def _load_own_weights(
    request: ModelRequest, name: str, path: Path
) -> tuple[torch.nn.Module, tuple[str, ...]]:
    given = load_checkpoint(path, request.checkpoint_key)
    class_map = load_requested_class_map(request)
    sizes = {"num_classes": len(class_map.wnids)} if class_map else {}
    options = _choose_options(name, given.state)
    module: torch.nn.Module = models.get_model(name, weights=None, **options, **sizes)
    return module, load_into(module, given, convert=_convert_old_names)


def _choose_options(name: str, state: StateDict) -> dict[str, bool]:
    """For the two networks with auxiliary classifiers, which torchvision removes from its own weights."""
    if name not in ("googlenet", "inception_v3"):
        return {}
    has_auxiliary = any(re.search(r"(^|\.)(aux\d|AuxLogits)\.", key) for key in state)
    # They warn about their slow initialisation unless an option declares it unimportant.
    return {"init_weights": False, "aux_logits": has_auxiliary}


def _convert_old_names(state: StateDict) -> StateDict:
    """The renaming by torchvision of its older DenseNet files, as in `torchvision.models.densenet`.

    Example:
        >>> list(_convert_old_names({"features.denseblock1.denselayer1.norm.1.weight": torch.zeros(1)}))
        ['features.denseblock1.denselayer1.norm1.weight']
    """
    old = re.compile(
        r"(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\.(?:weight|bias|running_mean|running_var))"
    )
    return {old.sub(r"\1\2", name): value for name, value in state.items()}
