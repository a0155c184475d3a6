"""Models of transformers: `transformers:org/name[@revision]`, `transformers:local-dir:PATH`.

Built by the library itself, from files on this machine alone and never with code of a repository. What it
leaves as it was initialised is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.hub.fetching import fetch
from imagenet_g.benchmark.hub.quiet import hide_progress_bars, ignore_library_warnings
from imagenet_g.benchmark.models.class_maps import ClassMap
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import LoadedModel, make_classifier
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.transformers_models.labels import match_labels
from imagenet_g.benchmark.transformers_models.processors import (
    ProcessorTransform,
    build_precropped_transform,
    describe_processor,
    load_processor,
)
from imagenet_g.benchmark.transformers_models.sources import CheckpointFiles, find_checkpoint

_CLASSIFIERS = ("ForImageClassification", "ForImageClassificationWithTeacher")
_NOT_COMPUTED = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")
"""Settings of a configuration that have no part in what the model computes."""


class LogitsOf(torch.nn.Module):
    """A classifier of transformers as a function from images to logits.

    Args:
        model: Its answer has `logits`.
        settings: Its configuration in words: not all of it shows in its layers.
    """

    def __init__(self, model: torch.nn.Module, settings: str) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, K)` logits of `(N, 3, H, W)` inputs."""
        logits: torch.Tensor = self.model(pixel_values=images).logits
        return logits


class BuiltModel(NamedTuple):
    """A model of transformers with its weights.

    Attributes:
        model: In evaluation mode, in the precision of its file.
        notes: What of the file has no place in it: clauses.
    """

    model: Any
    notes: tuple[str, ...]


def load_model(request: ModelRequest) -> Classifier:
    """Load a model with the image processor of its checkpoint.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    spec = resolve_model_spec(request.spec).spec
    files = find_checkpoint(spec.name)
    return load_image_classifier(request, files, spec=str(spec))


def load_image_classifier(request: ModelRequest, files: CheckpointFiles, *, spec: str) -> Classifier:
    """A classifier with a head of its own.

    Raises:
        ModelError: There is no such head, its labels are not the 1000 classes, or the weights do not fit.
    """
    from transformers import AutoModelForImageClassification

    _check_architecture(files, spec)
    class_map = None if request.class_map else read_labels(load_config(files, spec=spec), spec=spec)
    processor = load_processor(files, spec=spec)
    built = build_model(AutoModelForImageClassification, files, spec=spec)
    return make_classifier(
        request,
        LoadedModel(
            spec=spec,
            module=LogitsOf(built.model, describe_settings(built.model.config)),
            preprocessing=describe_processor(processor),
            transform=ProcessorTransform(processor),
            precropped_transform=build_precropped_transform(processor),
            files=files.files,
            revision=files.revision,
            notes=built.notes,
            class_map=class_map,
        ),
    )


def load_config(files: CheckpointFiles, *, spec: str) -> Any:  # noqa: ANN401
    """The configuration as the library reads it.

    Raises:
        ModelError: The library does not know the kind of model, or it needs code of its repository.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

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


def read_labels(config: Any, *, spec: str) -> ClassMap | None:  # noqa: ANN401
    """The class of each output by a configuration's labels; None for the usual order.

    Raises:
        ModelError: As `match_labels`, or the labels are not numbered as the outputs are.
    """
    labels: Mapping[int, str] = config.id2label or {}
    if sorted(labels) != list(range(len(labels))):
        raise ModelError(
            f"Model '{spec}': 'id2label' of its config.json does not number its outputs 0, 1, 2, ... Name "
            "the class of each output with --class-map FILE."
        )
    return match_labels([str(labels[number]) for number in range(len(labels))], spec=spec)


def describe_settings(config: Any) -> str:  # noqa: ANN401
    """A configuration in one line, the same wherever its folder lies."""
    settings = {key: value for key, value in config.to_dict().items() if key not in _NOT_COMPUTED}
    return json.dumps(settings, sort_keys=True, default=str)


def _check_architecture(files: CheckpointFiles, spec: str) -> None:
    named = _list_architectures(files.config)
    if named and not any(name.endswith(_CLASSIFIERS) for name in named):
        raise ModelError(
            f"'{spec}' is a {', '.join(named)}, which has no classifier. Choose weights with a head for "
            "ImageNet's 1000 classes."
        )


def _list_architectures(config: Mapping[str, object]) -> list[str]:
    named = config.get("architectures")
    return [str(name) for name in named] if isinstance(named, list) else []


def _describe_unused(names: Iterable[str]) -> Iterable[str]:
    unused = sorted(names)
    if unused:
        more = ", ..." if len(unused) > 1 else ""
        yield f"left out '{unused[0]}'{more}, for which the model has no place"
