"""Package versions, command line and time: the facts that a result records about its computation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from imagenet_g.benchmark.results import Environment


def list_versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages, with Python's; a package that is not installed is left out."""
    found = {"python": python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        # Which libraries are there depends on the extras that were installed; one that is absent computed
        # nothing.
        except PackageNotFoundError:
            continue
    return found


def make_environment() -> Environment:
    """What computes the numbers: package versions, command and time."""
    return Environment(
        imagenet_g=version("imagenet-g"),
        # Not argv[0]: it is a path of this machine, which a published result must not carry.
        command=" ".join(["imagenet-g", *sys.argv[1:]]),
        created_utc=format_now(),
        # Only what scores and intervals depend on; the run record of each entry lists the libraries of the
        # model.
        versions=list_versions(("numpy", "scipy", "pyarrow", "pydantic")),
    )


def format_now() -> str:
    """The time now in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_peak_mb() -> float:
    """Peak memory of this process so far, in MB; on Linux only."""
    # Not getrusage: its peak survives exec, so that a child reports at least what its parent held.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6
