"""What a run records about itself, and what its reader must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.devices import format_device_name
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.naming.libraries import list_packages
from imagenet_g.benchmark.predictions.predictions import PredictionsMeta, StoredClassSet
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from imagenet_g.benchmark.features.row_store import KeptRows
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome


def make_run_record(outcome: InferenceOutcome, *, backend: str, scheme: str) -> RunRecord:
    """Where and how predictions were computed.

    Args:
        outcome: What the run returned.
        backend: As in the key of the predictions.
        scheme: Library of the model; the versions of its packages are recorded.
    """
    used = outcome.settings
    return RunRecord(
        device=used.device,
        device_name=format_device_name(used.device),
        dtype=used.dtype,
        backend=backend,
        batch_size=used.batch_size,
        seconds=round(outcome.seconds, 3),
        # Only rows of this run: resumed ones took no time.
        images_per_second=round(outcome.num_computed / outcome.seconds, 3),
        warm_up_seconds=None if outcome.warm_up_seconds is None else round(outcome.warm_up_seconds, 3),
        started_utc=outcome.started_utc,
        versions=list_versions(list_packages(scheme)),
        logits_dtype=outcome.logits_dtype,
        batch_check=outcome.batch_check,
        precision=outcome.report.precision,
        backend_check=outcome.report.check,
        shared_with=outcome.shared_with or None,
    )


def note_features(run: RunRecord, kept: KeptRows, rows: Sequence[int], *, reused: bool) -> RunRecord:
    """The record of a run, with the features that its logits were computed from.

    Args:
        run: The record.
        kept: The features.
        rows: Which rows were run, in order.
        reused: Whether an earlier run had kept them, and this one encoded no image.
    """
    facts = {"features_sha256": kept.hash_values(rows), "features_reused": reused}
    return run.model_copy(update=facts)


def make_meta(
    model: ModelRecord,
    split: Split,
    run: RunRecord,
    *,
    class_sets: Mapping[str, ClassSet],
    limit: int | None,
    key: str,
) -> PredictionsMeta:
    """What predictions are, as their file says it.

    Args:
        model: The model.
        split: The images.
        run: Where and how they were computed.
        class_sets: Class sets of the restricted outputs, by stored name.
        limit: How many images were run; None for all.
        key: Their cache key.
    """
    return PredictionsMeta(
        model=model,
        split=split.record,
        classes=StoredClassSet(indices=split.class_set.indices),
        outputs=split.outputs,
        run=run,
        class_sets={name: StoredClassSet(indices=one.indices) for name, one in class_sets.items()},
        limit=limit,
        key=key,
    )


def format_run_notice(requested: str, run: RunRecord) -> str | None:
    """What a reader must know of a run: that its logits are not float32; None where they are."""
    if run.logits_dtype in (None, "float32"):
        return None
    return (
        f"'{requested}' computes its logits in {run.logits_dtype}: its last layer was not found, or it "
        "rounds them itself. Logits of few bits are tied, and the order of the classes decides; use "
        "--dtype float32."
    )
