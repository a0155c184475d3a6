"""The machine images are rendered on: device, determinism, and what to record of both."""

from __future__ import annotations

import os

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import InputError

PACKAGES = (
    "accelerate", "diffusers", "imagenet-g", "numpy", "open_clip_torch", "pillow", "pyarrow", "safetensors",
    "tokenizers", "torch", "torchvision", "transformers",
)  # fmt: skip


def choose_device(name: str) -> str:
    """The device to use: for "auto" a GPU where there is one; anything else is checked and returned.

    Raises:
        InputError: Not a device, or not one that is here.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu" or (name.split(":")[0] == "cuda" and torch.cuda.is_available()):
        return name
    raise InputError(f"Device '{name}' is not available. Use auto, cpu, cuda or cuda:N.")


def set_determinism(device: str, *, cpu_threads: int) -> None:
    """Fix what changes last bits: threads on a CPU, algorithm choice and TF32 on a GPU."""
    import torch

    torch.set_num_threads(cpu_threads)
    if device.startswith("cuda"):
        # Read when CUDA starts; set here it holds for a process that has not touched the GPU yet.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def read_runtime(device: str) -> dict[str, str]:
    """What R0 (same bytes) depends on besides the recipe: library versions and the hardware class."""
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
        facts["device_name"] = torch.backends.cpu.get_cpu_capability()
    return dict(sorted(facts.items()))
