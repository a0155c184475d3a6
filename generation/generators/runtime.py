"""The rendering machine: device, determinism, the record of both, and libraries kept quiet."""

from __future__ import annotations

import os
from functools import cache

from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.environment import list_versions

# Those whose version can change a pixel, or the bytes of a file.
PACKAGES = (
    "accelerate", "bitsandbytes", "diffusers", "flash-attn", "gguf", "imagenet-g", "invisible-watermark",
    "numpy", "open_clip_torch", "optimum-quanto", "peft", "pillow", "pyarrow", "safetensors", "scipy",
    "sentencepiece", "tokenizers", "torch", "torchao", "torchsde", "torchvision", "transformers", "triton",
    "xformers",
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
        }
    else:
        # The widest vectors a CPU has ("AVX2", "AVX512") decide the order of sums, and with it last bits.
        facts["device_name"] = torch.backends.cpu.get_cpu_capability()
    return dict(sorted(facts.items()))


@cache
def silence_libraries() -> None:
    """Switch off log lines and progress bars of diffusers and transformers for this process."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
