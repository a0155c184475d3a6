"""A model that kills its process, once: it leaves a file, `died` or the one that DIED_MARKER names."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from toy_models import ColourModel, make_toy_classifier


class DyingOnceModel(ColourModel):
    """As ColourModel; ends its process where the file is not there."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        # Not on the two pictures that a loaded model is known by, which have one size.
        marker = Path(os.environ.get("DIED_MARKER", "died"))
        if images.shape[-1] < 10 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images)


def make_dying_once() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """A factory for `python:dying_models:make_dying_once`."""
    return DyingOnceModel().eval(), make_toy_classifier()[0].transform
