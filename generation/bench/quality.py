"""Distances and diversity of a set of 50,000 images from simulated features: time and peak memory.

Each size is measured in a process of its own, so that the peak is that of the measures and of what they were
given. Features are simulated: classes about centres of their own, in float32, of length 1 as a CLIP's are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from imagenet_g.benchmark.bench.report import Measurement, Report
from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.benchmark.quality.distance_sections import measure_distances
from imagenet_g.benchmark.quality.diversity_sections import measure_diversity
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.quality.samples import FeatureSet

SIZES = ((100, 50), (1000, 50))
"""Classes, and images of each."""
NUM_DIMENSIONS = 512


def bench_quality(
    report: Report, *, sizes: Sequence[tuple[int, int]] = SIZES, num_dimensions: int = NUM_DIMENSIONS
) -> None:
    """Seconds and peak memory of all measures, from few images to many."""
    report.print(
        "quality", f"simulated features of {num_dimensions} dimensions, a reference of the same size"
    )
    for classes, images in sizes:
        case = f"{classes * images} images"
        command = [sys.executable, "-m", __name__, str(classes), str(images), str(num_dimensions)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(ended.stdout)
        for quantity, value in found.items():
            report.keep(Measurement("quality", case, "imagenet-g", quantity, 1, value))
        report.print(
            "",
            f"{case:>13}: distances {found['distances s']:.1f} s, diversity {found['diversity s']:.1f} s "
            f"({found['cpu s']:.1f} s of CPU time), peak {found['peak MB']:.0f} MB, of which features "
            f"{found['features MB']:.0f} MB",
        )


def simulate(classes: int, images: int, num_dimensions: int, *, seed: int) -> FeatureSet:
    """Features of images about the centres of their classes, the same centres for every seed."""
    centres = np.random.default_rng(0).standard_normal((classes, num_dimensions), dtype=np.float32)
    labels = np.repeat(np.arange(classes), images)
    vectors = np.random.default_rng(seed).standard_normal((len(labels), num_dimensions), dtype=np.float32)
    vectors += centres[labels]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return FeatureSet(vectors, labels)


def measure_once(classes: int, images: int, num_dimensions: int) -> dict[str, float]:
    """Seconds of each section and the peak memory of this process."""
    split, reference = (simulate(classes, images, num_dimensions, seed=seed) for seed in (1, 2))
    record = FeatureRecord(
        name="simulated", num_dimensions=num_dimensions, weights_sha256=None, resizing="none",
        is_inception=False, influences=(),
    )  # fmt: skip
    spent, started = time.process_time(), time.perf_counter()
    measure_distances(split, reference, record)
    middle = time.perf_counter()
    measure_diversity(split, reference, record)
    return {
        "distances s": middle - started,
        "diversity s": time.perf_counter() - middle,
        "cpu s": time.process_time() - spent,
        "peak MB": read_peak_mb(),
        "features MB": 2 * split.vectors.nbytes / 1e6,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure_once(*map(int, sys.argv[1:4]))))
