"""A module compiled by `torch.compile`, for batches of one size; on CUDA as a graph launched whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch

from imagenet_g.benchmark.backends.backend import BackendRefusedError
from imagenet_g.benchmark.backends.batch_check import TOLERANCES, measure_difference
from imagenet_g.benchmark.backends.fixed_steps import copy_structure, require_fixed_steps
from imagenet_g.benchmark.backends.precision import hold_head

Steps = Callable[[torch.Tensor], torch.Tensor]


def compile_steps(module: torch.nn.Module, batch: torch.Tensor) -> Steps:
    """Compile a module, warm it up, and compare its outputs with those of the plain module.

    Args:
        module: In eval mode, on the device and in the type that it runs in.
        batch: `(N, 3, H, W)`: the size that it is compiled for.

    Raises:
        BackendRefusedError: It cannot be compiled, or computes something else.
    """
    # Inference tensors can be neither traced nor compiled for.
    with torch.inference_mode(False), torch.no_grad():
        batch = batch.clone()
        expected = run_plain(module, batch)
        try:
            steps = _compile(module, batch)
            outputs = steps(batch).clone()
        except Exception as error:
            # Compilers raise anything, down to the absence of a C++ compiler.
            lines = str(error).strip().splitlines() or [""]
            reason = f"{type(error).__name__}: {lines[0][:200]}"
            raise BackendRefusedError(f"--compile fails ({reason})") from error
        _require_equal(outputs, expected, str(batch.dtype).removeprefix("torch."))
    return steps


def run_plain(module: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The outputs of the module as it is, its head in float32."""
    with hold_head(module):
        return torch.as_tensor(module(batch))


def _compile(module: torch.nn.Module, batch: torch.Tensor) -> Steps:
    steps: Callable[..., torch.Tensor] = module
    if batch.dtype != torch.float32:
        # A compiler does not see the mode that holds the head in float32, so the steps are recorded with
        # their changes of type first. A recording has one branch; there must be no other.
        require_fixed_steps(copy_structure(module), batch)
        from torch.fx.experimental.proxy_tensor import make_fx

        steps = make_fx(lambda images: run_plain(module, images))(batch)
    mode = "reduce-overhead" if batch.device.type == "cuda" else None
    compiled = torch.compile(steps, dynamic=False, mode=mode)

    def run(images: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():
            # Of the compiler about itself: TF32, which is off on purpose, and functions it will rename.
            warnings.simplefilter("ignore")
            if mode is not None:
                # The outputs of the last batch may be overwritten from here on.
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            return torch.as_tensor(compiled(images))

    return run


def _require_equal(outputs: torch.Tensor, expected: torch.Tensor, dtype: str) -> None:
    if outputs.shape != expected.shape:
        raise BackendRefusedError(f"--compile gives outputs of the shape {tuple(outputs.shape)}")
    pairs = zip(expected.float().cpu(), outputs.float().cpu(), strict=True)
    worst = max(measure_difference(first[None], second[None]) for first, second in pairs)
    if not worst <= TOLERANCES[dtype]:
        raise BackendRefusedError(f"--compile changes its logits by {worst:.2g} of their range")
