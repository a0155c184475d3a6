"""What a build asks of an engine: plain data that travels to other processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagenet_g.generation.specs.version import VersionSpec

TaskKind = Literal["render", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """What a worker must know to work on one split; plain data, so that it travels to other processes.

    Attributes:
        spec: The version, with overrides applied.
        split: Name of the split.
        out: The release being made, on a disk all workers see.
        device: "auto", "cpu", "cuda" or "cuda:N".
        data: Local copies of real sets by name.
        cache: Where file hashes of sources are remembered.
    """

    spec: VersionSpec
    split: str
    out: Path
    device: str = "auto"
    data: dict[str, Path] = field(default_factory=dict)
    cache: Path | None = None

    @property
    def plan_path(self) -> Path:
        """Where the plan of the split is."""
        return make_plan_path(self.out, self.split)


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to render, or to score with one scorer."""

    kind: TaskKind
    shard: int
    scorer: str | None = None


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What a finished task amounts to."""

    task: ShardTask
    num_rows: int
    num_failed: int
    num_flat: int
    seconds: float


Engine = Callable[[BuildJob, Sequence[ShardTask], Callable[[TaskReport], None]], None]
"""Runs tasks, in any order and anywhere, and reports each when it is committed."""


def make_plan_path(out: Path, split: str) -> Path:
    """Where the plan of a split is, in the release."""
    return out / "plan" / f"{split}.parquet"
