"""Splits available here: images in order, their labels, the content hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.catalogue.roles import require_test_split
from imagenet_g.benchmark.errors import (
    FetchError,
    InputError,
    SealedSetError,
    TrainingSetError,
    UnknownNameError,
)
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split


@dataclass
class SplitStore:
    """Opens every split once and keeps it.

    Attributes:
        data: Local copies by name.
        opened: Splits by base reference; a text is the reason why one cannot be opened here.
    """

    data: Mapping[str, Path] = field(default_factory=dict)
    opened: dict[str, Split | str] = field(default_factory=dict)

    def find_split(self, ref: str) -> Split | str:
        """The whole split behind a reference, or why it is not available.

        Raises:
            UnknownNameError: There is no such version or split.
            TrainingSetError: It is a set to train on.
            SealedSetError: It is a private sibling.
            DataError: The local copy is damaged.
        """
        base = parse_split_ref(ref).base
        if base not in self.opened:
            self.opened[base] = self._open(base)
        return self.opened[base]

    def _open(self, base: str) -> Split | str:
        parsed = parse_split_ref(base)
        if parsed.kind == "real" and base not in self.data:
            # A validation must not fetch gigabytes because a stranger's file asks for them.
            return f"no local copy of '{base}' was given with --data"
        try:
            require_test_split(parsed, self.data, cache=None)
            return load_split(parsed, data=self.data, cache=None)
        except (UnknownNameError, TrainingSetError, SealedSetError):
            raise
        except (InputError, FetchError) as problem:
            # A missing copy is no fault of the submission: it becomes a warning and lowers the trust level.
            return str(problem)
