"""A model of one weight, for tests that run it again."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from toy_models import ColourModel, make_toy_classifier


class ScaledColourModel(ColourModel):
    """As ColourModel; its logits are multiplied by a learned number, as a trained one's would be."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        return self.scale * super().forward(images)


def make_scaled_model() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """A factory for `python:small_models:make_scaled_model`."""
    return ScaledColourModel().eval(), make_toy_classifier()[0].transform


class WrappedModel(torch.nn.Module):
    """A network kept under the attribute `model`, as training frameworks do."""

    def __init__(self) -> None:
        super().__init__()
        pool = torch.nn.AdaptiveAvgPool2d(1)
        self.model = torch.nn.Sequential(pool, torch.nn.Flatten(), torch.nn.Linear(3, 1000))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        logits: torch.Tensor = self.model(images)
        return logits


def make_wrapped_model() -> torch.nn.Module:
    """A factory for `python:small_models:make_wrapped_model`."""
    return WrappedModel().eval()
