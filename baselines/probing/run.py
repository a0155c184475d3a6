"""Probes of one model on several sets: features, a search a seed, and a result written after each set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imagenet_g.baselines.probing.fitting import Labels
from imagenet_g.baselines.probing.images import ProbeImages
from imagenet_g.baselines.probing.inputs import set_input
from imagenet_g.baselines.probing.records import ProbeEntry, ProbeResult, ProbeSeed
from imagenet_g.baselines.probing.scoring import ProbeAnswers
from imagenet_g.baselines.probing.seeds import ProbeFeatures, ProbeOptions, probe_seed
from imagenet_g.baselines.probing.storing import load_result, score_answers, write_answers, write_result
from imagenet_g.benchmark.distances.embeddings import embed_rows
from imagenet_g.benchmark.distances.encoders import RawEncoder
from imagenet_g.benchmark.environment import list_versions, make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.features.row_store import hash_vectors
from imagenet_g.benchmark.identity import hash_json, make_slug

_PACKAGES = ("imagenet-g", "torch", "timm", "open_clip_torch", "pillow", "numpy", "scikit-learn", "optuna")


def probe_model(
    encoder: RawEncoder,
    sets: Sequence[ProbeImages],
    options: ProbeOptions,
    listener: EvaluationListener,
    *,
    folder: Path | None = None,
) -> Path:
    """Probe a model on sets; the result is written after each, and sets that are done are not done again.

    Args:
        encoder: The model.
        sets: Which.
        options: How.
        listener: Receives progress.
        folder: Of the result; None for one in `options.out` that is named after the model.

    Returns:
        The file of the result.

    Raises:
        InputError: The folder holds results of other weights.
        ModelError: The model fails.
        StorageError: A place cannot be written.
    """
    encoder = set_input(encoder, options.input)
    folder = folder or options.out / make_slug(encoder.record.spec)
    result = open_result(folder, encoder)
    for images in sets:
        features = compute_features(encoder, images, options, listener)
        identity = identify(encoder, images, features, options)
        done = {one.set: one for one in result.entries}
        if (old := done.get(images.spec.name)) is not None and _is_same(old, images, features, options):
            listener.say(f"{encoder.record.spec} on {images.spec.name}: kept from an earlier run")
            continue
        # Written after each set: those that follow may take days, and may fail.
        done[images.spec.name] = probe_set(images, features, options, folder, identity, listener)
        result = result.model_copy(update={"entries": tuple(done[name] for name in sorted(done))})
        write_result(folder, result)
    return write_result(folder, result)


def open_result(folder: Path, encoder: RawEncoder) -> ProbeResult:
    """What is there of a model, or an empty result.

    Raises:
        InputError: It is of other weights, or of another input.
    """
    found = load_result(folder)
    if found is None:
        return ProbeResult(encoder=encoder.record, entries=(), means=None)
    # Not the name: the same weights may be asked for by another spec, and other weights by the same one.
    same = {"weights_sha256", "preprocessing", "num_dimensions"}
    if found.encoder.model_dump(include=same) != encoder.record.model_dump(include=same):
        raise InputError(
            f"'{folder}' holds probes of other weights or another input (weights "
            f"{found.encoder.weights_sha256[:12]}, these are {encoder.record.weights_sha256[:12]}). Name "
            "another --out."
        )
    return found


def compute_features(
    encoder: RawEncoder, images: ProbeImages, options: ProbeOptions, listener: EvaluationListener
) -> ProbeFeatures:
    """Features of all images of a set, from the cache where they are kept."""
    listener.start_split(encoder.record.spec, images.spec.name)
    made = embed_rows(
        encoder,
        images.split,
        range(len(images.labels)),
        settings=options.settings,
        cache=options.cache,
        on_progress=listener.advance,
    )
    # L-BFGS needs float64; for SGD that of iNaturalist 2018 would be 7 GB more.
    kind = np.float64 if images.spec.fit == "lbfgs" else np.float32
    return ProbeFeatures(
        vectors=made.vectors.astype(kind),
        place={row: place for place, row in enumerate(made.rows.tolist())},
        sha256=hash_vectors(made.vectors),
    )


def identify(encoder: RawEncoder, images: ProbeImages, features: ProbeFeatures, options: ProbeOptions) -> str:
    """Hash of all that decides a search, for the names of kept trials."""
    described = options.describe(images).model_dump(mode="json")
    # Not the number of trials or of seeds: more of them go on from those that are there.
    del described["num_trials"], described["seeds"]
    parts = [images.spec.identify(), images.split.record.content_sha256, features.sha256, described]
    return hash_json([encoder.record.weights_sha256, *parts, list_versions(("optuna", "scikit-learn"))])


def probe_set(
    images: ProbeImages,
    features: ProbeFeatures,
    options: ProbeOptions,
    folder: Path,
    identity: str,
    listener: EvaluationListener,
) -> ProbeEntry:
    """Search, fit, answer and score, once a seed."""
    # Each seed draws its own validation images, so that the spread of seeds holds that of the draw.
    seeds, answers = [], []
    for seed in options.seeds:
        listener.start_split(f"seed {seed}", images.spec.name, "fits")
        kept = folder / "trials" / f"{images.spec.name}-{identity[:16]}-seed{seed}.jsonl"
        record, row = probe_seed(images, features, options, seed, kept, listener.advance)
        seeds.append(record)
        answers.append(row)
    stored = join_answers(images, np.stack(answers))
    name = f"answers/{images.spec.name}.parquet"
    sha256 = write_answers(folder / name, stored)
    environment = make_environment()
    return ProbeEntry(
        set=images.spec.name,
        title=images.spec.title,
        spec_sha256=images.spec.identify(),
        content_sha256=images.split.record.content_sha256,
        partial=images.partial,
        notice=images.spec.notice,
        num_classes=len(images.class_names),
        num_test=len(stored.labels),
        num_learnt=len(images.learnt),
        num_without_features=len(images.labels) - len(features.place),
        num_shared=int(stored.shared.sum()),
        features_sha256=features.sha256,
        protocol=options.describe(images),
        seeds=tuple(seeds),
        printed_metric=images.spec.metric,
        predictions=name,
        predictions_sha256=sha256,
        warnings=tuple(list_cautions(images, features, seeds)),
        device=options.settings.device,
        created_utc=environment.created_utc,
        command=environment.command,
        versions=list_versions(_PACKAGES),
        **score_answers(stored),
    )


def join_answers(images: ProbeImages, answers: Labels) -> ProbeAnswers:
    """`(S, T)` answers with the test images that they belong to."""
    tested = images.parts["test"]
    return ProbeAnswers(
        image_ids=tuple(images.split.rows.image_ids[row] for row in tested.tolist()),
        labels=images.labels[tested],
        answers=answers,
        shared=np.isin(tested, images.find_shared()),
    )


def list_cautions(images: ProbeImages, features: ProbeFeatures, seeds: Sequence[ProbeSeed]) -> list[str]:
    """What a reader must consider before quoting the accuracy."""
    found = list(images.findings)
    missing = len(images.labels) - len(features.place)
    if missing:
        found.append(f"{missing} images have no features: those of the test part count as wrong.")
    if shared := len(images.find_shared()):
        found.append(
            f"{shared} of {len(images.parts['test'])} test images are, byte for byte, also learnt from: the "
            "accuracy is too high for new images."
        )
    if any(not seed.converged for seed in seeds):
        found.append("The last fit stopped at its limit of iterations, or diverged.")
    empty = len(images.class_names) - len(np.unique(images.labels[images.parts["test"]]))
    if empty:
        found.append(f"{empty} classes have no test image and do not enter the mean per class.")
    return found


def _is_same(old: ProbeEntry, images: ProbeImages, features: ProbeFeatures, options: ProbeOptions) -> bool:
    return (
        old.spec_sha256 == images.spec.identify()
        and old.content_sha256 == images.split.record.content_sha256
        and old.features_sha256 == features.sha256
        and old.protocol == options.describe(images)
    )
