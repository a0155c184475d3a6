"""Loading diffusers pipelines: from a pinned commit or a folder, weights only, seedable scheduler."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.fingerprints.towers import hash_tower
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.generation.generators.adapters import add_loras, describe_loras, make_quantization
from imagenet_g.generation.generators.outputs import require_one_frame
from imagenet_g.generation.generators.parts import load_part, read_pretrained
from imagenet_g.generation.generators.schedulers import load_scheduler_class, validate_scheduler
from imagenet_g.generation.specs.pipeline_classes import (
    PipelineClass,
    find_pipeline_class,
    list_call_arguments,
    list_call_defaults,
)
from imagenet_g.generation.specs.repos import fetch_repo, hash_repo, name_repo
from imagenet_g.generation.specs.stages import StageSpec

if TYPE_CHECKING:
    from pydantic import JsonValue

Pipeline: TypeAlias = Any
"""An instance of a `PipelineClass`."""
_TEXT_PARTS = ("text_encoder", "tokenizer")
_TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")


@dataclass(frozen=True, slots=True)
class LoadedStage:
    """A loaded pipeline.

    Attributes:
        spec: Its spec.
        pipe: The pipeline.
        folder: Folder of its files.
        part_folders: Folders of parts from other repositories.
        lora_folders: Folders of its adapters.
    """

    spec: StageSpec
    pipe: Pipeline
    folder: Path
    part_folders: dict[str, Path] = field(default_factory=dict)
    lora_folders: tuple[Path, ...] = ()


def load_stage(
    spec: StageSpec, *, token_limit: int | None = None, without: tuple[str, ...] = ()
) -> LoadedStage:
    """A pipeline in memory, in eval mode, without progress bars, its scheduler checked.

    Args:
        spec: The stage.
        token_limit: Prompt tokens that its CLIP keeps by the spec; None where it says nothing.
        without: Components that are not loaded, because an earlier stage has the same.

    Raises:
        ImagenetGError: It cannot be fetched or loaded, its scheduler cannot be reproduced, or it takes no
            argument of a name the spec gives, or its CLIP keeps fewer tokens than the spec says.
    """
    pipeline_class = find_pipeline_class(spec.pipeline)
    scheduler = None if spec.scheduler is None else load_scheduler_class(spec.scheduler.name)
    if scheduler is not None:
        # Before gigabytes of weights are read, and again below for the repository's own scheduler.
        validate_scheduler(scheduler)
    folder = fetch_repo(spec)
    index = _read_index(folder, spec)
    _validate_components(pipeline_class, index, spec)
    part_folders = {name: fetch_repo(part) for name, part in spec.parts.items()}
    parts = {name: load_part(spec, name, index, path) for name, path in part_folders.items()}
    parts |= dict.fromkeys(without)
    quantized = make_quantization(spec.quantization, index)
    pipe = read_pretrained(
        pipeline_class, folder, spec, dtype=spec.dtype, name=spec.pipeline, **parts, **quantized
    )
    if scheduler is not None and spec.scheduler is not None:
        with ignore_library_warnings():
            pipe.scheduler = scheduler.from_config(pipe.scheduler.config, **spec.scheduler.options)
    validate_scheduler(type(pipe.scheduler))
    _validate_arguments(pipe, spec)
    require_one_frame(pipe, spec.arguments)
    _validate_token_limit(pipe, spec.repo, token_limit)
    pipe.set_progress_bar_config(disable=True)
    lora_folders = tuple(fetch_repo(lora) for lora in spec.loras)
    add_loras(pipe, spec.loras, lora_folders)
    return LoadedStage(spec, pipe, folder, part_folders, lora_folders)


def describe_stage(stage: LoadedStage) -> dict[str, JsonValue]:
    """Description of a loaded stage: classes, scheduler and its configuration, file hashes, call defaults."""
    spec, pipe = stage.spec, stage.pipe
    config = {key: value for key, value in pipe.scheduler.config.items() if not key.startswith("_")}
    return {
        "pipeline": type(pipe).__name__,
        "module": type(pipe).__module__,
        "repo": name_repo(spec),
        "revision": spec.revision,
        "variant": spec.variant,
        "dtype": spec.dtype,
        "components": {
            name: type(part).__name__ for name, part in sorted(pipe.components.items()) if part is not None
        },
        "scheduler": {"class": type(pipe.scheduler).__name__, "config": _make_plain(config)},
        "attention": _list_attention(pipe),
        # Recorded, because a later diffusers may have other ones.
        "defaults": list_call_defaults(type(pipe)),
        "files": dict(hash_repo(stage.folder)),
        **({"parts": _describe_parts(stage)} if spec.parts else {}),
        **({"loras": describe_loras(spec.loras, stage.lora_folders)} if spec.loras else {}),
        **({"encoders": encoders} if (encoders := _hash_encoders(pipe)) else {}),
        **_describe_watermarker(pipe),
    }


def _describe_watermarker(pipe: Pipeline) -> dict[str, JsonValue]:
    """What stamps the pixels of pipelines whose mark hangs on a package; empty for those that have none."""
    # The XL pipelines mark where `invisible-watermark` is installed, and no component of theirs says so.
    if not hasattr(pipe, "watermark"):
        return {}
    marker = pipe.watermark
    return {"watermarker": None if marker is None else type(marker).__name__}


def _hash_encoders(pipe: Pipeline) -> dict[str, JsonValue]:
    """Hashes by which the judged CLIP is found again as one of the pipeline's encoders."""
    encoders = {
        name: part
        for name, part in pipe.components.items()
        if part is not None and re.fullmatch(r"(text_encoder(_\d+)?|image_encoder)", name)
    }
    found = {
        name: hash_tower(part.state_dict(), "image" if name == "image_encoder" else "text")
        for name, part in encoders.items()
    }
    return {name: sha256 for name, sha256 in sorted(found.items()) if sha256 is not None}


def _describe_parts(stage: LoadedStage) -> dict[str, JsonValue]:
    return {
        name: {
            "repo": name_repo(part),
            "revision": part.revision,
            "subfolder": part.subfolder,
            "variant": part.variant,
            "files": dict(hash_repo(stage.part_folders[name])),
        }
        for name, part in sorted(stage.spec.parts.items())
    }


def _read_index(folder: Path, spec: StageSpec) -> dict[str, Any]:
    """Library and class of each part of a repository."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"'{spec.repo}' has no readable model_index.json: {error}") from error
    if not isinstance(index, dict):
        raise ModelError(f"'{spec.repo}' has no readable model_index.json: it is no table.")
    return index


def _validate_components(pipeline_class: PipelineClass, index: dict[str, Any], spec: StageSpec) -> None:
    """Refuse a class that would omit a part of the repository: it would load and then fail in every call."""
    if spec.pipeline.startswith("Auto") or spec.pipeline == "DiffusionPipeline":
        return
    known = inspect.signature(pipeline_class.__init__).parameters
    parts = [name for name, part in index.items() if isinstance(part, list) and part[0] is not None]
    # A class that takes an image instead of text rightly omits the text encoder.
    spare = _TEXT_PARTS if "image_encoder" in known and "image_encoder" in parts else ()
    if unknown := [name for name in parts if name not in (*known, *spare)]:
        raise ModelError(
            f"'{spec.repo}' cannot be loaded as {spec.pipeline}: it is a {index.get('_class_name')} with a "
            f"part '{unknown[0]}', which that class does not have."
        )


def _validate_arguments(pipe: Pipeline, spec: StageSpec) -> None:
    known = list_call_arguments(type(pipe))
    for name in spec.arguments:
        if name not in known:
            raise UnknownNameError("argument", name, known, where=f"of {type(pipe).__name__}")
    if "generator" not in known:
        raise ModelError(f"{type(pipe).__name__} takes no generator: its images cannot be reproduced.")


def _validate_token_limit(pipe: Pipeline, repo: str, limit: int | None) -> None:
    """Refuse a limit above that of the pipeline: prompts would be cut that the plan counts as whole."""
    tokenizers = [found for name in _TOKENIZERS if (found := getattr(pipe, name, None)) is not None]
    # Those of T5 beside CLIP have another length, and the limit is not about them.
    kept = [one.model_max_length for one in tokenizers if type(one).__name__.startswith("CLIP")]
    if limit is not None and kept and limit > min(kept):
        raise ModelError(
            f"The spec says clip_token_limit = {limit}, and the text encoder of '{repo}' keeps {min(kept)} "
            f"tokens: prompts would be cut that count as whole. Write clip_token_limit = {min(kept)}."
        )


def _list_attention(pipe: Pipeline) -> list[JsonValue]:
    # Not by truth value, which a compiled module does not define.
    network = pipe.unet if hasattr(pipe, "unet") else getattr(pipe, "transformer", None)
    processors = getattr(network, "attn_processors", {})
    names: list[JsonValue] = [*sorted({type(processor).__name__ for processor in processors.values()})]
    return names


def _make_plain(value: object) -> JsonValue:
    """Scheduler settings as JSON: tuples become lists, arrays lists of numbers, anything else its name."""
    if isinstance(value, dict):
        return {str(key): _make_plain(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_make_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # JSON has neither infinity nor NaN, for both of which this difference is NaN.
        return value if value - value == 0 else str(value)
    return _make_plain(value.tolist()) if isinstance(value, np.ndarray) else str(value)
