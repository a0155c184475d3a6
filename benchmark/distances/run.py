"""How far a split lies from a reference, under one CLIP after the other: from a request to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.backends.choosing import choose_batch_size
from imagenet_g.benchmark.backends.settings import InferenceSettings, RunSettings
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.devices import choose_device, format_device_name
from imagenet_g.benchmark.distances.caveats import list_warnings
from imagenet_g.benchmark.distances.embeddings import Embeddings, embed_rows, make_backend
from imagenet_g.benchmark.distances.lineage import is_same_clip
from imagenet_g.benchmark.distances.measures import EmbeddedImages, compute_agreements, measure_clip
from imagenet_g.benchmark.distances.protocols import Protocol
from imagenet_g.benchmark.distances.results import ClipDistances, DistanceReport, MeasuredImages
from imagenet_g.benchmark.distances.sides import Side, choose_classes, open_side, restrict_side
from imagenet_g.benchmark.environment import choose_workers, format_now, list_versions, make_environment
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.benchmark.results import UnscoredImage
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.storage import validate_writable

NUM_COMPONENTS = 64
_PACKAGES = ("imagenet-g", "torch", "open_clip_torch", "pillow", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceRequest:
    """What to measure.

    Attributes:
        split: The images whose distance is wanted.
        reference: The images they are measured from.
        clips: open_clip specs.
        data: Local copies by name.
        cache: Where embeddings are kept between runs.
        settings: Device, dtype, batch size, workers.
        classes: Class indices to compare; None for all that both sides have.
        per_class: Images a class at most, on each side, spread evenly; None for all.
        num_components: Dimensions of the Mahalanobis distance.
        protocol: Ours, or the paper's.
    """

    split: SplitRef
    reference: SplitRef
    clips: tuple[str, ...]
    data: Mapping[str, Path] = field(default_factory=dict)
    cache: Path
    settings: RunSettings = field(default_factory=RunSettings)
    classes: tuple[int, ...] | None = None
    per_class: int | None = None
    num_components: int = NUM_COMPONENTS
    protocol: Protocol = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredClip:
    """The distances under one CLIP, with the embeddings behind them.

    Attributes:
        distances: For the report.
        split: Embeddings of the split, for plots.
        reference: Embeddings of the reference.
        errors: Images without an embedding, of the split and of the reference.
    """

    distances: ClipDistances
    split: EmbeddedImages
    reference: EmbeddedImages
    errors: tuple[tuple[UnscoredImage, ...], ...]


def run_distance(
    request: DistanceRequest, listener: EvaluationListener
) -> tuple[DistanceReport, tuple[MeasuredClip, ...]]:
    """Measure a split against a reference under every requested CLIP.

    Raises:
        InputError: The two share no class, or a requested class has no image on one side.
        DataError: No image of one side can be read.
        ImagenetGError: As opening splits and loading CLIPs does.
    """
    # Before the CLIPs are loaded: embedding takes hours, and its results must find a place.
    validate_writable(request.cache)
    split = open_side("split", request.split, data=request.data, cache=request.cache, note=listener.say)
    reference = open_side(
        "reference", request.reference, data=request.data, cache=request.cache, note=listener.say
    )
    classes = choose_classes(split, reference, request.classes)
    sides = (
        restrict_side(split, classes, per_class=request.per_class),
        restrict_side(reference, classes, per_class=request.per_class),
    )
    for side in sides:
        require_readable(side.split, side.rows.tolist(), ref=side.record.ref)
    measured = [_measure_clip(clip, request, sides, listener) for clip in request.clips]
    return _make_report(request, (split, reference), sides, measured), tuple(measured)


def _measure_clip(
    clip: str, request: DistanceRequest, sides: tuple[Side, Side], listener: EvaluationListener
) -> MeasuredClip:
    encoder, started = load_clip_encoder(clip), format_now()
    settings = _choose_settings(request.settings)
    made = []
    for side in sides:
        listener.start_split(encoder.record.spec, side.record.ref)
        made.append(
            embed_rows(
                encoder,
                side.split,
                side.rows.tolist(),
                settings=settings,
                cache=request.cache,
                on_progress=listener.advance,
            )
        )
    split, reference = (_join_labels(side, found) for side, found in zip(sides, made, strict=True))
    uses = [use for side in sides for use in side.clip_uses]
    distances = measure_clip(
        encoder.record,
        split,
        reference,
        run=_make_run_record(settings, made, started),
        num_components=request.num_components,
        independent=not any(is_same_clip(use, encoder.record) for use in uses),
        protocol=request.protocol,
        assumptions=encoder.assumptions,
    )
    errors = tuple(name_errors(side, found) for side, found in zip(sides, made, strict=True))
    return MeasuredClip(distances=distances, split=split, reference=reference, errors=errors)


def _join_labels(side: Side, made: Embeddings) -> EmbeddedImages:
    return EmbeddedImages(made.vectors, find_labels(side, made))


def find_labels(side: Side, made: Embeddings) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Labels `(N,)` of the images that have an embedding, in the order of the embeddings."""
    # Unreadable images have no embedding, so rows and embeddings no longer run in parallel.
    label_by_row = dict(zip(side.rows.tolist(), side.labels.tolist(), strict=True))
    return np.array([label_by_row[row] for row in made.rows.tolist()], dtype=np.int64)


def name_errors(side: Side, made: Embeddings) -> tuple[UnscoredImage, ...]:
    """Images without an embedding, and why, in the order of the split."""
    ids = side.split.rows.image_ids
    return tuple(UnscoredImage(image_id=ids[row], reason=made.errors[row]) for row in sorted(made.errors))


def _choose_settings(settings: RunSettings) -> InferenceSettings:
    device = choose_device(settings.device)
    return InferenceSettings(
        device=device,
        dtype=settings.dtype,
        batch_size=settings.batch_size or choose_batch_size("torch", device),
        workers=settings.workers or choose_workers(),
    )


def _make_run_record(settings: InferenceSettings, made: Sequence[Embeddings], started_utc: str) -> RunRecord:
    seconds = sum(part.seconds for part in made)
    return RunRecord(
        device=settings.device,
        device_name=format_device_name(settings.device),
        dtype=settings.dtype,
        backend=make_backend(settings),
        batch_size=settings.batch_size,
        seconds=round(seconds, 3),
        images_per_second=round(sum(part.num_computed for part in made) / seconds, 3),
        started_utc=started_utc,
        versions=list_versions(_PACKAGES),
    )


def _make_report(
    request: DistanceRequest,
    whole: tuple[Side, Side],
    sides: tuple[Side, Side],
    measured: Sequence[MeasuredClip],
) -> DistanceReport:
    split, reference = (
        _describe_side(number, request, whole, sides, measured) for number in range(len(sides))
    )
    uses = tuple(use for side in sides for use in side.clip_uses)
    measures = tuple(clip.distances for clip in measured)
    return DistanceReport(
        split=split,
        reference=reference,
        clip_uses=uses,
        measures=measures,
        agreements=compute_agreements(measures),
        warnings=list_warnings(split, reference, uses, measures, num_shared=_count_shared(*sides)),
        num_resamples=NUM_RESAMPLES,
        seed=BOOTSTRAP_SEED,
        environment=make_environment(),
    )


def _count_shared(split: Side, reference: Side) -> int:
    # Row numbers name the same images only where both sides open the same files.
    if split.record.content_sha256 != reference.record.content_sha256:
        return 0
    return len(np.intersect1d(split.rows, reference.rows))


def _describe_side(
    number: int,
    request: DistanceRequest,
    whole: tuple[Side, Side],
    sides: tuple[Side, Side],
    measured: Sequence[MeasuredClip],
) -> MeasuredImages:
    wanted = set(request.classes or whole[1 - number].labels.tolist())
    missing = sorted(wanted - set(whole[number].labels.tolist()))
    # Several CLIPs fail on the same images; each counts once.
    unreadable = {image.image_id: image for clip in measured for image in clip.errors[number]}
    return MeasuredImages(
        split=sides[number].record,
        n=len(sides[number].rows) - len(unreadable),
        per_class_limit=request.per_class,
        unreadable=tuple(unreadable.values()),
        missing_wnids=tuple(load_classes()[index].wnid for index in missing),
    )
