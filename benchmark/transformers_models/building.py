"""A model of transformers, built by the library itself from files on this machine.

Code of a repository is never run, and what the files leave as it was initialised is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.hub.fetching import fetch
from imagenet_g.benchmark.hub.quiet import hide_progress_bars, ignore_library_warnings
from imagenet_g.benchmark.models.heads import LoadedModel
from imagenet_g.benchmark.transformers_models.processors import (
    ProcessorTransform,
    build_precropped_transform,
    describe_processor,
)
from imagenet_g.benchmark.transformers_models.sources import CheckpointFiles

_NOT_COMPUTED = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")
"""Settings of a configuration that have no part in what the model computes."""


class BuiltModel(NamedTuple):
    """A model of transformers with its weights.

    Attributes:
        model: In evaluation mode, in the precision of its file.
        notes: What of the file has no place in it: clauses.
    """

    model: Any
    notes: tuple[str, ...]


def load_config(files: CheckpointFiles, *, spec: str) -> Any:  # noqa: ANN401
    """The configuration as the library reads it.

    Raises:
        ModelError: The library does not know the kind of model, or it needs code of its repository.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    # A kind that the library has itself needs no code, even where the repository offers some.
    if "auto_map" in files.config and files.config.get("model_type") not in CONFIG_MAPPING:
        raise ModelError(
            f"'{spec}' needs Python code of its own repository, which is never run from here. Read that "
            "code, and load the model with a factory of your own: python:MODULE:FACTORY."
        )
    with fetch(None), ignore_library_warnings():
        return AutoConfig.from_pretrained(str(files.folder), local_files_only=True, trust_remote_code=False)


def build_model(kind: Any, files: CheckpointFiles, *, spec: str) -> BuiltModel:  # noqa: ANN401
    """A model of a kind, with every tensor from its files.

    Args:
        kind: A class of transformers with `from_pretrained`.
        files: On this machine.
        spec: What to call the model in messages.

    Raises:
        ModelError: A tensor is missing or of another shape.
    """
    with fetch(None), hide_progress_bars(), ignore_library_warnings():
        model, found = kind.from_pretrained(
            str(files.folder),
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            # Listed and refused below, with the name of the tensor.
            ignore_mismatched_sizes=True,
            # In the precision of the file, whose hash the weights then have.
            dtype="auto",
        )
    _check_complete(found, spec)
    return BuiltModel(model.eval(), tuple(_describe_unused(found["unexpected_keys"])))


def assemble_model(
    files: CheckpointFiles,
    built: BuiltModel,
    module: torch.nn.Module,
    processor: Any,  # noqa: ANN401
    *,
    spec: str,
) -> LoadedModel:
    """What every model of transformers has in common: its inputs, its files, and what was left out of them.

    Args:
        files: On this machine.
        built: The model with its weights.
        module: From inputs to logits.
        processor: Its image processor.
        spec: The spec in full.
    """
    return LoadedModel(
        spec=spec,
        module=module,
        preprocessing=describe_processor(processor),
        transform=ProcessorTransform(processor),
        precropped_transform=build_precropped_transform(processor),
        files=files.files,
        revision=files.revision,
        notes=built.notes,
    )


def _check_complete(found: Mapping[str, Any], spec: str) -> None:
    """Refuse a model with a part that no file gave."""
    missing = sorted(found["missing_keys"])
    if missing:
        raise ModelError(
            f"The weights of '{spec}' lack {len(missing)} of the model's tensors, such as '{missing[0]}', "
            "which would be random. The files are incomplete or of another model."
        )
    for name, given, own in sorted(found["mismatched_keys"]):
        raise ModelError(
            f"The weights of '{spec}' do not fit: '{name}' has shape {tuple(given)} in the file and "
            f"{tuple(own)} in the model that config.json describes."
        )


def describe_settings(config: Any) -> str:  # noqa: ANN401
    """A configuration in one line, the same wherever its folder lies."""
    settings = {key: value for key, value in config.to_dict().items() if key not in _NOT_COMPUTED}
    return json.dumps(settings, sort_keys=True, default=str)


def _describe_unused(names: Iterable[str]) -> Iterable[str]:
    unused = sorted(names)
    if unused:
        more = ", ..." if len(unused) > 1 else ""
        yield f"left out '{unused[0]}'{more}, for which the model has no place"
