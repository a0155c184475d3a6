"""What is installed, what was typed, what time it is: the facts a result records of its making."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from imagenet_g.benchmark.results import Environment


def list_versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages, with Python's; a package that is not installed is left out."""
    found = {"python": python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def make_environment() -> Environment:
    """What computes the numbers: package versions, command and time."""
    return Environment(
        imagenet_g=version("imagenet-g"),
        command=" ".join(["imagenet-g", *sys.argv[1:]]),
        created_utc=format_now(),
        versions=list_versions(("numpy", "scipy", "pyarrow", "pydantic")),
    )


def format_now() -> str:
    """The time now in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
