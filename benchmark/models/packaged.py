"""Models whose weights ship inside the package: `timm:packaged:NAME`, `open_clip:packaged:NAME`.

Each is a folder in its library's own format under `data/models/`; the folder's name is the model's.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.naming.specs import ModelSpec

PREFIX = "packaged:"
_LOCAL = "local-dir:"
CLASS_MAP_NAME = "classes.txt"
"""In a model's folder: the class of each output, where they are not the usual 1000."""
TRAINING_NAME = "training.json"
"""In a model's folder: from what it was trained, and how long."""
_PIPELINE_SIGNS = {
    "diffusers": ("model_index.json", "_class_name"),
    "diffusers-part": ("config.json", "_class_name"),
}
"""As `ModelLibrary.packaged_sign`, of what generates images."""


def list_packaged_models(library: str) -> tuple[str, ...]:
    """Names of the shipped models of a library, sorted.

    Args:
        library: Scheme of a model library, "diffusers" (pipelines) or "diffusers-part" (single networks).
    """
    folder = _find_folder()
    sign = _PIPELINE_SIGNS.get(library) or find_library(library).packaged_sign
    if sign is None or not folder.is_dir():
        return ()
    name, key = sign
    # By a key and not by the file's name alone: `config.json` belongs to several libraries.
    configs = (path for path in folder.glob(f"*/{name}") if key in json.loads(path.read_bytes()))
    return tuple(sorted(path.parent.name for path in configs))


def find_packaged_model(name: str, library: str) -> Path:
    """The folder of a shipped model.

    Raises:
        UnknownNameError: No model of that name and library ships.
    """
    known = list_packaged_models(library)
    if name not in known:
        raise UnknownNameError(f"packaged {library} model", name, known)
    return _find_folder() / name


def place_packaged(spec: ModelSpec) -> ModelSpec:
    """A spec that its library can load: of a shipped model its folder's, of any other itself.

    Raises:
        UnknownNameError: No model of that name ships.
    """
    if not spec.name.startswith(PREFIX):
        return spec
    folder = find_packaged_model(spec.name.removeprefix(PREFIX), spec.scheme)
    return replace(spec, name=f"local-dir:{folder}")


def add_packaged_class_map(request: ModelRequest) -> ModelRequest:
    """The request with the class map that lies beside the model, unless it brings its own.

    That of a shipped model, or of a folder that `imagenet-g baselines train` wrote, which has its record too:
    another folder's file of that name may hold anything.
    """
    if request.class_map is not None:
        return request
    folder = _find_model_folder(request.spec)
    if folder is None or not (folder / CLASS_MAP_NAME).is_file():
        return request
    return replace(request, class_map=folder / CLASS_MAP_NAME)


def _find_model_folder(spec: ModelSpec) -> Path | None:
    if spec.name.startswith(PREFIX):
        return find_packaged_model(spec.name.removeprefix(PREFIX), spec.scheme)
    folder = Path(spec.name.removeprefix(_LOCAL)) if spec.name.startswith(_LOCAL) else None
    return folder if folder is not None and (folder / TRAINING_NAME).is_file() else None


def find_packaged_training_data(spec: ModelSpec) -> str | None:
    """Reference of the split a shipped model was trained on; None for a model that does not ship."""
    if not spec.name.startswith(PREFIX):
        return None
    folder = find_packaged_model(spec.name.removeprefix(PREFIX), spec.scheme)
    record = json.loads((folder / TRAINING_NAME).read_text(encoding="utf-8"))
    return " + ".join(dict.fromkeys(stage["data"]["ref"] for stage in record["stages"]))


def _find_folder() -> Path:
    return Path(str(files("imagenet_g.benchmark.data") / "models"))
