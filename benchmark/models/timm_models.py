"""Models of timm: `timm:<name>`, `timm:hf-hub:org/name`, `timm:local-dir:PATH`, `timm:packaged:NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch

from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.checkpoints.reading import list_weight_files
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.hub.fetching import (
    RemoteFile,
    describe_hub_file,
    describe_url_file,
    fetch,
    find_cached_files,
    parse_revision,
)
from imagenet_g.benchmark.models.assumptions import describe_own_weights, describe_timm_config
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import (
    IMAGENET_1K,
    LoadedModel,
    load_requested_class_map,
    make_classifier,
    validate_head,
)
from imagenet_g.benchmark.models.packaged import (
    PREFIX,
    add_packaged_class_map,
    find_packaged_training_data,
    place_packaged,
)
from imagenet_g.benchmark.models.timm_building import build_published, build_unloaded, fetch_from_hub
from imagenet_g.benchmark.models.timm_transforms import (
    build_timm_precropped_transform,
    build_timm_transform,
    describe_timm_transform,
    resolve_timm_config,
)
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS, ModelSpec
from imagenet_g.benchmark.records import Preprocessing

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
LOCAL_FILES = (*WEIGHT_FILES, "pytorch_model.pth", "model.pth")
_INSTEAD = (
    "give your own copy of the weights with --checkpoint FILE; or name a folder with config.json and "
    "model.safetensors as 'timm:local-dir:PATH'"
)
# Recipes known to have seen ImageNet-1k and nothing else, by the tag timm gives them.
_IMAGENET_1K_TAGS = ("in1k", "tv_in1k", "tv2_in1k", "a1_in1k", "a2_in1k", "a3_in1k", "gluon_in1k", "ra_in1k",
                     "ms_in1k", "fb_in1k")  # fmt: skip


class _Loaded(NamedTuple):
    """A model, the files it was read from, and what there is to say about reading them."""

    module: torch.nn.Module
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def load_model(request: ModelRequest) -> Classifier:
    """Load a timm model with its own test-time preprocessing.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    own_weights = request.checkpoint is not None
    resolved = resolve_model_spec(request.spec, own_weights=own_weights)
    name, spec = place_packaged(resolved.spec).name, str(resolved.spec)
    request = add_packaged_class_map(request)
    module, files, notes = _load_module(request, name, spec)
    config = resolve_timm_config(module)
    preprocessing = describe_timm_transform(config)
    tag = name.partition(".")[2]
    return make_classifier(
        request,
        LoadedModel(
            spec=spec + OWN_WEIGHTS if own_weights else spec,
            module=module,
            preprocessing=preprocessing,
            transform=build_timm_transform(config),
            precropped_transform=build_timm_precropped_transform(config),
            files=files,
            revision=parse_revision(files[0]) if files else None,
            training_data=None if own_weights else _find_training_data(resolved.spec, tag),
            notes=notes,
            assumptions=_list_assumptions(request, name, module, preprocessing),
        ),
    )


def _list_assumptions(
    request: ModelRequest, name: str, module: torch.nn.Module, preprocessing: Preprocessing
) -> tuple[str, ...]:
    """Whose preprocessing own weights run with, and what a folder's configuration leaves open."""
    if name.startswith("local-dir:") and not request.spec.name.startswith(PREFIX):
        config = json.loads((Path(name.removeprefix("local-dir:")) / "config.json").read_bytes())
        said = describe_timm_config(config, preprocessing)
        return () if said is None else (said,)
    # A repository brings its own preprocessing, and published weights are run with theirs.
    if ":" in name or request.checkpoint is None:
        return ()
    published: Any = module.pretrained_cfg
    source = ".".join(part for part in (published.get("architecture") or name, published.get("tag")) if part)
    return (describe_own_weights(f"timm:{name}", preprocessing, source=f"timm:{source}"),)


def _find_training_data(spec: ModelSpec, tag: str) -> str | None:
    return IMAGENET_1K if tag in _IMAGENET_1K_TAGS else find_packaged_training_data(spec)


def _load_module(request: ModelRequest, name: str, spec: str) -> _Loaded:
    source, _, location = name.rpartition(":") if name.startswith("hf-hub:") else name.partition(":")
    if source == "hf-hub":
        return _load_from_hub(request, name, location)
    if source == "local-dir" and location:
        return _load_from_folder(request, name, Path(location))
    config = timm.get_pretrained_cfg(name)
    class_map = load_requested_class_map(request)
    if class_map is None and config is not None:
        # Checked before anything is fetched.
        validate_head(config.num_classes, None, request=request, spec=spec)
    if request.checkpoint is not None:
        return _load_own_weights(request, name, request.checkpoint)
    remote, find_files = _describe_weights(name)
    with fetch(remote):
        module = build_published(name)
    return _Loaded(module, find_files())


def _load_from_hub(request: ModelRequest, name: str, location: str) -> _Loaded:
    repository, _, revision = location.partition("@")
    with fetch(_describe_repository(repository, ("config.json",), revision or None)):
        if request.checkpoint is not None:
            return _load_own_weights(request, name, request.checkpoint)
        fetch_from_hub(location)
    path = next(iter(find_cached_files(repository, WEIGHT_FILES, revision=revision or None)), None)
    if path is None:
        raise DataError(f"'{repository}' holds no weights: one of {', '.join(WEIGHT_FILES)} is needed.")
    return _load_own_weights(request, name, path)


def _load_from_folder(request: ModelRequest, name: str, folder: Path) -> _Loaded:
    if not (folder / "config.json").is_file():
        raise DataError(f"There is no '{folder / 'config.json'}': not a folder that timm saved a model to.")
    path = request.checkpoint or next(
        (folder / file for file in LOCAL_FILES if (folder / file).is_file()), None
    )
    if path is None:
        raise DataError(f"'{folder}' holds no weights: one of {', '.join(LOCAL_FILES)} is needed.")
    loaded = _load_own_weights(request, name, path)
    return loaded._replace(files=(*loaded.files, folder / "config.json"))


def _load_own_weights(request: ModelRequest, name: str, path: Path) -> _Loaded:
    """A model with the weights of a file; those of a folder are adapted to its config as timm does."""
    weights = load_checkpoint(path, request.checkpoint_key)
    class_map = load_requested_class_map(request)
    # A folder's config names its own head; a checkpoint for a registered name may have another.
    num_classes = len(class_map.wnids) if class_map and request.checkpoint else None
    with fetch(None):
        module, convert = build_unloaded(name, num_classes=num_classes)
    notes = load_into(module, weights, convert=convert, convert_shapes=request.checkpoint is None)
    return _Loaded(module, list_weight_files(path), notes)


def _describe_weights(name: str) -> tuple[RemoteFile, Callable[[], tuple[Path, ...]]]:
    """What timm is about to fetch for a registered name, and how to find it afterwards."""
    config: Any = timm.get_pretrained_cfg(name)
    if config.hf_hub_id:
        repository, _, revision = config.hf_hub_id.partition("@")
        names = (config.hf_hub_filename,) if config.hf_hub_filename else WEIGHT_FILES
        return (
            _describe_repository(repository, names, revision or None),
            lambda: find_cached_files(repository, names, revision=revision or None)[:1],
        )
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(config.url).name
    return describe_url_file(config.url, path, instead=_INSTEAD), lambda: (path,) if path.is_file() else ()


def _describe_repository(repository: str, names: Sequence[str], revision: str | None) -> RemoteFile:
    return describe_hub_file(repository, names, revision=revision, instead=_INSTEAD)
