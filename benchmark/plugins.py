"""What other installed packages add by entry point: one way to list it, one error if it does not load."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path

from imagenet_g.benchmark.errors import InputError


def find_points(group: str) -> EntryPoints:
    """Entry points of a group; imports no other package."""
    return _read_points(group, tuple((place, _read_stamp(place)) for place in sys.path))


# Each command asks for several groups, and each time hundreds of packages would be looked through. They are
# looked through again when a folder of the path has changed, as after an installation.
@lru_cache(maxsize=64)
def _read_points(group: str, places: tuple[tuple[str, tuple[int, int] | None], ...]) -> EntryPoints:
    return entry_points(group=group)


def _read_stamp(place: str) -> tuple[int, int] | None:
    try:
        status = Path(place).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def list_points(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points of a group by name, names sorted; imports no other package."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    # Sorted, so that the order of names does not depend on the order of installation.
    for point in sorted(find_points(group), key=lambda point: point.name):
        # One package may be found twice on the path: as installed, and as the folder of its sources.
        found.setdefault(point.name, {})[name_package(point), point.value] = point
    return {name: tuple(points.values()) for name, points in found.items()}


def name_package(point: EntryPoint) -> str:
    """The distribution that registers an entry point."""
    return point.dist.name if point.dist is not None else "unknown"


def load_point(point: EntryPoint, what: str) -> object:
    """The object behind an entry point.

    Args:
        point: One of `list_points`.
        what: What it adds, for the message: "model library".

    Raises:
        InputError: The package's code fails; the message names the package.
    """
    try:
        return point.load()
    except Exception as error:
        # Code of another package may raise anything at import.
        raise make_broken(
            point, what, f"'{point.value}' failed with {type(error).__name__}: {error}"
        ) from error


def make_broken(point: EntryPoint, what: str, reason: str) -> InputError:
    """The error about an entry point that cannot be used.

    Example:
        >>> point = EntryPoint("doubt", "doubting:DOUBT", "imagenet_g.metrics")
        >>> print(make_broken(point, "metric", "it is 3"))
        The metric 'doubt' of the package 'unknown' cannot be used: it is 3. Update or uninstall the package.
    """
    return InputError(
        f"The {what} '{point.name}' of the package '{name_package(point)}' cannot be used: {reason}. "
        "Update or uninstall the package."
    )
