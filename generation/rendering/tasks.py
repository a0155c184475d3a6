"""The tasks of a build: plain data that can be sent to other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.generators.machine import MachineOptions
from imagenet_g.generation.plans.sources import Sources, load_sources
from imagenet_g.generation.prompts.mixing import name_prompt_recipe
from imagenet_g.generation.sharing.leases import DEFAULT_SECONDS, LeaseBook
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec, load_split_spec

if TYPE_CHECKING:
    from PIL import Image

TaskKind = Literal["render", "score", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """Settings of rendering that depend on this machine.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        data: Local copies of real sets by name.
        cache: Folder of cached file hashes of sources.
        machine: How pipelines use memory and compilers.
        lease_seconds: After how long without a sign of life the work of a process is taken over by others.
    """

    device: str = "auto"
    data: dict[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    machine: MachineOptions = field(default_factory=MachineOptions)
    lease_seconds: float = DEFAULT_SECONDS


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
    """One shard to render, to score, or to draw again in part for a check.

    Attributes:
        kind: What to do.
        shard: Number of the shard.
        scorers: Names of the scorers; for "render" those that score behind the renderer.
        found: State of the shard when the task was made, from `shards.read_state`: where it is another one by
            the time the task begins, somebody else has done it.
    """

    kind: TaskKind
    shard: int
    scorers: tuple[str, ...] = ()
    found: str | None = None


@dataclass(frozen=True, slots=True)
class TaskReport:
    """Result of a finished task.

    Attributes:
        task: The task.
        num_rows: Images rendered or scored.
        num_failed: Of them could not be rendered.
        num_flat: Of them stayed flat.
        seconds: From its begin to its commit; tasks of one worker overlap.
        skipped: Whether it was left to another process, which does it or has done it.
        was_done: Whether it is certain that the other one has done it.
    """

    task: ShardTask
    num_rows: int = 0
    num_failed: int = 0
    num_flat: int = 0
    seconds: float = 0.0
    skipped: bool = False
    was_done: bool = False


Engine = Callable[[BuildJob, Sequence[ShardTask], Callable[[TaskReport], None]], None]
"""Runs tasks, in any order and anywhere, and reports each when it is committed.

A task that a worker took with it when it died is not reported; the caller gives it out again."""


def make_plan_path(out: Path, split: str) -> Path:
    """Path of a split's plan in the release."""
    return out / "plan" / f"{split}.parquet"


def open_leases(settings: LocalSettings, out: Path) -> LeaseBook:
    """The leases of a release that is being made."""
    return LeaseBook(out / ".build" / "leases", seconds=settings.lease_seconds)


def make_lease_name(split: str, shard: int) -> str:
    """Name of the lease of a shard.

    Example:
        >>> make_lease_name("sd-l", 7)
        'shards/sd-l/00007'
    """
    return f"shards/{split}/{shard:05d}"


def load_job_sources(job: BuildJob) -> Sources | None:
    """The sources of a job's split; None for a split without sources.

    Raises:
        ImagenetGError: They are not available or damaged.
    """
    sources = job.split_spec.sources
    return None if sources is None else load_sources(sources.ref, data=job.data, cache=job.cache)


def load_source(sources: Sources | None, image_id: str) -> Image.Image:
    """A source image.

    Raises:
        DataError: There are no sources, or it cannot be read.
    """
    if sources is None:
        raise DataError(f"source image '{image_id}' is planned, but the split has no sources")
    return sources.load_image(image_id)


def name_recipe(job: BuildJob) -> Callable[[Mapping[str, object]], str]:
    """Value of the column `recipe` of a row: its prompt recipe, or the input of the generator."""
    prompts = job.split_spec.prompts
    if prompts is None:
        return lambda row: job.generator_spec.inputs
    if isinstance(prompts, CaptionPromptSpec):
        return lambda row: f"{prompts.recipe}:{Path(prompts.file).stem}"
    return lambda row: name_prompt_recipe(prompts, int(str(row["label"])), int(str(row["index"])))
