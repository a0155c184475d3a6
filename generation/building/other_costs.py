"""What a split costs beside the GPU: disk, files and processor cores, as measured or by rules of thumb."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.generation.building.known_costs import count_passes
from imagenet_g.generation.costs.estimates import CoreEstimate, DiskEstimate, WriteEstimate
from imagenet_g.generation.costs.measured import make_measured_rate
from imagenet_g.generation.costs.rates import Rate
from imagenet_g.generation.costs.records import CoreStep, MeasuredCost
from imagenet_g.generation.costs.table import find_core_seconds, find_core_source, find_image_size
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.version import SafetyScorerSpec

# Rules of thumb for photographs, used only where no batch can be timed.
BITS_PER_PIXEL = {"jpeg": 3.0, "png": 14.0}
_ENCODE: dict[str, CoreStep] = {"jpeg": "encode jpeg", "png": "encode png"}
_WRITE: dict[str, CoreStep] = {"jpeg": "write jpeg", "png": "write png"}
SAFETY_PIXELS = 512 * 512
"""The safety scorer's input has one size, so that its time does not grow with the image."""


def find_pixels(job: BuildJob) -> int | None:
    """Pixels of an image; None if neither the spec nor the shipped table says."""
    height, width = job.generator_spec.image_size
    if height is None or width is None:
        found = find_image_size(job.generator_spec.list_work())
        return None if found is None else found[0] * found[1]
    return height * width


def estimate_disk(
    job: BuildJob, pixels: int | None, num_images: int, measured: float | None, timed: float | None
) -> DiskEstimate | None:
    """Bytes on disk, from the size of a real image if there is one.

    Args:
        job: The split.
        pixels: Of an image.
        num_images: Of the split.
        measured: Bytes of an image by --calibrate.
        timed: Bytes of an image of the batch just timed.
    """
    known = timed if measured is None else measured
    if known is None and pixels is None:
        return None
    size = known or (pixels or 0) * BITS_PER_PIXEL[job.spec.encoding.format] / 8
    return DiskEstimate(
        bytes_per_image=size,
        origin="measured" if measured is not None else "timed" if timed is not None else "estimate",
        release_bytes=size * num_images,
        building_bytes=2 * size * num_images,
    )


def estimate_writing(
    job: BuildJob, pixels: int | None, num_images: int, measured: MeasuredCost | None
) -> WriteEstimate | None:
    """Time for the files, as measured, else by the shipped table; None where neither knows.

    Args:
        job: The split.
        pixels: Of an image.
        num_images: Of the split.
        measured: What --calibrate measured.
    """
    if measured is not None:
        rate = make_measured_rate(measured, measured.write_seconds_per_image)
    elif pixels is None:
        return None
    else:
        step = _WRITE[job.spec.encoding.format]
        # Twice: the work, and the release from it.
        seconds = 2 * find_core_seconds(step, pixels)
        rate = Rate(seconds_per_image=seconds, origin="estimate", source=f"2 x {find_core_source(step)}")
    return WriteEstimate(rate=rate, seconds=(rate.seconds_per_image or 0.0) * num_images)


def estimate_cores(
    job: BuildJob, pixels: int | None, num_images: int, fastest: float | None, with_scores: bool
) -> CoreEstimate | None:
    """Work of processor cores by the shipped table; None where the size of the images is unknown.

    Args:
        job: The split.
        pixels: Of an image.
        num_images: Of the split.
        fastest: Seconds in which the fastest GPU renders an image.
        with_scores: Whether the scorers run.
    """
    if pixels is None:
        return None
    encode = find_core_seconds(_ENCODE[job.spec.encoding.format], pixels)
    score = sum(_list_score_seconds(job, pixels)) if with_scores else 0.0
    hours = num_images / 3600
    return CoreEstimate(
        encode_hours=encode * hours,
        score_hours=score * hours,
        cores_per_worker=None if fastest is None else (encode + score) / fastest,
    )


def _list_score_seconds(job: BuildJob, pixels: int) -> Sequence[float]:
    scorers = [job.spec.scorers[name] for name in job.split_spec.scorers]
    safety = [
        find_core_seconds("safety", SAFETY_PIXELS) for one in scorers if isinstance(one, SafetyScorerSpec)
    ]
    return [*safety, *(count * find_core_seconds("score", pixels) for count in count_passes(job).values())]
