"""The tasks of a build: plain data that can be sent to other processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from imagenet_g.generation.generators.machine import MachineOptions
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec, load_split_spec

TaskKind = Literal["render", "score", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """Settings of rendering that depend on this machine.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        data: Local copies of real sets by name.
        cache: Folder of cached file hashes of sources.
        machine: How pipelines use memory and compilers.
    """

    device: str = "auto"
    data: dict[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    machine: MachineOptions = field(default_factory=MachineOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings(LocalSettings):
    """Settings that all splits of a build share.

    Attributes:
        spec: The version, with overrides applied.
        out: Folder of the release, on a disk that all workers share.
    """

    spec: VersionSpec
    out: Path

    def make_job(self, split: str) -> BuildJob:
        """The job of one split.

        Raises:
            UnknownNameError: The version has no such split.
        """
        shared = {one.name: getattr(self, one.name) for one in fields(BuildSettings)}
        return BuildJob(**shared, split=split)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob(BuildSettings):
    """Everything a worker needs for one split; plain data, so that it can be sent to other processes.

    Attributes:
        split: Name of the split.
        split_spec: Its spec in the version, looked up once.

    Raises:
        UnknownNameError: The version has no such split.
    """

    split: str
    split_spec: SplitSpec = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "split_spec", load_split_spec(self.spec, self.split))

    @property
    def generator_spec(self) -> GeneratorSpec:
        """Spec of the split's generator."""
        return self.spec.generators[self.split_spec.generator]

    @property
    def plan_path(self) -> Path:
        """Path of the split's plan."""
        return make_plan_path(self.out, self.split)


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to render, to score with some scorers, or to draw again in part for a check."""

    kind: TaskKind
    shard: int
    scorers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskReport:
    """Result of a finished task."""

    task: ShardTask
    num_rows: int
    num_failed: int
    num_flat: int
    seconds: float


Engine = Callable[[BuildJob, Sequence[ShardTask], Callable[[TaskReport], None]], None]
"""Runs tasks, in any order and anywhere, and reports each when it is committed."""


def make_plan_path(out: Path, split: str) -> Path:
    """Path of a split's plan in the release."""
    return out / "plan" / f"{split}.parquet"
