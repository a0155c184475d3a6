"""Shares of the rows joined to the predictions that one run of all rows gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from imagenet_g.benchmark.composing.part_files import PartMeta, StoredPart
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    PredictionsMeta,
    concatenate_predictions,
    validate_predictions,
)

MAX_LISTED = 20
FACTS: dict[str, Callable[[PartMeta], object]] = {
    "number of shares": lambda meta: meta.of,
    "number of rows": lambda meta: meta.num_rows,
    "version of imagenet-g": lambda meta: meta.imagenet_g,
    "statistics": lambda meta: meta.statistics,
    "weights": lambda meta: meta.predictions.model.weights_sha256,
    "preprocessing": lambda meta: meta.predictions.model.preprocessing,
    "class map": lambda meta: meta.predictions.model.class_map,
    "zero-shot prompts": lambda meta: meta.predictions.model.zero_shot,
    "images and labels of the split": lambda meta: meta.predictions.split.content_sha256,
    "dtype": lambda meta: meta.predictions.run.dtype,
    "backend": lambda meta: meta.predictions.run.backend,
    "precision": lambda meta: meta.predictions.run.precision,
    "versions of packages": lambda meta: meta.predictions.run.versions,
    "--limit": lambda meta: meta.predictions.limit,
    "code or behaviour of the model": lambda meta: meta.predictions.key,
    "model": lambda meta: meta.predictions.model,
    "split": lambda meta: (meta.predictions.split, meta.predictions.classes, meta.predictions.outputs),
    "class sets": lambda meta: meta.predictions.class_sets,
    "declared training": lambda meta: meta.model,
    "splits, clean sets or options that were asked for": lambda meta: meta.plan,
}
"""What all shares must have alike, by the words of a message; the plainest ones first."""


def join_parts(parts: Sequence[StoredPart]) -> tuple[Predictions, PredictionsMeta]:
    """All rows of a split, from the shares of one model on it.

    Args:
        parts: At least one share, in any order.

    Raises:
        DataError: Shares are missing or doubled, are not of one run, or do not fit together.
    """
    ordered = sorted(parts, key=lambda part: (part.meta.number, part.meta.start))
    name = f"'{ordered[0].meta.predictions.model.requested}' on '{ordered[0].meta.predictions.split.ref}'"
    _require_alike(ordered, name)
    _require_all(ordered, name)
    predictions = concatenate_predictions([part.predictions for part in ordered])
    about = ordered[0].meta.predictions
    sets = {set_name: one.indices for set_name, one in about.class_sets.items()}
    # An id may stand in two shares, each of which is in order.
    validate_predictions(predictions, source=f"the shares of {name}", class_sets=sets)
    runs = [part.meta.predictions.run for part in ordered if len(part.predictions)]
    run = join_runs(runs or [about.run], [len(part.predictions) for part in ordered if len(part.predictions)])
    return predictions, about.model_copy(update={"run": run})


def _require_alike(parts: Sequence[StoredPart], name: str) -> None:
    first = parts[0]
    for other in parts[1:]:
        for fact, read in FACTS.items():
            if read(other.meta) != read(first.meta) and not _is_idle(fact, first, other):
                raise DataError(
                    f"Shares {first.meta.share} ('{first.path}') and {other.meta.share} ('{other.path}') of "
                    f"{name} differ in: {fact}. Run one of them again as the other was run, or leave its "
                    "file out."
                )


def _is_idle(fact: str, *parts: StoredPart) -> bool:
    """Whether a share without rows, which has computed nothing, cannot have a fact."""
    return fact == "precision" and not all(len(part.predictions) for part in parts)


def _require_all(parts: Sequence[StoredPart], name: str) -> None:
    for one, other in pairwise(parts):
        if one.meta.number == other.meta.number:
            raise DataError(f"Share {one.meta.share} of {name} is in '{one.path}' and in '{other.path}'.")
    of = parts[0].meta.of
    missing = sorted(set(range(1, of + 1)) - {part.meta.number for part in parts})
    if missing:
        listed = ", ".join(f"{number}/{of}" for number in missing[:MAX_LISTED])
        more = f" and {len(missing) - MAX_LISTED} more" if len(missing) > MAX_LISTED else ""
        raise DataError(f"Shares of {name} are missing: {listed}{more}. Run 'evaluate --rows' for them.")
    bounds = [0, *(bound for part in parts for bound in (part.meta.start, part.meta.stop))]
    bounds.append(parts[0].meta.num_rows)
    for stop, start, part in zip(bounds[::2], bounds[1::2], [*parts, parts[-1]], strict=True):
        if stop != start:
            what = "overlap" if start < stop else "leave rows out"
            raise DataError(
                f"The shares of {name} {what} at row {min(start, stop)} ('{part.path}'): they were cut by "
                "other batch sizes. Run all with one --batch-size."
            )


def join_runs(runs: Sequence[RunRecord], num_rows: Sequence[int]) -> RunRecord:
    """The run of all rows: seconds added up, devices named, the smallest batch size.

    Args:
        runs: Of the shares that have rows.
        num_rows: Rows of each.
    """
    first = runs[0]
    seconds = round(sum(run.seconds for run in runs), 3)
    computed = sum(run.images_per_second * run.seconds for run in runs)
    compared = [run.backend_check for run in runs if run.backend_check is not None]
    checks = [run.batch_check for run in runs if run.batch_check is not None]
    low = [run.logits_dtype for run in runs if run.logits_dtype not in (None, "float32")]
    warm_ups = [run.warm_up_seconds for run in runs if run.warm_up_seconds is not None]
    shared = [run.shared_with for run in runs if run.shared_with is not None]
    return first.model_copy(
        update={
            "device": ", ".join(dict.fromkeys(run.device for run in runs)),
            "device_name": ", ".join(dict.fromkeys(run.device_name for run in runs)),
            "batch_size": min(run.batch_size for run in runs),
            "seconds": seconds,
            "images_per_second": round(computed / seconds, 3) if seconds else 0.0,
            "warm_up_seconds": round(sum(warm_ups), 3) if warm_ups else None,
            "started_utc": min(run.started_utc for run in runs),
            "logits_dtype": low[0] if low else first.logits_dtype,
            "batch_check": max(checks, key=lambda check: check.max_difference) if checks else None,
            "backend_check": max(compared, key=lambda check: check.max_difference) if compared else None,
            "shared_with": max(shared) if shared else None,
            "row_shares": len(num_rows),
        }
    )
