"""How fast the interval of effective robustness is: `make bench`, `python -m imagenet_g.baselines.bench`."""

from __future__ import annotations

import sys
import time

import numpy as np

from imagenet_g.benchmark.robustness.intervals import compute_interval
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, EvaluatedModel, PointCounts
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray, compute_class_counts
from imagenet_g.benchmark.statistics.observations import Observation

# The size of the largest case in use: the 85 standard models of the ImageNet testbed in 18 families, on
# ImageNet's validation set. A smaller case would miss that time grows with models times classes.
NUM_MODELS = 85
NUM_CLASSES = 1000
IMAGES_PER_CLASS = 50
NUM_FAMILIES = 18
LIMIT_SECONDS = 5.0
"""On two cores that have nothing else to do."""


def main() -> int:
    """Time one interval at full size and print one line."""
    sys.stdout.write(format_seconds(measure_seconds()))
    return 0


def format_seconds(seconds: float) -> str:
    """One line: what was timed, and whether it is within the limit.

    Example:
        >>> print(format_seconds(1.25), end="")
        effective robustness: 1.25 s for 50000 images of 1000 classes and 85 baseline ...
        >>> "TOO SLOW" in format_seconds(6.0)
        True
    """
    return (
        f"effective robustness: {seconds:.2f} s for {NUM_CLASSES * IMAGES_PER_CLASS} images "
        f"of {NUM_CLASSES} classes and {NUM_MODELS} baseline models, counting included; "
        f"limit {LIMIT_SECONDS:g} s{'' if seconds <= LIMIT_SECONDS else ': TOO SLOW'}\n"
    )


def measure_seconds() -> float:
    """Seconds from answers per image to the interval, at full size; making the answers up is not counted."""
    labels = np.repeat(np.arange(NUM_CLASSES), IMAGES_PER_CLASS)
    rng = np.random.default_rng(0)
    # Random answers do: the time depends on the sizes alone. The rates span those of the testbed's models, so
    # that the fits stay well conditioned.
    clean = [rng.random(len(labels)) < rate for rate in np.linspace(0.56, 0.85, NUM_MODELS + 1)]
    shifted = [rng.random(len(labels)) < rate for rate in np.linspace(0.20, 0.60, NUM_MODELS + 1)]
    start = time.perf_counter()
    points, evaluated = build_case(labels, clean, shifted)
    compute_interval(points, evaluated, "logit", value=0.0)
    return time.perf_counter() - start


def build_case(
    labels: IntArray, clean: list[BoolArray], shifted: list[BoolArray]
) -> tuple[BaselinePoints, EvaluatedModel]:
    """A measured baseline, and the last model as the evaluated one, from answers per image.

    Args:
        labels: `(N,)` class of each image, on either set.
        clean: `(N,)` booleans for each model, right or wrong on the clean set.
        shifted: The same on the shifted set.
    """
    counted = [_count(labels, answers) for answers in (clean, shifted)]
    (clean_right, total), (shifted_right, _) = counted
    num_images = len(labels)
    top1 = clean_right.sum(axis=1) / num_images, shifted_right.sum(axis=1) / num_images
    points = BaselinePoints(
        baseline="bench",
        baseline_sha256="0" * 64,
        target="bench",
        axes=("clean",),
        models=tuple(f"model-{number}" for number in range(len(clean) - 1)),
        families=tuple(f"family-{number % NUM_FAMILIES}" for number in range(len(clean) - 1)),
        reference=top1[0][:-1, None],
        shifted=top1[1][:-1],
        reference_n=(num_images,),
        shifted_n=num_images,
        counts=PointCounts(
            reference=ClassCounts(right=clean_right[:-1], total=total),
            shifted=ClassCounts(right=shifted_right[:-1], total=total),
        ),
    )
    observed = [
        Observation(top1=float(share[-1]), n=num_images, right=right[-1], total=total)
        for share, right in zip(top1, (clean_right, shifted_right), strict=True)
    ]
    return points, EvaluatedModel(reference=(observed[0],), shifted=observed[1])


def _count(labels: IntArray, answers: list[BoolArray]) -> tuple[FloatArray, FloatArray]:
    counted = [compute_class_counts(row, labels, num_clusters=NUM_CLASSES) for row in answers]
    return np.stack([right for right, _ in counted]), counted[0][1]


if __name__ == "__main__":
    sys.exit(main())
