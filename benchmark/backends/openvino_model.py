"""A module compiled by OpenVINO, in float32, for batches of one size."""

from __future__ import annotations

import io
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.benchmark.backends.backend import BackendRefusedError
from imagenet_g.benchmark.backends.fixed_steps import copy_structure, require_fixed_steps
from imagenet_g.benchmark.environment import find_version
from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.identity import hash_json

if TYPE_CHECKING:
    import openvino

_TELEMETRY = "openvino_telemetry"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledShape:
    """For which batches a model is compiled, and how.

    Attributes:
        batch: `(N, H, W, 3)` of pixels, or `(N, 3, H, W)` of inputs that are ready.
        normalisation: What is done to pixels; None for inputs that are ready.
        num_streams: How many batches are computed at a time, each by one core.
    """

    batch: tuple[int, ...]
    normalisation: Normalisation | None
    num_streams: int

    def make_key(self, identity: str) -> str:
        """Name under which the compiled model is kept.

        Args:
            identity: Hash of all that decides what the module computes.
        """
        steps = self.normalisation and [self.normalisation.mean, self.normalisation.std]
        libraries = [find_version("openvino"), find_version("torch")]
        return hash_json([identity, self.batch, steps, self.num_streams, libraries, describe_cpu()])

    def make_config(self) -> dict[str, object]:
        """Properties for the compiler."""
        return {
            # Without it, CPUs that have bfloat16 compute in it.
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": self.num_streams,
            "INFERENCE_NUM_THREADS": self.num_streams,
            # Threads that are bound to a core wait there for whatever else the core is busy with.
            "ENABLE_CPU_PINNING": False,
        }


def load_openvino() -> Any:  # noqa: ANN401 - a module
    """The library, without its reports on how it is used.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    if "openvino" not in sys.modules and _TELEMETRY not in sys.modules:
        # It would send an event over the network at each import and conversion; without the package it
        # takes a stub of its own.
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    import openvino

    return openvino


@cache
def describe_cpu() -> str:
    """Instructions of the processor, for which models are compiled."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return f"{platform.machine()} {hash_json(told)}"


def compile_module(
    module: torch.nn.Module, inputs: torch.Tensor, shape: CompiledShape
) -> openvino.CompiledModel:
    """Compile a module by running it once on a batch and recording its steps.

    Args:
        module: On the CPU, in float32, in eval mode; it is left as it is.
        inputs: A batch of the shape.
        shape: What to compile for.

    Raises:
        BackendRefusedError: It takes other steps for other images, or has a step that is not supported.
    """
    openvino = load_openvino()
    example = normalise(inputs, shape.normalisation)
    try:
        copied = copy_structure(module).to(memory_format=torch.contiguous_format)
        require_fixed_steps(copy_structure(copied), example)
        with torch.no_grad(), warnings.catch_warnings():
            # Of the tracer, about branches by shape: the shape is fixed, and values were ruled out.
            warnings.simplefilter("ignore")
            model = openvino.convert_model(_record(copied, example), input=[list(example.shape)])
        model = _add_normalisation(openvino, model, shape.normalisation)
        return _require_float32(openvino.Core().compile_model(model, "CPU", shape.make_config()))
    except BackendRefusedError:
        raise
    except Exception as error:
        # Whatever the tracer, the compiler or the model's own code raises, PyTorch may still run it.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise BackendRefusedError(
            f"OpenVINO cannot compile it ({type(error).__name__}: {(lines or [''])[0][:200]})"
        ) from error


def load_compiled(content: bytes, shape: CompiledShape) -> openvino.CompiledModel | None:
    """A compiled model as it was kept; None where this OpenVINO does not take it."""
    openvino = load_openvino()
    try:
        model = openvino.Core().import_model(io.BytesIO(content), "CPU", shape.make_config())
        return _require_float32(model)
    except (RuntimeError, BackendRefusedError):
        return None


def export_compiled(model: openvino.CompiledModel) -> bytes:
    """A compiled model as it is kept."""
    stream = io.BytesIO()
    model.export_model(stream)
    return stream.getvalue()


def _record(module: torch.nn.Module, example: torch.Tensor) -> object:
    """The steps of a module for a batch, in the form that the converter reads."""
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # The tracer's own check runs the model three times more and takes most of a conversion; the answers are
    # compared with those of the model anyway.
    return TorchScriptPythonDecoder(module, example_input=example, trace_kwargs={"check_trace": False})


def _add_normalisation(openvino: Any, model: Any, normalisation: Normalisation | None) -> Any:  # noqa: ANN401
    """The same model for `(N, H, W, 3)` uint8 pixels."""
    if normalisation is None:
        return model
    from openvino.preprocess import PrePostProcessor

    processor = PrePostProcessor(model)
    image = processor.input()
    image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    # On the scale of the pixels, so that there are two steps and not three.
    steps = image.preprocess().convert_element_type(openvino.Type.f32)
    steps.mean([255 * value for value in normalisation.mean])
    steps.scale([255 * value for value in normalisation.std])
    image.model().set_layout(openvino.Layout("NCHW"))
    return processor.build()


def _require_float32(model: openvino.CompiledModel) -> openvino.CompiledModel:
    openvino = load_openvino()
    found = model.get_property("INFERENCE_PRECISION_HINT")
    if found != openvino.Type.f32:
        raise BackendRefusedError(f"OpenVINO would compute in {found.get_type_name()} and not in float32")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BackendRefusedError(f"the model has {len(model.outputs)} outputs, where one is needed")
    return model
