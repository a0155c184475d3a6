"""Benchmarks of the build without its generator: `python -m imagenet_g.generation.bench`.

plan      seconds and memory for 1000 classes x 1300 images
overhead  the engine against the bare pipeline, the same batches in the same process
memory    peak memory of builds of 1,000 and 10,000 images by a stand-in generator
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagenet_g.generation.generators.generator import Rendering, RenderRow
    from imagenet_g.generation.specs.version import VersionSpec

NUM_ROUNDS = 3
MEMORY_SIZES = (1_000, 10_000)
STEPS = 40
# In a process of its own, because the peak of memory is that of the whole life of a process.
PLAN_SCRIPT = """
import time
from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.generation.plans.plan import make_plan
from imagenet_g.generation.specs.version import load_version_spec
split = load_version_spec("v1").splits["sd-l"].model_copy(update={"images_per_class": 1300})
started = time.perf_counter()
plan = make_plan("v1", "train", split, rows_per_shard=500, recipe={})
seconds = time.perf_counter() - started
print(f"{plan.table.num_rows} rows in {seconds:.1f} s, peak {read_peak_mb():.0f} MB")
"""
BUILD_SCRIPT = """
import sys
from pathlib import Path
from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.generation.bench import build, make_noise_spec
build(make_noise_spec(int(sys.argv[1])), Path(sys.argv[2]))
print(read_peak_mb())
"""


class NoiseGenerator:
    """A generator that costs almost no time: noise from each row's seed, 64 pixels."""

    def load(self, device: str) -> None:
        """Nothing to load."""

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"kind": "noise"}

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise."""
        import numpy as np
        from PIL import Image

        from imagenet_g.generation.generators.generator import Rendering

        draws = (np.random.default_rng(row.seed).integers(0, 256, (64, 64, 3), np.uint8) for row in rows)
        return [Rendering(Image.fromarray(pixels)) for pixels in draws]


def main() -> int:
    """Run the chosen benchmarks and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    benches = {"plan": bench_plan, "overhead": bench_overhead, "memory": bench_memory}
    parser.add_argument("what", nargs="*", metavar="NAME", help=f"{', '.join(benches)} (default: all)")
    for name in parser.parse_args().what or benches:
        print(f"{name:8} {benches[name]()}", flush=True)  # noqa: T201 - a benchmark prints its result
    return 0


def bench_plan() -> str:
    """A plan of ImageNet's training size, in a process of its own."""
    return _run_script(PLAN_SCRIPT)


def bench_overhead() -> str:
    """Images of a class-conditional pipeline with random weights, 256 pixels, alone and in the engine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = make_dit_spec(write_dit(folder / "dit"))
        bare, built = float("inf"), float("inf")
        for number in range(NUM_ROUNDS):
            # The fastest of several: whatever else the machine does can only make a run slower.
            bare = min(bare, _time_bare(spec))
            built = min(built, _time_built(spec, folder / str(number)))
    images = 16
    return (
        f"bare pipeline {1000 * bare / images:.1f} ms an image, engine {1000 * built / images:.1f} ms: "
        f"{100 * (built / bare - 1):+.2f} % ({1000 * (built - bare) / images:.1f} ms an image)"
    )


def bench_memory(sizes: tuple[int, int] = MEMORY_SIZES) -> str:
    """Peak memory of whole builds of two sizes, each in a process of its own."""
    peaks = []
    for number in sizes:
        with tempfile.TemporaryDirectory() as name:
            peaks.append(float(_run_script(BUILD_SCRIPT, str(number), f"{name}/out")))
    listed = ", ".join(f"{n} images {peak:.0f} MB" for n, peak in zip(sizes, peaks, strict=True))
    return f"{listed}: ratio {peaks[1] / peaks[0]:.2f}"


def make_noise_spec(num_images: int) -> VersionSpec:
    """A version of noise: ten classes."""
    generator = {"kind": "python", "inputs": "class", "factory": "imagenet_g.generation.bench:NoiseGenerator"}
    return _make_spec(generator, num_images // 10)


def make_dit_spec(folder: Path) -> VersionSpec:
    """A version of the tiny transformer: 16 images, JPEG as in v1."""
    generator = {
        "kind": "diffusers", "pipeline": "DiTPipeline", "repo": str(folder), "revision": "local",
        "dtype": "float32", "inputs": "class", "steps": STEPS,
    }  # fmt: skip
    return _make_spec(generator, 2, classes=8)


def write_dit(folder: Path) -> Path:
    """A diffusion transformer with random weights and an autoencoder from 32 to 256 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    torch.manual_seed(0)
    levels = 4
    vae = AutoencoderKL(
        block_out_channels=[16, 16, 32, 32],
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=256,
    )
    transformer = DiTTransformer2DModel(
        sample_size=32, num_layers=4, patch_size=2, attention_head_dim=32, num_attention_heads=4,
        in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
    )  # fmt: skip
    pipe: Any = DiTPipeline(transformer=transformer, vae=vae, scheduler=DDIMScheduler(clip_sample=False))
    pipe.save_pretrained(folder)
    return folder


def build(spec: VersionSpec, out: Path) -> None:
    """Build a version without output."""
    from imagenet_g.generation.building.build import BuildRequest, run_build
    from imagenet_g.generation.rendering.engines import run_serial

    class Silent:
        def start(self, what: str, total: int, done: int) -> None:
            """Nothing."""

        def report(self, report: object) -> None:
            """Nothing."""

        def note(self, text: str) -> None:
            """Nothing."""

    run_build(
        BuildRequest(spec=spec, source="bench", splits=tuple(spec.splits), out=out, engine=run_serial),
        Silent(),
    )


def _make_spec(generator: dict[str, Any], per_class: int, *, classes: int = 10) -> VersionSpec:
    from imagenet_g.benchmark.classes import load_classes
    from imagenet_g.generation.specs.version import VersionSpec

    split = {
        "title": "bench", "generator": "bench", "images_per_class": per_class, "batch_size": 8,
        "classes": [info.wnid for info in load_classes()[:classes]],
    }  # fmt: skip
    return VersionSpec.model_validate(
        {
            "schema_version": 1, "version": "bench", "title": "bench", "status": "draft",
            "license": "CC0-1.0", "rows_per_shard": 100, "encoding": {"format": "jpeg", "quality": 95},
            "generators": {"bench": generator}, "splits": {"bench": split},
        }
    )  # fmt: skip


def _time_bare(spec: VersionSpec) -> float:
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
                num_inference_steps=STEPS,
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
    return time.perf_counter() - started


def _run_script(script: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
