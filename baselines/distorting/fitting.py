"""Small networks trained here, for whoever has no checkpoint of the original: on the images themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

from imagenet_g.baselines.distorting.cae import CAE
from imagenet_g.baselines.distorting.chances import draw_uniform
from imagenet_g.baselines.distorting.edsr import EDSR
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.storage import replace_file

Pixels = npt.NDArray[np.uint8]
_BLOCKS, _DOUBLINGS = 8, 2
_BATCH = 16
_RATE, _BIT_RATE = 1e-3, 5e-3
"""Of networks that enlarge, and of those that go through bits, which hardly learn at the lower one."""
_EVERY = 50
_LEARNT, _LOOKED_AT = 0.6, 16
"""Share of the error of plain grey that must not be reached, and the side at which that is looked at."""


def make_network(name: str, *, width: int, seed: int) -> torch.nn.Module:
    """A small network with initial weights, "edsr" of eight blocks or "cae"."""
    # PyTorch draws initial weights from its global generator; it takes none as an argument.
    torch.manual_seed(seed)
    if name == "edsr":
        return EDSR(blocks=_BLOCKS, width=width, doublings=_DOUBLINGS)
    return CAE(width=width)


def fit_network(
    module: torch.nn.Module,
    images: Sequence[Image.Image],
    *,
    short_px: int,
    steps: int,
    seed: int,
    device: str,
    say: Callable[[str], None],
) -> float:
    """Train a network: to enlarge images, or to restore them from their bits.

    Args:
        module: Of `make_network`; trained in place.
        images: RGB.
        short_px: Side of an input.
        steps: Of sixteen images each.
        seed: Of their order.
        device: Where.
        say: Receives progress.

    Returns:
        Mean absolute error of the last step, in levels of 0 to 255.
    """
    side = short_px * 2**_DOUBLINGS if isinstance(module, EDSR) else short_px
    wholes = np.stack([cut_square(image, side) for image in images])
    chance = np.random.default_rng(seed)
    module.to(device).train()
    optimizer = torch.optim.Adam(
        [value for value in module.parameters() if value.requires_grad], lr=_find_rate(module)
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    error = float("nan")
    for step in range(1, steps + 1):
        chosen = wholes[chance.integers(len(wholes), size=_BATCH)]
        targets = torch.from_numpy(chosen).to(device).permute(0, 3, 1, 2).float()
        loss = functional.l1_loss(_restore(module, targets, short_px, chance), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        # Without a limit a deep network without norms may leave at its first steps and not come back.
        torch.nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        if step % _EVERY == 0 or step == steps:
            error = float(loss.detach())
            say(f"{step} of {steps} steps, mean error {error:.1f} of 255")
    return error


def _find_rate(module: torch.nn.Module) -> float:
    # The way back through bits has a slope that is a guess, so small steps lead nowhere for long.
    return _BIT_RATE if isinstance(module, CAE) else _RATE


def _restore(
    module: torch.nn.Module, targets: torch.Tensor, short_px: int, chance: np.random.Generator
) -> torch.Tensor:
    """`(B, 3, S, S)` what the network makes of the images when they are small, or of their bits."""
    if isinstance(module, CAE):
        code = module.encode(targets / 255)
        bits = 2 * (draw_uniform(chance, code.detach()) <= (1 + code) / 2).to(code) - 1
        # A bit has no slope: the way back takes that of the number whose odds it was drawn by.
        return module.decode(code + (bits - code).detach()) * 255
    small = functional.interpolate(targets, (short_px, short_px), mode="bilinear", antialias=True)
    made: torch.Tensor = module(small)
    return made


def cut_square(image: Image.Image, side: int) -> Pixels:
    """`(S, S, 3)` the middle of an image, resized."""
    short = min(image.size)
    left, upper = (image.width - short) // 2, (image.height - short) // 2
    middle = image.crop((left, upper, left + short, upper + short))
    return np.asarray(middle.resize((side, side), Image.Resampling.BICUBIC))


def require_learnt(error: float, images: Sequence[Image.Image]) -> None:
    """Check that a network shows more of the images than one level of grey does.

    Args:
        error: Mean absolute error, in levels of 0 to 255.
        images: RGB.

    Raises:
        ModelError: It does not; a set made by it would be plain grey, and say nothing of DeepAugment.
    """
    pixels = np.stack([cut_square(image, _LOOKED_AT) for image in images]).astype(np.float64)
    plain = float(np.abs(pixels - np.median(pixels)).mean())
    if not error < _LEARNT * plain:
        raise ModelError(
            f"The small network did not learn: its mean error is {error:.1f} of 255, that of plain grey "
            f"{plain:.1f}. Give --fit more steps, a larger --width, or weights of your own."
        )


def write_network(module: torch.nn.Module, path: Path) -> None:
    """Write weights as safetensors, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    from safetensors.torch import save_file

    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    with replace_file(path) as temporary:
        save_file(state, temporary)
