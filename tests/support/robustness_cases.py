"""A submission on the embedded edition with an effective robustness: clean set, predictions, baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from image_sets import write_class_folders
from scipy.stats import norm

from factories import make_run_record
from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes, name_class_set
from imagenet_g.benchmark.predictions.class_counts import load_pair_counts
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    PredictionsMeta,
    StoredClassSet,
    write_predictions,
)
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    MeasuredRecord,
    write_measured_baseline,
)
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

SPLIT, CLEAN = "mini/renditions", "imagenet-val"
PER_CLASS = 2
NUM_BASELINE_MODELS = 8


def write_clean_copy(folder: Path) -> Path:
    """A small local copy of ImageNet-val: every class, two tiny images each."""
    return write_class_folders(folder, [info.wnid for info in load_classes()], per_class=PER_CLASS)


def write_case_result(
    folder: Path, model: ModelRecord, clean_copy: Path, *, skill: float = 0.5, clustered: bool = True
) -> Result:
    """`result.json` of a model on the embedded split and its measured clean twin, its baseline beside it.

    Returns:
        The result; the baseline is at `folder / "baseline.json"`.
    """
    data = {CLEAN: clean_copy}
    splits = {ref: load_split(parse_split_ref(ref), data=data, cache=None) for ref in (CLEAN, SPLIT)}
    files = {
        ref: _write_case_predictions(
            folder, model, split, splits[SPLIT], skill=min(0.99, 2 * skill) if ref == CLEAN else skill
        )
        for ref, split in splits.items()
    }
    request = RescoreRequest(
        files=(files[CLEAN],), reference=None, view=None, data=data, skip_unreadable=False, out=folder
    )
    clean = rescore(request).entries[0].model_copy(update={"gaps": ()})
    result = rescore(replace(request, files=(files[SPLIT],), reference=files[CLEAN]))
    result = result.model_copy(update={"entries": (clean, *result.entries)})
    baseline = build_case_baseline(result, splits)
    write_measured_baseline(folder / "baseline.json", baseline)
    counts = load_pair_counts(result, folder, data=data) if clustered else None
    result = attach_effective_robustness(result, baseline, ["logit"], counts=counts)
    write_result(folder, result)
    return result


def _write_case_predictions(
    folder: Path, model: ModelRecord, split: Split, shifted: Split, *, skill: float
) -> Path:
    rng = np.random.default_rng(len(split.rows))
    labels = split.rows.labels[:, 0].astype(np.int64)
    inside = np.array(shifted.class_set.indices)
    # Wrong answers are other classes of the split, so that answers among fewer classes are the same ones.
    wrong = inside[(np.searchsorted(inside, labels) + 1) % len(inside)]
    # A margin that goes through 0 smoothly, as a model's does: constant ones are doubted.
    margins = norm.ppf(skill) - norm.ppf(rng.random(len(labels)))
    best, second = np.where(margins > 0, (labels, wrong), (wrong, labels))
    rest = [inside[(np.searchsorted(inside, best) + step) % len(inside)] for step in (2, 3, 4)]
    odds = 0.7 / (1 + np.exp(-np.where(margins > 0, 4, -1) * margins))
    lower = np.outer(0.7 - odds, [1, 0.14, 0.13, 0.12])
    top5 = TopFive(
        np.stack([best, second, *rest], axis=1).astype(np.int16),
        np.column_stack([odds, lower]).astype(np.float32),
    )
    name = name_class_set(shifted.class_set)
    covered = np.isin(labels, inside)
    restricted = TopFive(
        np.where(covered[:, None], top5.indices, -1).astype(np.int16),
        np.where(covered[:, None], top5.probabilities, 0).astype(np.float32),
    )
    predictions = Predictions(
        image_ids=split.rows.image_ids,
        labels=split.rows.labels,
        source_image_ids=split.rows.source_image_ids,
        top5=top5,
        errors=(None,) * len(labels),
        restricted={name: restricted},
    )
    meta = PredictionsMeta(
        model=model,
        split=split.record,
        classes=StoredClassSet(indices=split.class_set.indices),
        outputs=split.outputs,
        run=make_run_record(),
        class_sets={name: StoredClassSet(indices=shifted.class_set.indices)},
        limit=None,
        key="0" * 64,
    )
    path = folder / f"{split.record.name.replace('/', '-')}.parquet"
    write_predictions(path, predictions, meta)
    return path


def build_case_baseline(result: Result, splits: dict[str, Split]) -> MeasuredBaseline:
    """Eight models of rising skill, as `baselines run` would have measured them."""
    rng = np.random.default_rng(5)
    shifted, clean = splits[SPLIT], splits[CLEAN]
    indices = shifted.class_set.indices
    totals = {
        ref: [int((split.rows.labels[:, 0] == index).sum()) for index in indices]
        for ref, split in splits.items()
    }
    gap = next(entry for entry in result.entries if entry.split.ref == SPLIT).gaps[0]
    records = []
    for number in range(NUM_BASELINE_MODELS):
        share = 0.35 + 0.07 * number
        right = {
            CLEAN: rng.binomial(totals[CLEAN], min(0.95, share + 0.1)),
            SPLIT: rng.binomial(totals[SPLIT], share - 0.1),
        }
        records.append(
            MeasuredRecord(
                model=f"model-{number}",
                family=f"family-{number}",
                weights_sha256=f"{number:064x}",
                reference_right=tuple(map(int, right[CLEAN])),
                shifted_right=tuple(map(int, right[SPLIT])),
            )
        )
    return MeasuredBaseline(
        id="toy",
        set_sha256="0" * 64,
        target=SPLIT,
        content_sha256=shifted.record.content_sha256,
        outputs=gap.reference.outputs,
        reference_set=CLEAN,
        reference_manifest_sha256=clean.record.manifest_sha256,
        class_indices=indices,
        reference_total=tuple(totals[CLEAN]),
        shifted_total=tuple(totals[SPLIT]),
        records=tuple(records),
    )
