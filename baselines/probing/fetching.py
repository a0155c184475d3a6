"""Data sets fetched by torchvision or from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagenet_g.baselines.probing.specs import FetchSpec, ProbeSetSpec
from imagenet_g.benchmark.errors import FetchError, InputError


def fetch_probe_set(spec: ProbeSetSpec, cache: Path) -> Path:
    """Download a set, or take what an earlier download left.

    Args:
        spec: Which.
        cache: Where torchvision's downloads are kept; the Hub has its own cache.

    Returns:
        Its folder.

    Raises:
        InputError: Nothing is known that downloads it.
        FetchError: It cannot be fetched.
    """
    if spec.fetch is None:
        raise InputError(f"Nothing here downloads '{spec.name}'. {spec.get}")
    if spec.fetch.hub is not None:
        from imagenet_g.benchmark.hub.datasets import fetch_hub_files

        return fetch_hub_files(spec.fetch.hub, spec.fetch.patterns, gated=False, hint=spec.get).folder
    return _fetch_by_torchvision(spec, spec.fetch, cache / "probe-sets" / spec.name)


def _fetch_by_torchvision(spec: ProbeSetSpec, fetch: FetchSpec, root: Path) -> Path:
    from torchvision import datasets

    factory: Any = getattr(datasets, str(fetch.torchvision), None)
    if factory is None:
        raise InputError(f"This torchvision has no data set '{fetch.torchvision}'. {spec.get}")
    # One folder a set: torchvision names the folder inside by itself, not always by the set.
    root.mkdir(parents=True, exist_ok=True)
    try:
        # It checks hashes of the archives, and downloads nothing that is there.
        factory(root=str(root), download=True, **fetch.arguments)
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise FetchError(f"torchvision cannot fetch '{spec.name}': {reason}. {spec.get}") from error
    return root
