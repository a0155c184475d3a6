"""Results with one entry, for tests of effective robustness."""

from __future__ import annotations

from typing import Any

from factories import make_model_record, make_run_record, make_split_record
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy
from imagenet_g.benchmark.records import Estimate, MetricEstimate, Outputs
from imagenet_g.benchmark.results import (
    STATISTICS_VERSION,
    Entry,
    Environment,
    Gap,
    PredictionsRecord,
    Reference,
    Result,
    Score,
)

SHA = "0" * 64


def make_result(
    *, split: str, top1: float, clean: float, outputs: Outputs = "split-classes", **changes: Any
) -> Result:
    """A result of one entry with a measured clean twin; `changes` are of the clean reference or the entry."""
    n = changes.pop("n", 30_000)
    estimate: Estimate = estimate_accuracy(round(top1 * n), n)
    reference = Reference(
        kind="measured",
        set=changes.pop("reference_set", "imagenet-val"),
        outputs=outputs,
        num_outputs=200,
        n=10_000,
        top1=estimate_accuracy(round(clean * 10_000), 10_000),
        same_classes=changes.pop("same_classes", True),
        filtered_alike=True,
        source=None,
        manifest_sha256=SHA,
        predictions_sha256=SHA,
    )
    score = Score(
        outputs=outputs,
        num_outputs=200,
        metrics={"top1": MetricEstimate(**estimate.model_dump(), right=round(top1 * n))},
    )
    gap = Gap(
        reference=reference,
        value=estimate.value - reference.top1.value,
        low=None,
        high=None,
        method="none",
        num_resamples=0,
        seed=0,
    )
    entry = Entry(
        split=make_split_record(split, changes.pop("num_classes", 200)),
        predictions=PredictionsRecord(file="x.parquet", sha256=SHA, run=make_run_record()),
        n=n,
        n_unscored=0,
        unscored_count_as="wrong",
        unscored=(),
        limit=changes.pop("limit", None),
        scores=(score,),
        gaps=(gap,) if changes.pop("gap", True) else (),
        effective_robustness=(),
        warnings=(),
    )
    environment = Environment(imagenet_g="0", command="", created_utc="", versions={})
    return Result(
        statistics=STATISTICS_VERSION,
        # Zero-shot, and so in no line.
        model=make_model_record("open_clip:ViT-B-32/openai"),
        environment=environment,
        entries=(entry,),
    )
