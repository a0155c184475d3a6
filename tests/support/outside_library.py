"""A distribution outside the package that brings a model library of its own, as pip would install it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from imagenet_g.benchmark.naming.libraries import GROUP, read_entry_points

ROW = """
from imagenet_g.benchmark.naming.library import ModelLibrary, split_weights

LIBRARY = ModelLibrary(
    scheme="tally",
    loader="tally_models:load_model",
    names="tally_models:list_names",
    example="tally:mean/seed0",
    split=split_weights,
    packages=("safetensors",),
)
"""
MODULE = """
import torch
from torchvision import transforms

from imagenet_g.benchmark.models.heads import LoadedModel, make_classifier
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.records import Preprocessing


def list_names():
    return ["mean/seed0", "mean/seed1"]


def load_model(request):
    spec = resolve_model_spec(request.spec).spec
    torch.manual_seed(int(spec.weights.removeprefix("seed")))
    pool = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    transform = transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()])
    prepared = Preprocessing(
        input_size_px=(32, 32), interpolation="bilinear", crop_fraction=1.0, crop_mode="squash",
        mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), description=repr(transform),
    )
    return make_classifier(
        request,
        LoadedModel(
            spec=str(spec), module=pool.append(torch.nn.Linear(3, 1000)), preprocessing=prepared,
            transform=transform, precropped_transform=transform,
        ),
    )
"""
MODULES = {"tally_library": ROW, "tally_models": MODULE}
"""All that the author of the library writes, but for the entry point."""


def write_distribution(
    folder: Path,
    *,
    name: str = "tally",
    version: str = "1.5",
    scheme: str = "tally",
    value: str = "tally_library:LIBRARY",
    modules: Mapping[str, str] = MODULES,
) -> Path:
    """A folder for `sys.path` with the distribution `name` in it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{scheme} = {value}\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    return folder


@contextmanager
def install(*folders: Path) -> Iterator[None]:
    """The distributions in these folders count as installed; afterwards they are gone without a trace."""
    before = set(sys.modules)
    sys.path[:0] = map(str, folders)
    read_entry_points.cache_clear()
    try:
        yield
    finally:
        del sys.path[: len(folders)]
        read_entry_points.cache_clear()
        for name in set(sys.modules) - before:
            if name.startswith("tally"):
                del sys.modules[name]
