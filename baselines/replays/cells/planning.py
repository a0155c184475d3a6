"""What the cells of an experiment beyond accuracies would take: images to encode, and fits of probes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imagenet_g.baselines.probing.specs import load_probe_set
from imagenet_g.baselines.replays.cells.specs import FEATURES
from imagenet_g.baselines.replays.experiments import ExperimentSpec
from imagenet_g.benchmark.splits.references import parse_split_ref

FIT_SECONDS = 0.3
"""Taken for a fit of a probe on some hundred images and features."""


@dataclass(frozen=True, slots=True)
class CellCosts:
    """What cells would take.

    Attributes:
        images: To be encoded, over all models; those that are kept are counted.
        fits: Of linear probes.
        seconds: Estimated.
    """

    images: int
    fits: int
    seconds: float


def count_cells(
    experiment: ExperimentSpec,
    image_seconds: Sequence[float],
    *,
    clip_seconds: float,
    count_images: Callable[[str, int | None], int],
) -> CellCosts:
    """Images, fits and time of the probes, features and distances of an experiment.

    Args:
        experiment: Which.
        image_seconds: What an image takes each of its models.
        clip_seconds: What an image takes a CLIP.
        count_images: Images of a split, at most so many a class; 0 where they are not here.
    """
    size = _count_encoded(experiment, count_images)
    probes = experiment.probes if "probe" in experiment.measures else ()
    # The trials of a search, and the classifier that follows.
    fits = len(image_seconds) * len(probes) * (experiment.trials + 1)
    shown = _count_distances(experiment, count_images)
    seconds = size * sum(image_seconds) + fits * FIT_SECONDS + shown * clip_seconds
    return CellCosts(size * len(image_seconds) + shown, fits, seconds)


def _count_encoded(experiment: ExperimentSpec, count_images: Callable[[str, int | None], int]) -> int:
    """Images that each model encodes."""
    found = 0
    if "probe" in experiment.measures:
        sizes = [load_probe_set(probe.set).sizes for probe in experiment.probes]
        found += sum(one.train + (one.val or 0) + one.test for one in sizes)
    if {*FEATURES} & {*experiment.measures}:
        # A view shares the images of its split, which are encoded once.
        bases = sorted({_find_base(ref) for one in experiment.columns for ref in one.splits})
        found += sum(count_images(base, None) for base in bases)
    return found


def _count_distances(experiment: ExperimentSpec, count_images: Callable[[str, int | None], int]) -> int:
    """Images that all CLIPs encode."""
    if (distances := experiment.distances) is None:
        return 0
    bases = {_find_base(ref) for ref in distances.refs}
    found = sum(count_images(base, distances.per_class) for base in sorted(bases))
    return len(distances.clips) * found


def _find_base(ref: str) -> str:
    return parse_split_ref(ref).base
