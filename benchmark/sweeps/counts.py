"""Counted parameters kept between commands: counting builds each model, which takes up to a second."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.naming.facts import UNKNOWN, ModelFacts, load_facts, make_exact
from imagenet_g.benchmark.naming.libraries import list_packages
from imagenet_g.benchmark.storage import write_text


@dataclass
class CountedFacts:
    """Facts of models, the counted sizes from a file of the cache where they are there.

    Args:
        cache: The cache folder.
    """

    cache: Path
    _known: dict[Path, dict[str, int]] = field(default_factory=dict)
    _new: set[Path] = field(default_factory=set)

    def find(self, spec: str, count: bool) -> ModelFacts:
        """The facts of a model; with `count` its exact size, as far as it can be counted."""
        if not count:
            return load_facts(spec)
        path = self._choose_path(spec.partition(":")[0])
        known = self._known.setdefault(path, _load_counts(path))
        if spec in known:
            return replace(load_facts(spec), num_parameters=make_exact(known[spec]))
        facts = load_facts(spec, count=True)
        low, high = facts.num_parameters
        # A range was not counted: kept as one number it would pass for exact.
        if facts.num_parameters != UNKNOWN and low == high:
            known[spec] = int(low)
            self._new.add(path)
        return facts

    def save(self) -> None:
        """Keep what was counted."""
        for path in self._new:
            try:
                write_text(path, json.dumps(self._known[path]))
            except StorageError:
                # It would only have saved time.
                continue

    def _choose_path(self, scheme: str) -> Path:
        # Another version of the library may build the model differently.
        versions = hash_json(list_versions(list_packages(scheme)))[:16]
        return self.cache / "parameter-counts" / f"{scheme}-{versions}.json"


def _load_counts(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    # By `type`: to `isinstance` a true in JSON would be the size 1.
    return {spec: size for spec, size in found.items() if type(size) is int}
