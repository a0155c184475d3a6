"""From a library's model to a classifier of the 1000 classes: the part every library shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.fingerprints.towers import Side
from imagenet_g.benchmark.fingerprints.weights import count_parameters, hash_state_dict
from imagenet_g.benchmark.models.class_maps import ClassMap, MappedOutputs, load_class_map, validate_class_map
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.records import ModelRecord, Preprocessing, ZeroShot

if TYPE_CHECKING:
    from PIL import Image

    Transform = Callable[[Image.Image], torch.Tensor]

IMAGENET_1K = "imagenet-1k"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model as its library gives it.

    Attributes:
        spec: The spec in full.
        module: Maps `(N, 3, H, W)` float inputs to `(N, K)` logits.
        weights_sha256: Hash of the state dict; None to hash the module's own.
        preprocessing: How an image becomes the input.
        transform: PIL RGB image to `(3, H, W)` float32.
        precropped_transform: The same without cropping.
        files: Files the weights were read from, as far as known.
        revision: Commit of the repository they came from.
        training_data: What it was trained on, or None for unknown.
        zero_shot: The text side, for zero-shot models.
        encoder: As `Classifier.encoder`.
        notes: What was taken from the file of weights, taken away from its names and left out: clauses.
        assumptions: What the weights do not say, and what is assumed in its place; said and recorded.
        towers: As in `ModelRecord`, for a CLIP.
        class_map: Which class each output is, where the library's own labels say so and it is not the usual
            order; a map of the user's own comes first.
    """

    spec: str
    module: torch.nn.Module
    preprocessing: Preprocessing
    transform: Transform
    precropped_transform: Transform
    files: tuple[Path, ...] = ()
    revision: str | None = None
    training_data: str | None = None
    zero_shot: ZeroShot | None = None
    weights_sha256: str | None = None
    encoder: Callable[[torch.Tensor], torch.Tensor] | None = None
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    towers: dict[Side, str] | None = None
    class_map: ClassMap | None = None


def load_requested_class_map(request: ModelRequest) -> ClassMap | None:
    """The class map a request names, if any.

    Raises:
        InputError: It cannot be used.
    """
    return None if request.class_map is None else load_class_map(request.class_map)


def make_classifier(request: ModelRequest, model: LoadedModel) -> Classifier:
    """Check the head, map it to the 1000 classes and describe the model.

    Raises:
        ModelError: The head is not one of 1000 and no class map is given, or the model does not run.
        InputError: The class map does not fit.
    """
    module = model.module.eval().requires_grad_(False)
    # Before `float()`: weights stored as bfloat16 have the hash of what is in the file.
    weights_sha256 = model.weights_sha256 or hash_weights(request, module, model.spec, model.files)
    parameters = count_parameters(module)
    module = module.float()
    class_map = load_requested_class_map(request) or model.class_map
    # By running it: what a library's config calls the number of classes is wrong for a replaced head.
    num_outputs = request.num_outputs
    if num_outputs is None:
        num_outputs = count_outputs(module, model.preprocessing.input_size_px, spec=model.spec)
    validate_head(num_outputs, class_map, request=request, spec=model.spec)
    record = ModelRecord(
        requested=request.requested,
        spec=model.spec,
        weights_sha256=weights_sha256,
        revision=model.revision,
        num_parameters=parameters,
        num_outputs=num_outputs,
        class_map=class_map.description if class_map else None,
        preprocessing=model.preprocessing,
        zero_shot=model.zero_shot,
        training_data=model.training_data,
        assumptions=model.assumptions,
        weights_notes=model.notes,
        towers=model.towers,
        # ImageNet-1k is photographs only; for anything else it is unknown.
        generated_training_data=() if model.training_data == IMAGENET_1K else None,
    )
    return Classifier(
        record=record,
        module=MappedOutputs(module, class_map).eval() if class_map else module,
        transform=model.transform,
        precropped_transform=model.precropped_transform,
        files=model.files,
        encoder=model.encoder,
        notes=(*_format_notes(model), *model.assumptions),
    )


def hash_weights(request: ModelRequest, module: torch.nn.Module, spec: str, files: Sequence[Path]) -> str:
    """Hash of the weights that were loaded for a request, as `hash_state_dict`; kept where it asks for that.

    Args:
        request: What was asked for.
        module: The model with the weights as they are in the files.
        spec: Its spec in full.
        files: Files the weights were read from, as far as known.
    """
    if request.kept_hashes is None:
        return hash_state_dict(module.state_dict())
    named = (spec, request.checkpoint_key)
    return request.kept_hashes.hash_state(module.state_dict(), files, named)


def _format_notes(model: LoadedModel) -> tuple[str, ...]:
    return (f"Checkpoint '{model.files[0]}': {'; '.join(model.notes)}.",) if model.notes else ()


def _advise(answer: object) -> str:
    """What to do with an answer that holds the logits, as those of models of transformers do."""
    held = isinstance(getattr(answer, "logits", None), torch.Tensor)
    return " Wrap the model so that it gives its 'logits' alone." if held else ""


def count_outputs(module: torch.nn.Module, input_size_px: tuple[int, int], *, spec: str) -> int:
    """Number of outputs K, from one run on noise.

    Raises:
        ModelError: The model fails, or gives anything but finite `(1, K)` logits.
    """
    # Seeded: whether a model loads must not depend on chance.
    noise = torch.randn(1, 3, *input_size_px, generator=torch.Generator().manual_seed(0))
    size = f"3 x {input_size_px[0]} x {input_size_px[1]}"
    try:
        with torch.no_grad():
            logits = module(noise)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"Model '{spec}' does not run on one image of {size}: {reason}") from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 1:
        shape = f"shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ModelError(
            f"Model '{spec}' gives {shape} for one image; logits of shape (1, {NUM_CLASSES}) are needed."
            f"{_advise(logits)}"
        )
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(
            f"Model '{spec}' gives NaN or infinity for one image of {size}: its weights are damaged."
        )
    return logits.shape[1]


def validate_head(num_outputs: int, class_map: ClassMap | None, *, request: ModelRequest, spec: str) -> None:
    """Check that the outputs are the 1000 classes, or that a class map names them.

    Raises:
        ModelError: They are not, and no class map is given.
        InputError: The class map has another length.
    """
    if class_map is not None:
        validate_class_map(class_map, num_outputs=num_outputs, source=str(request.class_map or spec))
    elif num_outputs != NUM_CLASSES:
        raise ModelError(_format_wrong_head(spec, num_outputs))


def _format_wrong_head(spec: str, num_outputs: int) -> str:
    if num_outputs == 0:
        return (
            f"Model '{spec}' has no classification head, only features. Choose weights with a head of 1000."
        )
    hint = ""
    if num_outputs == NUM_CLASSES + 1:
        hint = " With 1001 the first is usually 'background': write '-', then the wnids in order."
    return (
        f"Model '{spec}' has {num_outputs} outputs; the {NUM_CLASSES} classes in sorted wnid order are "
        "needed. Name the class of each output with --class-map FILE: one wnid a line, '-' for an output to "
        f"leave out.{hint}"
    )
