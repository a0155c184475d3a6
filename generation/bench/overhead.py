"""The engine against the bare pipeline: the same batches in the same process."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.bench.report import Report
from imagenet_g.generation.bench.versions import STEPS, make_dit_spec, write_dit

if TYPE_CHECKING:
    from imagenet_g.generation.specs.version import VersionSpec

ROUNDS = 3
_IMAGES = 16


def bench_overhead(report: Report, *, rounds: int = ROUNDS, steps: int = STEPS) -> None:
    """Images of a class-conditional pipeline with random weights, 256 pixels, alone and in the engine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = make_dit_spec(write_dit(folder / "dit"), steps=steps)
        bare, built = float("inf"), float("inf")
        for number in range(rounds):
            # The fastest of several: whatever else the machine does can only make a run slower.
            bare = min(bare, _time_bare(spec, steps))
            built = min(built, _time_built(spec, folder / str(number)))
    report.print(
        "overhead",
        f"bare pipeline {1000 * bare / _IMAGES:.1f} ms an image, engine {1000 * built / _IMAGES:.1f} ms: "
        f"{100 * (built / bare - 1):+.2f} % ({1000 * (built - bare) / _IMAGES:.1f} ms an image)",
    )


def _time_bare(spec: VersionSpec, steps: int) -> float:
    """Seconds to render the planned batches with the pipeline alone, loaded before."""
    import torch
    from diffusers import DiTPipeline
    from diffusers.utils import logging

    from imagenet_g.generation.building.build import make_job_plan
    from imagenet_g.generation.generators.diffusers import make_generator_for
    from imagenet_g.generation.rendering.tasks import BuildJob

    logging.disable_progress_bar()
    rows = make_job_plan(BuildJob(spec=spec, split="bench", out=Path())).table.to_pylist()
    repo = str(getattr(spec.generators["bench"], "repo", ""))
    torch.set_num_threads(1)
    pipe: Any = DiTPipeline.from_pretrained(repo)
    pipe.set_progress_bar_config(disable=True)
    started = time.perf_counter()
    for first in range(0, len(rows), 8):
        batch = rows[first : first + 8]
        with torch.inference_mode():
            pipe(
                class_labels=[row["label"] for row in batch],
                generator=[make_generator_for(row["seed"], 0) for row in batch],
                num_inference_steps=steps,
            )
    return time.perf_counter() - started


def _time_built(spec: VersionSpec, out: Path) -> float:
    """Seconds the engine takes for the same images: render, encode, hash, commit; the model loaded before."""
    from imagenet_g.generation.building.build import make_job_plan
    from imagenet_g.generation.plans.plan import write_plan
    from imagenet_g.generation.rendering.jobs import Worker
    from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask

    job = BuildJob(spec=spec, split="bench", out=out, device="cpu")
    worker = Worker(job)
    worker.load()
    started = time.perf_counter()
    plan = make_job_plan(job)
    write_plan(job.plan_path, plan)
    for shard in range(plan.meta.num_shards):
        worker.run(ShardTask("render", shard))
    worker.finish()
    seconds = time.perf_counter() - started
    worker.close()
    return seconds
