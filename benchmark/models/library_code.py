"""What the code of an outside model library is: an edited library must not read the cache of the old one."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.naming.library import OWN_DISTRIBUTION, ModelLibrary

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MAX_DEPTH = 5
# Their versions are recorded, or follow from Python's; reading their source would add nothing.
_KNOWN = {*sys.stdlib_module_names, "torch", "torchvision", "timm", "open_clip", "transformers", "imagenet_g"}


def hash_library(scheme: str) -> str | None:
    """sha256 of the distribution, the versions and the source files behind a model library; imports no torch.

    Returns:
        64 hex digits; None for a library of this package, whose rows are the same for every user.

    Raises:
        InputError: As `find_library`.

    Example:
        >>> hash_library("timm") is None
        True
    """
    library = find_library(scheme)
    if library.distribution == OWN_DISTRIBUTION:
        return None
    files = list_source_files(library)
    return hash_json(
        {
            "distribution": library.distribution,
            "versions": list_versions((library.distribution, *library.packages)),
            "sources": sorted(hash_file(path) for path in files),
        }
    )


def list_source_files(library: ModelLibrary) -> tuple[Path, ...]:
    """The Python files of the loader's package, or the loader's own file where it is in no package."""
    address = library.loader.partition(":")[0]
    parts = address.split(".")
    for stop in range(1, len(parts) + 1):
        try:
            found = find_spec(".".join(parts[:stop]))
        except (ImportError, ValueError):
            return ()
        # A namespace package has no file of its own and may hold packages of others: the next level counts.
        if found is None or not found.has_location or found.origin is None:
            continue
        path = Path(found.origin)
        if found.submodule_search_locations is None:
            return (path,) if path.is_file() else ()
        # The whole package, because a loader may leave its transform to a module beside it.
        return tuple(sorted(file for file in path.parent.rglob("*.py") if file.is_file()))
    return ()


def hash_transforms(transforms: Iterable[object]) -> str:
    """sha256 of transforms as they print, and of the source files of their classes and functions."""
    transforms = tuple(transforms)
    # Addresses of objects differ from run to run.
    printed = [_ADDRESS.sub("", repr(transform)) for transform in transforms]
    sources = [hash_file(path) for path in list_transform_files(transforms)]
    return hash_json({"printed": printed, "sources": sorted(sources)})


def list_transform_files(transforms: Iterable[object]) -> list[Path]:
    """Source files of the classes and functions in transforms, without those of the usual libraries."""
    found: dict[int, object] = {}
    for transform in transforms:
        _collect(transform, found, _MAX_DEPTH)
    return sorted({path for part in found.values() if (path := _find_source(part)) is not None})


def _collect(part: object, found: dict[int, object], depth: int) -> None:
    """A transform and what it holds: steps of a list, attributes, the function of a partial, a closure."""
    # Kept by identity: what is held may hold its holder.
    if depth < 0 or id(part) in found:
        return
    found[id(part)] = part
    for value in _list_held(part):
        _collect(value, found, depth - 1)


def _list_held(part: object) -> list[object]:
    if isinstance(part, Mapping):
        return list(part.values())
    if isinstance(part, list | tuple | set | frozenset):
        return list(part)
    if isinstance(part, partial):
        return [part.func, *part.args, *part.keywords.values()]
    if inspect.ismethod(part):
        return [part.__func__, part.__self__]
    if inspect.isfunction(part):
        return list(inspect.getclosurevars(part).nonlocals.values())
    # All that a module or a class holds is not what the transform uses.
    if inspect.ismodule(part) or isinstance(part, type):
        return []
    return list(getattr(part, "__dict__", {}).values())


def _find_source(part: object) -> Path | None:
    code = inspect.unwrap(part) if inspect.isroutine(part) else part if isinstance(part, type) else type(part)
    if str(getattr(code, "__module__", "")).partition(".")[0] in _KNOWN:
        return None
    try:
        source = inspect.getsourcefile(code)
    # Built in, or typed into an interpreter: there is no file to read.
    except TypeError:
        return None
    path = None if source is None else Path(source)
    return path if path is not None and path.is_file() else None
