"""How a model is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imagenet_g.benchmark.feeding.kinds import FeedingKind

BackendName = Literal["torch", "openvino"]
"""What computes: PyTorch on any device, or OpenVINO on the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceSettings:
    """How to run; nothing here should change a prediction beyond rounding.

    Attributes:
        device: "cpu", "cuda", "cuda:1" or "mps".
        dtype: "float32", "bfloat16" or "float16": of weights and inputs; the head is always in float32.
        batch_size: Images per forward pass; halved when memory runs out.
        workers: Threads or processes that decode and transform.
        backend: What computes.
        compile: Whether PyTorch compiles the module.
        feeding: What the workers are.
    """

    device: str
    dtype: str
    batch_size: int
    workers: int
    feeding: FeedingKind = "auto"
    backend: BackendName = "torch"
    compile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How to run, as requested.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "float32", "bfloat16" or "float16".
        batch_size: Images per forward pass; None for the device's default.
        workers: Threads or processes that decode images; None for one a core, at most 8 (16 for a GPU).
        feeding: What the workers are.
        backend: "auto", "torch" or "openvino".
        keep_features: Whether the image features of CLIPs are kept.
        compile: Whether PyTorch compiles the module.
    """

    device: str = "auto"
    feeding: FeedingKind = "auto"
    dtype: str = "float32"
    batch_size: int | None = None
    workers: int | None = None
    backend: str = "auto"
    keep_features: bool = False
    compile: bool = False
