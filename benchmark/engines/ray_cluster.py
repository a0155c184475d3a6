"""A Ray cluster, running or started here; every engine on Ray begins so."""

from __future__ import annotations

import logging
import os
from typing import Any

from imagenet_g.benchmark.errors import InputError


def start_ray(address: str | None) -> Any:  # noqa: ANN401
    """The module `ray`, connected.

    Args:
        address: A running cluster; None starts one on this machine, unless this process has one already.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
        import ray.util
    except ImportError as error:
        raise InputError("--engine ray needs Ray. Run: pip install 'imagenet-g[ray]'") from error
    # If one task fails, those in progress fail too; their tracebacks would hide the message.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    # Ray starts its workers at a priority of 15, where any other process takes their time; they are the work.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if not ray.is_initialized():
        try:
            ray.init(
                address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(f"Ray cannot be reached at '{address}': {str(error).splitlines()[0]}") from error
    return ray
