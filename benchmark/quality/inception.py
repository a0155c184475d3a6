"""The Inception that defines FID: the TensorFlow network of 2015-12-05 with weights from a file.

Its 2048 features are those of the last average pooling (pool3). No package ships the weights; they come from
the file that pytorch-fid and torch-fidelity publish (Apache-2.0), whose sha256 begins with
`PUBLISHED_SHA256`, or from a file of the same tensors. Only with the published file is a distance called FID.

An image is brought to 299 x 299 pixels as clean-fid does it (Parmar et al. 2022): each channel as float32,
bicubic with antialiasing, clipped to 0..255 and not rounded; then (x - 128) / 128. Other ways to resize give
other distances, so the record names this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import inception as tv

from imagenet_g.benchmark.checkpoints.contents import StateDict, Weights, load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour
from imagenet_g.benchmark.fingerprints.weights import count_parameters, hash_state_dict
from imagenet_g.benchmark.hub.fetching import describe_url_file, fetch
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.records import ClipRecord, Preprocessing

NAME = "inception-2015-12-05"
PUBLISHED_SHA256 = "6726825d"
"""First digits of the sha256 of the published file, as its authors put them into its name."""
URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    f"pt_inception-2015-12-05-{PUBLISHED_SHA256}.pth"
)
SIZE_PX = 299
NUM_FEATURES = 2048
# TensorFlow's network has so many, and the published file holds the weights of all.
_NUM_OUTPUTS = 1008
RESIZING = "Pillow bicubic, each channel as float32, to 299 x 299, clipped to 0..255, not rounded (clean-fid)"
_INSTEAD = "give the file of the weights (sha256 6726825d...)"


class _Net(nn.Module):
    """From `(N, 3, 299, 299)` to the 2048 features."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = _build_network()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.visual(inputs)
        return features


class _BlockA(tv.InceptionA):  # type: ignore[misc]
    """Averages without the zeros of the border, as TensorFlow does."""

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average_inside(x))]


class _BlockC(tv.InceptionC):  # type: ignore[misc]
    """Likewise."""

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average_inside(x))]


class _BlockE(tv.InceptionE):  # type: ignore[misc]
    """The last but one block: likewise."""

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average_inside(x))]


class _LastBlock(tv.InceptionE):  # type: ignore[misc]
    """The last block, in which TensorFlow's network takes the maximum where others average."""

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        pooled = nn.functional.max_pool2d(x, kernel_size=3, stride=1, padding=1)
        return [*super()._forward(x)[:-1], self.branch_pool(pooled)]


def _average_inside(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _build_network() -> tv.Inception3:
    """Torchvision's Inception with the blocks of TensorFlow's, on random weights."""
    # `transform_input` would undo a normalisation by ImageNet's means, which these inputs never had.
    network = tv.Inception3(
        num_classes=_NUM_OUTPUTS, aux_logits=False, transform_input=False, init_weights=False
    )
    network.Mixed_5b = _BlockA(192, pool_features=32)
    network.Mixed_5c = _BlockA(256, pool_features=64)
    network.Mixed_5d = _BlockA(288, pool_features=64)
    network.Mixed_6b = _BlockC(768, channels_7x7=128)
    network.Mixed_6c = _BlockC(768, channels_7x7=160)
    network.Mixed_6d = _BlockC(768, channels_7x7=160)
    network.Mixed_6e = _BlockC(768, channels_7x7=192)
    network.Mixed_7b = _BlockE(1280)
    network.Mixed_7c = _LastBlock(2048)
    return network.eval().requires_grad_(False)


def prepare_image(image: Image.Image) -> torch.Tensor:
    """`(3, 299, 299)` float32 in [-1, 1) from an RGB image of any size, as the module's docstring says.

    Example:
        >>> grey = prepare_image(Image.new("RGB", (20, 40), (128, 128, 128)))
        >>> tuple(grey.shape), float(grey.abs().max())
        ((3, 299, 299), 0.0)
    """
    # Float before resizing: Pillow rounds an 8-bit image to whole numbers, and that alone moves a distance.
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    planes = [_resize_plane(pixels[:, :, channel]) for channel in range(3)]
    return torch.from_numpy((np.stack(planes) - 128.0) / 128.0)


def _resize_plane(
    plane: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    resized = Image.fromarray(plane).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32).clip(0.0, 255.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class InceptionEncoder:
    """The network ready to encode, on the CPU and in float32 until moved.

    Attributes:
        record: Which one.
        model: Maps prepared images to features; its only part is `visual`.
        transform: PIL RGB image to `(3, 299, 299)` float32.
        is_published: Whether the weights are those of the published file.
        architecture_sha256: Hash of its layers and settings.
        behaviour_sha256: Hash of what it makes of fixed inputs, rounded; for what one machine keeps.
    """

    record: ClipRecord
    model: nn.Module
    transform: partial[torch.Tensor]
    is_published: bool
    architecture_sha256: str
    behaviour_sha256: str

    def encode_tensors(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(N, 2048)` float32 features on the CPU, not scaled, from prepared images on the model's device."""
        with torch.inference_mode():
            features: torch.Tensor = self.model(inputs)
        return features.float().cpu()

    def describe(self) -> FeatureRecord:
        """What is stored of it. It was trained on ImageNet's training images; it filtered no known set."""
        return FeatureRecord(
            name=NAME if self.is_published else f"{NAME} (weights not those of the published file)",
            num_dimensions=NUM_FEATURES,
            weights_sha256=self.record.weights_sha256,
            resizing=RESIZING,
            is_inception=self.is_published,
            influences=(),
        )


def load_inception(path: Path) -> InceptionEncoder:
    """Load the network from a file of its weights.

    Args:
        path: Safetensors, or a pickle that holds tensors only; names as pytorch-fid has them.

    Raises:
        DataError: There is no such file, or it is damaged.
        UntrustedFileError: Reading it would run code.
        ModelError: A tensor is missing, left over, or of another shape.
        InputError: The features are not finite.
    """
    weights = load_checkpoint(path)
    model = _Net()
    load_into(model.visual, _complete(weights, model.visual.state_dict()))
    weights_sha256 = hash_state_dict(model.visual.state_dict())
    parameters = count_parameters(model)
    # What follows pool3 has had its part in the hash; the features end in front of it.
    model.visual.fc = nn.Identity()
    transform = partial(prepare_image)
    # Tensors of the right names and shapes may hold NaN, which would reach every number of a report.
    if not torch.isfinite(model(transform(Image.new("RGB", (8, 8)))[None])).all():
        raise InputError(f"'{path}' gives features that are not finite: it holds no trained Inception.")
    return InceptionEncoder(
        record=_describe(path, weights_sha256, parameters),
        model=model,
        transform=transform,
        is_published=is_published(path),
        architecture_sha256=hash_architecture(model),
        behaviour_sha256=hash_behaviour(model, (transform,)),
    )


def is_published(path: Path) -> bool:
    """Whether a file is the one that pytorch-fid and torch-fidelity publish."""
    return hash_file(path).startswith(PUBLISHED_SHA256)


def _complete(weights: Weights, own: Mapping[str, torch.Tensor]) -> Weights:
    """With the counters of batches that older files lack and that nothing reads in evaluation."""
    counters: StateDict = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    return Weights(state=counters | weights.state, source=weights.source, notes=weights.notes)


def _describe(path: Path, weights_sha256: str, num_parameters: int) -> ClipRecord:
    return ClipRecord(
        requested=path.name,
        spec=f"inception:{NAME}",
        weights_sha256=weights_sha256,
        revision=None,
        num_parameters=num_parameters,
        num_dimensions=NUM_FEATURES,
        preprocessing=Preprocessing(
            input_size_px=(SIZE_PX, SIZE_PX),
            interpolation="bicubic",
            crop_fraction=None,
            crop_mode="squash",
            # (x - 128) / 128, on the scale of 0 to 1 on which records state means and spreads.
            mean=(128 / 255,) * 3,
            std=(128 / 255,) * 3,
            description=RESIZING,
        ),
    )


def fetch_inception(folder: Path) -> Path:
    """Fetch the published file, once.

    Args:
        folder: Where it is kept.

    Returns:
        Its path; the hash of a new file is checked.

    Raises:
        FetchError: It is not there and cannot be fetched.
    """
    path = folder / URL.rpartition("/")[2]
    remote = describe_url_file(URL, path, instead=_INSTEAD)
    if remote.cached is None:
        folder.mkdir(parents=True, exist_ok=True)
        with fetch(remote):
            # Torch refuses a file of another hash, such as the page of a proxy, before it has this name.
            torch.hub.download_url_to_file(URL, str(path), hash_prefix=PUBLISHED_SHA256, progress=False)
    return path
