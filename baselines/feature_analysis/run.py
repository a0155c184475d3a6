"""From models and splits to a report: features computed or taken from the cache, then measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagenet_g.baselines.feature_analysis.analyse import measure_features
from imagenet_g.baselines.feature_analysis.measures import EPS_SQUARED, ZERO_BELOW
from imagenet_g.baselines.feature_analysis.records import FeatureAnalysis, FeatureReport
from imagenet_g.benchmark.backends.choosing import choose_batch_size
from imagenet_g.benchmark.backends.settings import InferenceSettings, RunSettings
from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.distances.embeddings import embed_rows
from imagenet_g.benchmark.distances.encoders import RawEncoder, load_raw_encoder
from imagenet_g.benchmark.distances.run import find_labels, name_errors
from imagenet_g.benchmark.distances.sides import Side, open_side, restrict_side
from imagenet_g.benchmark.environment import choose_workers, list_versions, make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.features.row_store import hash_vectors
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.storage import validate_writable

_PACKAGES = ("imagenet-g", "torch", "timm", "open_clip_torch", "pillow", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRequest:
    """What to measure.

    Attributes:
        models: Any that `evaluate --model` takes.
        splits: The images.
        data: Local copies by name.
        cache: Where features are kept between runs.
        settings: Device, batch size, workers.
        per_class: Images a class at most, spread evenly; None for all.
        eps_squared: Of the coding length.
    """

    models: tuple[str, ...]
    splits: tuple[SplitRef, ...]
    data: Mapping[str, Path] = field(default_factory=dict)
    cache: Path
    settings: RunSettings = field(default_factory=RunSettings)
    per_class: int | None = None
    eps_squared: float = EPS_SQUARED


def run_features(request: FeatureRequest, listener: EvaluationListener) -> FeatureReport:
    """Measure the features of every model on every split.

    Raises:
        InputError: The precision is no positive number, or a split has too few images.
        DataError: No image of a split can be read.
        ImagenetGError: As opening splits and loading models does.
    """
    if not (np.isfinite(request.eps_squared) and request.eps_squared > 0):
        raise InputError(f"--eps-squared must be a number above 0, not {request.eps_squared}.")
    # Before a model is loaded: features of 50,000 images take hours and must find a place.
    validate_writable(request.cache)
    sides = [open_feature_side(ref, request, listener) for ref in request.splits]
    analyses = []
    for model in request.models:
        # One model at a time: two of a billion parameters may not fit beside each other.
        encoder = load_raw_encoder(model)
        analyses += [analyse_model(encoder, side, request, listener) for side in sides]
    environment = make_environment()
    return FeatureReport(
        command=environment.command,
        created_utc=environment.created_utc,
        versions=list_versions(_PACKAGES),
        zero_below=ZERO_BELOW,
        warnings=tuple(list_cautions(analyses)),
        analyses=tuple(analyses),
    )


def list_cautions(analyses: Sequence[FeatureAnalysis]) -> list[str]:
    """What a reader must consider before numbers are compared."""
    found = []
    if len({analysis.n for analysis in analyses}) > 1:
        found.append(
            "The splits have different numbers of images, on which redundancy and coding length depend. "
            "--per-class N takes as many of each."
        )
    if len({analysis.encoder.num_dimensions for analysis in analyses}) > 1:
        found.append(
            "The models have different numbers of dimensions, on which redundancy and coding length depend."
        )
    # Of independent normal values: E|r| is the square root of 2 / (pi (n - 1)) for many images.
    found += [
        f"{analysis.encoder.spec} on {analysis.split.ref}: {analysis.n} images are fewer than its "
        f"{analysis.encoder.num_dimensions} dimensions. Correlations of independent dimensions would "
        f"average about {math.sqrt(2 / (math.pi * (analysis.n - 1))):.2f} by chance."
        for analysis in analyses
        if 1 < analysis.n < analysis.encoder.num_dimensions
    ]
    return found


def open_feature_side(ref: SplitRef, request: FeatureRequest, listener: EvaluationListener) -> Side:
    """The images of a split whose features are measured.

    Raises:
        DataError: None of them can be read.
        ImagenetGError: As opening a split.
    """
    side = open_side("split", ref, data=request.data, cache=request.cache, note=listener.say)
    require_readable(side.split, side.rows.tolist(), ref=side.record.ref)
    if request.per_class is None:
        return side
    return restrict_side(side, np.unique(side.labels).tolist(), per_class=request.per_class)


def analyse_model(
    encoder: RawEncoder, side: Side, request: FeatureRequest, listener: EvaluationListener
) -> FeatureAnalysis:
    """Measure the features of one model on one split.

    Raises:
        InputError: The split has too few images.
        ModelError: The model fails.
    """
    settings = choose_feature_settings(request.settings)
    listener.start_split(encoder.record.spec, side.record.ref)
    made = embed_rows(
        encoder,
        side.split,
        side.rows.tolist(),
        settings=settings,
        cache=request.cache,
        on_progress=listener.advance,
    )
    measures, classes = measure_features(
        made.vectors, find_labels(side, made), eps_squared=request.eps_squared
    )
    return FeatureAnalysis(
        encoder=encoder.record,
        split=side.record,
        n=len(made.rows),
        per_class_limit=request.per_class,
        unreadable=name_errors(side, made),
        values_sha256=hash_vectors(made.vectors),
        device=settings.device,
        batch_size=settings.batch_size,
        measures=measures,
        classes=classes,
    )


def choose_feature_settings(settings: RunSettings) -> InferenceSettings:
    """How features are computed here: in float32, by PyTorch."""
    device = choose_device(settings.device)
    return InferenceSettings(
        device=device,
        dtype="float32",
        batch_size=settings.batch_size or choose_batch_size("torch", device),
        workers=settings.workers or choose_workers(),
    )
