"""What the code of an outside model library is: an edited library must not read the cache of the old one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.naming.library import OWN_DISTRIBUTION, ModelLibrary


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
