"""A checkpoint of CompVis/latent-diffusion as a folder of `ClassConditionalLDMPipeline`.

Every tensor of the two networks is copied under its other name; none is computed. What is not copied is
named by its prefix: the loss of the autoencoder's training, running means, and the noise schedule, which is
compared with the one that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.benchmark.checkpoints.reading import load_content
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.storage import clear_leftovers, name_temporary, translate_storage_errors
from imagenet_g.generation.converting.layout import (
    BETA_END,
    BETA_START,
    HEADS,
    NUM_TIMES,
    LdmLayout,
    Weights,
    read_layout,
)
from imagenet_g.generation.converting.names import (
    AUTOENCODER,
    CLASSES,
    NETWORK,
    name_autoencoder_tensor,
    name_network_tensor,
)
from imagenet_g.generation.generators.runtime import silence_libraries

if TYPE_CHECKING:
    from imagenet_g.generation.generators.class_ldm import ClassConditionalLDMPipeline

LEFT_OUT = (f"{AUTOENCODER}loss.", "model_ema.")
"""Prefixes of tensors that no image needs."""
_CALLBACK = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
Network = Any
"""diffusers' networks share no typed interface."""


class LightningCallback:
    """Stands for a class that a checkpoint of PyTorch Lightning names and never needs: it does nothing."""


def convert_checkpoint(path: Path, out: Path, *, image_px: int = 256, heads: int = HEADS) -> LdmLayout:
    """Write the pipeline of a checkpoint, in float32, as safetensors.

    Args:
        path: The .ckpt file: `state_dict` inside a pickle, or safetensors; no code in it is run.
        out: A new folder.
        image_px: Side of an image.
        heads: Heads of every attention.

    Raises:
        InputError: The folder is there and not empty, or sizes do not go together.
        DataError: The file is damaged, or no such model.
        UntrustedFileError: Reading the file would run code.
        StorageError: The folder cannot be written.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"'{out}' is not empty. Choose a new folder: --out DIR.")
    weights = load_state_dict(path)
    pipe = make_pipeline(weights, image_px=image_px, heads=heads)
    with ignore_library_warnings(), translate_storage_errors(out), replace_folder(out) as temporary:
        pipe.save_pretrained(temporary, safe_serialization=True)
    return read_layout(weights)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that takes its place once it is whole, so that no half pipeline is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path.parent)
    temporary = name_temporary(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        rmtree(temporary, ignore_errors=True)


def load_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by the names of its codebase.

    Raises:
        DataError: It is missing, damaged, or holds no tensors by name.
        UntrustedFileError: Reading it would run code.
    """
    # Lightning keeps the state of its callbacks beside the weights, under their class. The unpickler refuses
    # every class that is not named to it; this one is read as an empty one of our own.
    with torch.serialization.safe_globals([(LightningCallback, _CALLBACK)]):
        content = load_content(path)
    found = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise DataError(f"Checkpoint '{path}' has no 'state_dict' of tensors by name.")
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def make_pipeline(
    weights: Weights, *, image_px: int = 256, heads: int = HEADS
) -> ClassConditionalLDMPipeline:
    """The pipeline with a checkpoint's weights, in float32 on the CPU.

    Raises:
        DataError: A tensor is missing, left over or of another shape, or the noise schedule is another one.
        InputError: The heads do not divide the channels.
    """
    from diffusers import DDIMScheduler, UNet2DConditionModel, VQModel

    from imagenet_g.generation.generators.class_ldm import ClassConditionalLDMPipeline

    layout = read_layout(weights)
    if uneven := [
        size for size, here in zip(layout.channels, layout.attention, strict=True) if here and size % heads
    ]:
        raise InputError(f"--heads {heads} does not divide the {uneven[0]} channels of an attention.")
    _validate_betas(weights)
    silence_libraries()
    with ignore_library_warnings():
        unet = UNet2DConditionModel(**layout.describe_network(image_px=image_px, heads=heads))
        vqvae = VQModel(**layout.describe_autoencoder(image_px=image_px))
        # Steps as CompVis counts them: evenly from the first, one later; the last step ends at the first
        # time's own noise, and no estimate is clipped.
        scheduler = DDIMScheduler(
            num_train_timesteps=NUM_TIMES, beta_start=BETA_START, beta_end=BETA_END,
            beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
            timestep_spacing="leading",
        )  # fmt: skip
    used = fill(
        unet,
        weights,
        lambda name: _name_network(name, layout),
        make=lambda name: _make_classes(name, weights),
    )
    used |= fill(
        vqvae, weights, lambda name: name_autoencoder_tensor(name, num_levels=len(layout.vq_channels))
    )
    _refuse_left_over(weights, {*used, CLASSES})
    return ClassConditionalLDMPipeline(vqvae=vqvae.eval(), unet=unet.eval(), scheduler=scheduler)


def fill(
    network: Network,
    weights: Weights,
    name_original: Callable[[str], str],
    *,
    make: Callable[[str], torch.Tensor | None] = lambda name: None,
) -> set[str]:
    """Copy a checkpoint's tensors into a network.

    Args:
        network: Filled in place.
        weights: The checkpoint's tensors.
        name_original: From a name of the network to that of the checkpoint.
        make: Gives tensors that are not copied as they are; None for those that are.

    Returns:
        Names of the checkpoint's tensors that were copied.

    Raises:
        DataError: The checkpoint lacks one, or has it in another shape.
    """
    filled, used = {}, set()
    for name, place in network.state_dict().items():
        value = make(name)
        if value is None:
            used.add(original := name_original(name))
            if (value := weights.get(original)) is None:
                raise DataError(f"The checkpoint has no '{original}', which '{name}' is filled from.")
        # The original's attention in the autoencoder is a convolution of one pixel, diffusers' a matrix.
        if value.shape != place.shape and value.squeeze().shape != place.squeeze().shape:
            raise DataError(f"'{name}' is {tuple(place.shape)}, and the checkpoint has {tuple(value.shape)}.")
        filled[name] = value.reshape(place.shape).to(place.dtype)
    network.load_state_dict(filled)
    return used


def _name_network(name: str, layout: LdmLayout) -> str:
    upwards = tuple(reversed(layout.attention))
    return name_network_tensor(name, num_layers=layout.num_layers, has_attention=lambda level: upwards[level])


def _make_classes(name: str, weights: Weights) -> torch.Tensor | None:
    """The class embedding as a linear layer without bias, read by one-hot vectors."""
    embedding = weights[CLASSES]
    made = {"encoder_hid_proj.weight": embedding.T, "encoder_hid_proj.bias": torch.zeros(embedding.shape[1])}
    return made.get(name)


def _validate_betas(weights: Weights) -> None:
    """Compare the noise schedule of a checkpoint, where it holds one, with the one that is written."""
    if (stored := weights.get("betas")) is None:
        return
    expected = torch.linspace(BETA_START**0.5, BETA_END**0.5, NUM_TIMES) ** 2
    if stored.shape != expected.shape or not torch.allclose(stored.float(), expected, rtol=1e-3):
        raise DataError(
            f"The checkpoint was trained with noise of {stored.numel()} steps from "
            f"{float(stored.min()):.4g} to {float(stored.max()):.4g}; only that of cin256-v2 can be written: "
            f"{NUM_TIMES} steps, {BETA_START} to {BETA_END}."
        )


def _refuse_left_over(weights: Mapping[str, object], used: set[str]) -> None:
    """Every tensor of the networks must be in its place, or images would silently be other ones."""
    wanted = [name for name in weights if name.startswith((NETWORK, AUTOENCODER, "cond_stage_model."))]
    if left := [name for name in wanted if name not in used and not name.startswith(LEFT_OUT)]:
        raise DataError(f"'{left[0]}' has no place in diffusers' networks ({len(left)} such tensors).")
