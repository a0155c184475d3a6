"""Package versions, command line and time: the facts that a result records about its computation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from platform import python_version

from imagenet_g.benchmark.results import Environment

_VERSION = re.compile(r"^Version: (\S+)$", re.MULTILINE)
_COMMAND: ContextVar[str | None] = ContextVar("command", default=None)


@contextmanager
def name_command(command: str) -> Iterator[None]:
    """Record this as the command inside: a notebook's own command line says nothing of what was asked.

    Example:
        >>> with name_command("imagenet_g.evaluate('timm:resnet50')"):
        ...     make_environment().command
        "imagenet_g.evaluate('timm:resnet50')"
    """
    token = _COMMAND.set(command)
    try:
        yield
    finally:
        _COMMAND.reset(token)


def find_version(package: str) -> str:
    """The installed version of a package.

    Raises:
        PackageNotFoundError: It is not installed.

    Example:
        >>> from importlib.metadata import version
        >>> find_version("numpy") == version("numpy")
        True
    """
    found = distribution(package)
    # Asked thirty times for a model. `version` parses the whole file, which holds the package's description.
    header = (found.read_text("METADATA") or "").partition("\n\n")[0]
    line = _VERSION.search(header)
    return line[1] if line else found.version


def list_versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of packages, with Python's; a package that is not installed is left out."""
    found = {"python": python_version()}
    for package in packages:
        try:
            found[package] = find_version(package)
        # Which libraries are there depends on the extras that were installed; one that is absent computed
        # nothing.
        except PackageNotFoundError:
            continue
    return found


def make_environment() -> Environment:
    """What computes the numbers: package versions, command and time."""
    return Environment(
        imagenet_g=find_version("imagenet-g"),
        # Not argv[0]: it is a path of this machine, which a published result must not carry.
        command=_COMMAND.get() or " ".join(["imagenet-g", *sys.argv[1:]]),
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


def count_cores() -> int:
    """Cores that this process may use.

    Example:
        >>> 1 <= count_cores() <= (os.cpu_count() or 1)
        True
    """
    # A batch system may lend a process a part of the machine; only Linux says which.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_workers(device: str = "cpu", *, processes: int = 1) -> int:
    """How many workers decode or encode images, where the user names no number.

    Args:
        device: Where the model runs, as torch names it; a GPU takes more images than eight workers prepare.
        processes: How many processes share the cores.

    Example:
        >>> 1 <= choose_workers() <= 8
        True
    """
    return max(1, min(16 if device.startswith("cuda") else 8, count_cores() // processes))


def limit_memory(most: int) -> None:
    """Make an allocation fail in this process alone, once so much address space is in use.

    For a process that reads a stranger's file: checks of sizes that the file itself states are not enough.

    Args:
        most: Bytes; libraries reserve much of them and use little.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit; a limit of time holds there too.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
