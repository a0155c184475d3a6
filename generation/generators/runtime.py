"""The rendering machine: device, determinism, the record of both, and libraries kept quiet."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from inspect import isfunction, signature
from typing import Any

from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.environment import list_versions

# Those whose version can change a pixel, or the bytes of a file.
PACKAGES = (
    "accelerate", "bitsandbytes", "diffusers", "flash-attn", "gguf", "imagenet-g", "invisible-watermark",
    "numpy", "open_clip_torch", "optimum-quanto", "peft", "pillow", "pyarrow", "safetensors", "scipy",
    "sentencepiece", "tokenizers", "torch", "torchao", "torchsde", "torchvision", "transformers", "triton",
    "xformers",
)  # fmt: skip

_DRAWING_FUNCTIONS = (
    "bernoulli", "multinomial", "normal", "rand", "randint", "randn", "randperm",
)  # fmt: skip
_DRAWING_METHODS = (
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_",
)  # fmt: skip


def choose_generation_device(requested: str) -> str:
    """The device to render and train on; bit-exact rendering is defined on CPU and CUDA only.

    Raises:
        InputError: Not one of these, or not available on this machine.
    """
    return choose_device(requested, kinds=("cuda", "cpu"))


def set_determinism(device: str, *, cpu_threads: int) -> None:
    """Fix everything that changes last bits: threads on a CPU, algorithm choice and TF32 on a GPU."""
    import torch

    torch.set_num_threads(cpu_threads)
    fix_gpu(device)


def fix_gpu(device: str) -> None:
    """Fix the choice of algorithms and the precision of a GPU, for the whole process; nothing on a CPU."""
    import torch

    if device.startswith("cuda"):
        # Read when CUDA starts; set here it holds for a process that has not touched the GPU yet.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        # Only a warning, because some operations have no deterministic form, and a build would stop at them.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        # It chooses algorithms by timing them, so that a busy GPU would choose others.
        torch.backends.cudnn.benchmark = False
        # TF32 keeps 10 of the 23 bits of a product, and only some GPUs have it.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def read_runtime(device: str) -> dict[str, str]:
    """Everything R0 (same bytes) depends on besides the recipe: library versions and hardware class."""
    import torch

    facts = dict(list_versions(PACKAGES))
    facts["device"] = device.split(":")[0]
    if device.startswith("cuda"):
        major, minor = torch.cuda.get_device_capability(device)
        facts |= {
            "device_name": torch.cuda.get_device_name(device),
            "compute_capability": f"{major}.{minor}",
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
            "tf32": describe_tf32(),
        }
    else:
        # The widest vectors a CPU has ("AVX2", "AVX512") decide the order of sums, and with it last bits.
        facts["device_name"] = torch.backends.cpu.get_cpu_capability()
    return dict(sorted(facts.items()))


def describe_tf32() -> str:
    """Where products of 32-bit numbers are rounded to TF32 in this process: "off", or the libraries.

    Example:
        >>> describe_tf32() in ("off", "cudnn", "matmul", "cudnn and matmul")
        True
    """
    import torch

    libraries = {"cudnn": torch.backends.cudnn.allow_tf32, "matmul": torch.backends.cuda.matmul.allow_tf32}
    return " and ".join(name for name, is_on in libraries.items() if is_on) or "off"


def read_memory_gb(device: str) -> float:
    """Memory of a GPU of this machine in 10^9 bytes, rounded up: a card of "24 GB" has a little less."""
    import torch

    return float(-(-torch.cuda.get_device_properties(device).total_memory // 10**9))


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Draw this thread's random numbers of torch from a generator of its own while the context lasts.

    A model draws its weights before it reads them from a file. Beside a generator that uses the process's own
    random numbers, that would change images. Other threads are not touched.

    Example:
        >>> import torch
        >>> before = torch.get_rng_state()
        >>> with own_random_numbers():
        ...     layer = torch.nn.Linear(2, 2)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    import torch
    from torch.overrides import TorchFunctionMode

    drawing = {getattr(torch, name) for name in _DRAWING_FUNCTIONS}
    drawing |= {getattr(torch.Tensor, name) for name in _DRAWING_METHODS}
    # A mode sees the outermost call alone, and some of these are such calls.
    drawing |= {
        function
        for function in vars(torch.nn.init).values()
        if isfunction(function) and "generator" in signature(function).parameters
    }
    own = torch.Generator()

    class OwnNumbers(TorchFunctionMode):
        def __torch_function__(
            self,
            func: Callable[..., Any],
            types: object,
            args: tuple[Any, ...] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:  # noqa: ANN401
            words = dict(kwargs or {})
            if func in drawing and words.get("generator") is None:
                words["generator"] = own
            return func(*args, **words)

    # torch keeps the modes of each thread apart.
    with OwnNumbers():
        yield


@contextmanager
def keep_threads() -> Iterator[None]:
    """Give a thread back its number of torch threads afterwards: the last bits of images depend on it."""
    import torch

    # Asked for first: a thread that never was would take over the number that is set meanwhile.
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def read_random_states() -> list[object]:
    """States of Python's, numpy's and torch's own random numbers, as values that can be compared."""
    import numpy as np
    import torch

    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    states = [torch.get_rng_state(), *devices]
    return [random.getstate(), repr(np.random.get_state()), *(state.numpy().tobytes() for state in states)]


@cache
def silence_libraries() -> None:
    """Switch off log lines and progress bars of diffusers and transformers for this process."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
