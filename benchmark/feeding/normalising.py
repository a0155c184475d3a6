"""The last step of a preparation that was split: from a batch of pixels to a model's inputs."""

from __future__ import annotations

import torch

from imagenet_g.benchmark.feeding.preparation import Normalisation


def normalise(inputs: torch.Tensor, normalisation: Normalisation | None) -> torch.Tensor:
    """Inputs of a model, to the bit as torchvision's `ToTensor` and `Normalize` make them of one image.

    Args:
        inputs: `(N, H, W, 3)` uint8, on any device; without a normalisation, inputs that are ready.
        normalisation: What is left to do.

    Returns:
        `(N, 3, H, W)` float32 in channels-last memory, on the device of the inputs.

    Example:
        >>> half = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> normalise(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8), half).flatten().tolist()
        [1.0, 1.0, 1.0]
    """
    if normalisation is None:
        return inputs
    # Divided and not multiplied by an inverse, which rounds in another way.
    images = inputs.permute(0, 3, 1, 2).float().div_(255)
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=inputs.device).view(3, 1, 1)
        for values in (normalisation.mean, normalisation.std)
    )
    return images.sub_(mean).div_(std)
