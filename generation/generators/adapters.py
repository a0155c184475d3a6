"""Adapters and quantisation of a pipeline: small changes of its weights that are part of the recipe."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.generation.generators.runtime import silence_libraries
from imagenet_g.generation.specs.repos import name_repo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from imagenet_g.generation.specs.stages import LoraSpec, QuantizationSpec

_PACKAGES = {
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "torchao": "torchao",
}


def add_loras(pipe: Any, loras: Sequence[LoraSpec], folders: Sequence[Path]) -> None:  # noqa: ANN401
    """Put adapters on a loaded pipeline, each with its scale.

    Args:
        pipe: The pipeline.
        loras: The adapters of its spec.
        folders: Where the files of each are.

    Raises:
        InputError: peft is not installed, or the pipeline takes no adapter.
        ModelError: A file cannot be read, or holds tensors that no layer of the pipeline takes.
    """
    if not loras:
        return
    if find_spec("peft") is None:
        raise InputError(
            f"'{loras[0].repo}' is an adapter, which needs peft: pip install 'imagenet-g[lora]'."
        )
    if not hasattr(pipe, "load_lora_weights"):
        raise InputError(f"{type(pipe).__name__} takes no adapter; remove 'loras' from the spec.")
    names = [f"lora{number}" for number in range(len(loras))]
    for name, lora, folder in zip(names, loras, folders, strict=True):
        _add_lora(pipe, name, lora, folder)
    pipe.set_adapters(names, adapter_weights=[lora.scale for lora in loras])


def _add_lora(pipe: Any, name: str, lora: LoraSpec, folder: Path) -> None:  # noqa: ANN401
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    silence_libraries()
    try:
        # Handed over as tensors: by a name diffusers would choose the file itself, a pickle among them.
        tensors = load_file(folder / lora.file)
        with ignore_library_warnings():
            pipe.load_lora_weights(dict(tensors), adapter_name=name)
    except (SafetensorError, OSError, ValueError, LookupError, RuntimeError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"'{lora.file}' of '{lora.repo}' is no adapter of {type(pipe).__name__}: {reason}"
        ) from error
    # diffusers leaves out what fits nowhere with a warning: the images would be those without the adapter.
    wanted = sum(not key.endswith(("alpha", "dora_scale")) for key in tensors)
    if (taken := _count_tensors(pipe, name)) < wanted:
        raise ModelError(
            f"{type(pipe).__name__} takes {taken} of the {wanted} tensors of '{lora.file}' of '{lora.repo}': "
            "it is an adapter of another network."
        )


def _count_tensors(pipe: Any, name: str) -> int:  # noqa: ANN401
    networks = [part for part in pipe.components.values() if hasattr(part, "named_parameters")]
    return sum(f".{name}." in f"{key}." for network in networks for key, _ in network.named_parameters())


def describe_loras(loras: Sequence[LoraSpec], folders: Sequence[Path]) -> list[JsonValue]:
    """What was added, with the hash of each file."""
    return [
        {
            "repo": name_repo(lora),
            "revision": lora.revision,
            "file": lora.file,
            "scale": lora.scale,
            "sha256": hash_file(folder / lora.file),
        }
        for lora, folder in zip(loras, folders, strict=True)
    ]


def make_quantization(spec: QuantizationSpec | None, index: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by which diffusers quantises parts while it loads a pipeline; empty without.

    Args:
        spec: From the stage.
        index: The pipeline's model_index.json: library and class of every part.

    Raises:
        InputError: The package is not installed, or it does not take the options.
        ModelError: The pipeline has no such part.
    """
    if spec is None:
        return {}
    if odd := [name for name in spec.parts if not isinstance(index.get(name), list)]:
        raise ModelError(f"The pipeline has no part '{odd[0]}' to quantise.")
    package = _PACKAGES[spec.backend]
    if find_spec(package) is None:
        raise InputError(f"quantization.backend = '{spec.backend}' needs a package: pip install {package}.")
    from diffusers.quantizers import PipelineQuantizationConfig

    try:
        mapping = {name: _make_config(spec, import_module(str(index[name][0]))) for name in spec.parts}
        return {"quantization_config": PipelineQuantizationConfig(quant_mapping=mapping)}
    except (TypeError, ValueError, AttributeError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"quantization: '{spec.backend}' cannot be used with these options: {reason}"
        ) from error


def _make_config(spec: QuantizationSpec, library: Any) -> Any:  # noqa: ANN401
    options = dict(spec.options)
    if spec.backend == "torchao":
        classes = import_module("torchao.quantization")
        # A spec names the class of torchao; its own options stand beside the name.
        kind = getattr(classes, str(options.pop("quant_type")))
        return library.TorchAoConfig(kind(**options))
    return library.BitsAndBytesConfig(**{f"load_in_{spec.backend[-4:]}": True, **options})
