"""A model from the user's own code: `python:<module>:<factory>`, or one that is there already.

The factory takes no arguments and returns a torch module, or a pair of a module and the transform from a PIL
image to its input. This runs code the user named, on purpose. A model that the Python API was given is
`python:live:<name>` in results.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from PIL import Image

from imagenet_g.benchmark.errors import ImagenetGError, InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.fingerprints.code import print_parts
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.models.classifiers import Classifier, LiveModel, ModelRequest
from imagenet_g.benchmark.models.heads import LoadedModel, make_classifier
from imagenet_g.benchmark.naming.specs import LIVE
from imagenet_g.benchmark.records import Preprocessing

INPUT_SIZE_PX = 224
RESIZE_PX = 256
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def load_model(request: ModelRequest) -> Classifier:
    """Call the user's factory and wrap what it returns, or wrap the model that was given.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    factory: Callable[..., object]
    if request.live is not None:
        factory, transform = request.live.model, request.live.transform
        module = copy_live_model(request.live)
    elif str(request.spec).startswith(LIVE):
        raise InputError(
            f"'{request.requested}' was a model of a running process, which no name stands for. Give the "
            "model itself to imagenet_g.evaluate or imagenet_g.rerun."
        )
    else:
        factory = load_factory(request.spec.name)
        module, transform = call_factory(factory, request.spec.name)
    own = transform or build_default_transform(RESIZE_PX)
    return make_classifier(
        request,
        LoadedModel(
            spec=str(request.spec),
            module=module,
            preprocessing=describe_transform(own, default=transform is None, factory=factory),
            transform=own,
            # What the user's own transform crops is unknown, so it is used as it is.
            precropped_transform=transform or build_default_transform(INPUT_SIZE_PX),
        ),
    )


class CalledModel(torch.nn.Module):
    """Any function from a batch to logits, as a module without weights.

    Args:
        function: Takes `(N, 3, H, W)` float32 on the CPU and gives `(N, K)` logits, also as an array.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function
        self._lock = Lock()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The function's logits as float32."""
        # One call at a time: nothing is known of what the function shares between calls.
        with self._lock:
            return torch.as_tensor(self.function(batch.cpu())).float().cpu()


def copy_live_model(live: LiveModel) -> torch.nn.Module:
    """A copy of a user's module on the CPU, or a callable as a module.

    A copy, because evaluation switches training off and moves weights; the user's own stays as it is.

    Raises:
        ModelError: The module cannot be copied.
    """
    if not isinstance(live.model, torch.nn.Module):
        return CalledModel(live.model)
    if isinstance(live.model, torch.jit.ScriptModule):
        raise ModelError(
            f"The model '{live.name}' is scripted, and its weights cannot be frozen. Call its eval(), and "
            "give a function in its place: lambda batch: model(batch)."
        )
    try:
        return copy.deepcopy(live.model).cpu()
    except Exception as error:
        raise ModelError(
            f"The model '{live.name}' cannot be copied: {type(error).__name__}: {error}. Give a function "
            "from a batch to logits in its place."
        ) from error


def load_factory(name: str) -> Callable[[], object]:
    """Import `<module>:<factory>`; modules in the current folder are found too.

    Raises:
        InputError: The module cannot be imported, or has no such function.
    """
    module_name, _, factory_name = name.partition(":")
    try:
        with _current_folder_importable():
            module = importlib.import_module(module_name)
    except Exception as error:
        raise InputError(
            f"Cannot import '{module_name}' of 'python:{name}': {type(error).__name__}: {error}. It must be "
            "an installed module or a file in the current folder."
        ) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UnknownNameError("factory", factory_name, known, where=f"in module '{module_name}'")
    found: Callable[[], object] = factory
    return found


def call_factory(
    factory: Callable[[], object], name: str
) -> tuple[torch.nn.Module, Callable[[Any], Any] | None]:
    """The module a factory makes, and its transform if it brings one.

    Raises:
        ModelError: The factory fails or returns something else.
    """
    try:
        made = factory()
    except ImagenetGError:
        raise
    except Exception as error:
        raise ModelError(f"The factory of 'python:{name}' failed: {type(error).__name__}: {error}") from error
    module, transform = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module) or not (transform is None or callable(transform)):
        raise ModelError(
            f"The factory of 'python:{name}' returned {type(made).__name__}; it must return a "
            "torch.nn.Module, or a pair of one and a transform from a PIL image to its input."
        )
    return module, transform


def build_default_transform(resize_px: int) -> Callable[[Image.Image], torch.Tensor]:
    """ImageNet's usual evaluation transform: shorter side to `resize_px`, then the middle 224 x 224."""
    # Two seconds, which a factory with a transform of its own need not wait.
    from torchvision import transforms

    transform: Callable[[Image.Image], torch.Tensor] = transforms.Compose(
        [
            transforms.Resize(resize_px, interpolation=transforms.InterpolationMode.BILINEAR, antialias=True),
            transforms.CenterCrop(INPUT_SIZE_PX),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return transform


def describe_transform(
    transform: Callable[[Image.Image], torch.Tensor], *, default: bool, factory: Callable[..., object]
) -> Preprocessing:
    """The record of a transform: its printed form, and a hash of the source file the factory stands in.

    The hash makes an edited factory another model to the prediction cache.

    Raises:
        ModelError: The transform fails, or does not give `(3, H, W)` floats.
    """
    size = _measure_output(transform)
    # Without addresses of objects, because the description is part of the cache key.
    words = " ".join(" ".join(print_parts([transform])).split())
    # Unwrapped, because a decorated factory would name the file of its decorator.
    source = inspect.getsourcefile(inspect.unwrap(factory)) if inspect.isroutine(factory) else None
    # What is typed into a notebook names a file that is not there.
    code = f"; factory source sha256 {hash_file(Path(source))}" if source and Path(source).is_file() else ""
    origin = "imagenet-g's default, the factory gave none" if default else "the factory's own"
    return Preprocessing(
        input_size_px=size,
        interpolation="bilinear" if default else "unknown",
        crop_fraction=INPUT_SIZE_PX / RESIZE_PX if default else None,
        crop_mode="center" if default else None,
        mean=MEAN if default else None,
        std=STD if default else None,
        description=f"{origin}: {words}{code}",
    )


def _measure_output(transform: Callable[[Image.Image], torch.Tensor]) -> tuple[int, int]:
    try:
        # Not square: a transform that mixes up height and width would pass with a square.
        made = transform(Image.new("RGB", (320, 288)))
    except Exception as error:
        raise ModelError(f"The transform fails on an RGB image of 320 x 288: {error}") from error
    if (
        not isinstance(made, torch.Tensor)
        or made.ndim != 3
        or made.shape[0] != 3
        or not made.is_floating_point()
    ):
        got = (
            f"{made.dtype} of shape {tuple(made.shape)}"
            if isinstance(made, torch.Tensor)
            else type(made).__name__
        )
        raise ModelError(f"The transform gives {got}; it must give a float tensor of shape (3, H, W).")
    return made.shape[1], made.shape[2]


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """The installed command does not look in the current folder, where a user's module usually is."""
    # At the end, so that a file of the current folder never takes the place of an installed package.
    sys.path.append(str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.pop()
