"""A part of a pipeline from another repository, loaded by its own configuration."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from imagenet_g.benchmark.errors import ModelError, UnknownNameError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.generation.generators.runtime import silence_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imagenet_g.generation.specs.stages import PipelinePartSpec, StageSpec

Network: TypeAlias = Any
NetworkClass: TypeAlias = Any
"""The networks of two libraries share no typed interface."""
_BASES = {"diffusers": "ModelMixin", "transformers": "PreTrainedModel"}
"""Base class of every network of a library; nothing else is loaded as a part."""


def load_part(spec: StageSpec, name: str, index: Mapping[str, Any], folder: Path) -> Network:
    """A network with its weights, for the part of that name in a pipeline.

    Args:
        spec: The stage, with the dtype and the variant.
        name: Name of the part, such as "unet".
        index: The stage's model_index.json: library and class of every part.
        folder: Where the part's files are.

    Returns:
        A model of diffusers or transformers. Its class is that of the part's own configuration: a small
        autoencoder may replace a large one.

    Raises:
        UnknownNameError: The pipeline has no network of that name.
        ModelError: The folder does not hold a network of that library.
    """
    known = [place for place, part in index.items() if isinstance(part, list) and part[0] in _BASES]
    if name not in known:
        raise UnknownNameError("part", name, known, where=f"of '{spec.repo}'")
    part = spec.parts[name]
    found = _find_class(index[name][0], folder, repo=part.repo)
    return read_pretrained(found, folder, part, dtype=spec.dtype, name=found.__name__)


def read_pretrained(
    saved_class: NetworkClass,
    folder: Path,
    spec: StageSpec | PipelinePartSpec,
    *,
    dtype: str,
    name: str,
    **components: Network,
) -> Network:
    """A pipeline or a network as its library saved it, from local files only and without output.

    Args:
        saved_class: Class with the libraries' `from_pretrained`.
        folder: Folder of its files.
        spec: Gives the variant, and the repository for messages.
        dtype: Name of the weights' type.
        name: Name of the class or part, for messages.
        **components: Components of a pipeline that replace its own.

    Raises:
        ModelError: It cannot be loaded.
    """
    import torch

    silence_libraries()
    try:
        with ignore_library_warnings():
            # Local files only: everything was fetched at a pinned commit before.
            return saved_class.from_pretrained(
                str(folder),
                dtype=getattr(torch, dtype),
                variant=spec.variant,
                local_files_only=True,
                **components,
            )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"'{spec.repo}' cannot be loaded as {name}: {reason}") from error


def _find_class(library: str, folder: Path, *, repo: str) -> NetworkClass:
    module = importlib.import_module(library)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = config["_class_name"] if library == "diffusers" else config["architectures"][0]
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ModelError(f"'{repo}' has no config.json that names a model of {library}.") from error
    found = getattr(module, name, None) if isinstance(name, str) else None
    # Only classes of the library: a configuration from elsewhere must not choose any other object of the
    # module.
    if not (isinstance(found, type) and issubclass(found, getattr(module, _BASES[library]))):
        raise ModelError(f"'{repo}' is a {name!r}, which is not a model of the installed {library}.")
    return found
