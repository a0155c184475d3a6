"""Small valid records for tests; each function takes what the test cares about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import ClassSet, load_class_set, name_class_set
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, StoredClassSet
from imagenet_g.benchmark.records import ModelRecord, Outputs, Preprocessing, SplitRecord
from imagenet_g.benchmark.results import PredictionsRecord
from imagenet_g.benchmark.splits.splits import make_labels, make_split_class_set
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

SHA = "0" * 64


def make_model_record(spec: str = "timm:resnet18.tv_in1k", weights_sha256: str = SHA) -> ModelRecord:
    """A ResNet-18 as it would be recorded."""
    return ModelRecord(
        requested=spec,
        spec=spec,
        weights_sha256=weights_sha256,
        revision=None,
        num_parameters=11_689_512,
        num_outputs=1000,
        class_map=None,
        preprocessing=Preprocessing(
            input_size_px=(224, 224),
            interpolation="bilinear",
            crop_fraction=0.875,
            crop_mode="center",
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            description="Resize(256), CenterCrop(224)",
        ),
        zero_shot=None,
        training_data="imagenet-1k",
        generated_training_data=(),
    )


def make_run_record() -> RunRecord:
    """A run on a CPU."""
    return RunRecord(
        device="cpu",
        device_name="x86_64",
        dtype="float32",
        backend="torch-2.0/cpu",
        batch_size=32,
        seconds=1.0,
        images_per_second=10.0,
        started_utc="2026-01-01T00:00:00+00:00",
        versions={"torch": "2.0"},
    )


def make_split_record(
    ref: str = "v9/sd-l", num_classes: int = 1000, notice: str | None = None
) -> SplitRecord:
    """A split's record."""
    return SplitRecord(
        ref=ref,
        version=ref.split("/")[0] if "/" in ref else None,
        name=ref.split("/")[-1],
        view=None,
        manifest_sha256=SHA,
        content_sha256=SHA,
        revision=None,
        num_classes=num_classes,
        notice=notice,
    )


def make_predictions(
    predicted: Sequence[int], labels: Sequence[int | Sequence[int]], prefix: str = "image"
) -> Predictions:
    """Predictions whose best class is given (-1 for an unscored image); the other four are fixed."""
    ragged = [[label] if isinstance(label, int) else list(label) for label in labels]
    indices = np.full((len(predicted), 5), NO_CLASS, dtype=np.int16)
    for number, best in enumerate(predicted):
        if best != NO_CLASS:
            indices[number] = [best, *[c for c in (995, 996, 997, 998, 999) if c != best][:4]]
    probabilities = np.where(indices == NO_CLASS, 0, [0.5, 0.2, 0.1, 0.1, 0.05]).astype(np.float32)
    return Predictions(
        image_ids=tuple(f"{prefix}-{number}" for number in range(len(predicted))),
        labels=make_labels(ragged),
        source_image_ids=(None,) * len(predicted),
        top5=TopFive(indices, probabilities),
        errors=tuple("cannot be read" if best == NO_CLASS else None for best in predicted),
    )


def make_meta(predictions: Predictions, ref: str = "v9/sd-l") -> PredictionsMeta:
    """Metadata that fits the predictions."""
    class_set = make_split_class_set(predictions.labels)
    own = name_class_set(class_set)
    return PredictionsMeta(
        model=make_model_record(),
        split=make_split_record(ref, len(class_set.indices)),
        classes=StoredClassSet(indices=class_set.indices),
        outputs="all",
        run=make_run_record(),
        class_sets={
            name: StoredClassSet(indices=(class_set if name == own else load_class_set(name)).indices)
            for name in predictions.restricted
        },
        limit=None,
        key=SHA,
    )


def make_evidence(
    predictions: Predictions,
    *,
    ref: str = "v9/sd-l",
    class_set: ClassSet | None = None,
    outputs: Outputs = "all",
    limit: int | None = None,
) -> Evidence:
    """Evidence on a split that has just these predictions.

    Outputs restricted to the split's classes are the unrestricted ones unless the test brought its own.
    """
    class_set = class_set or make_split_class_set(predictions.labels)
    restricted = {name_class_set(class_set): predictions.top5, **predictions.restricted}
    predictions = replace(predictions, restricted=restricted)
    return Evidence(
        model=make_model_record(),
        record=make_split_record(ref, len(class_set.indices)),
        predictions=predictions,
        class_set=class_set,
        output_set=class_set,
        outputs=outputs,
        source=PredictionsRecord(file="predictions/x.parquet", sha256=SHA, run=make_run_record()),
        limit=limit,
    )
