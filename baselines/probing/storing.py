"""Files of probes: the answers to each test image, and the result that follows from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from imagenet_g.baselines.probing.records import ProbeEntry, ProbeResult
from imagenet_g.baselines.probing.scoring import (
    ProbeAnswers,
    average_sets,
    compute_class_mean,
    estimate_accuracy,
)
from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.storage import replace_file, write_text

RESULT = "probe.json"


def write_answers(path: Path, answers: ProbeAnswers) -> str:
    """Write answers as parquet, one row an image; returns the file's sha256.

    Raises:
        StorageError: The place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # By name and not by position: a reader can join them with the files of the set.
    columns = {
        "image_id": pa.array(answers.image_ids, pa.string()),
        "label": pa.array(answers.labels, pa.int32()),
        "shared": pa.array(answers.shared, pa.bool_()),
    }
    for number, row in enumerate(answers.answers):
        columns[f"answer_{number}"] = pa.array(row, pa.int32())
    with replace_file(path) as temporary:
        pq.write_table(pa.table(columns), temporary)
    return hash_file(path)


def load_answers(path: Path, *, num_seeds: int) -> ProbeAnswers:
    """Read stored answers.

    Raises:
        DataError: The file is missing, no parquet, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        return ProbeAnswers(
            image_ids=tuple(table["image_id"].to_pylist()),
            labels=table["label"].to_numpy().astype(np.int64),
            answers=np.stack([table[f"answer_{number}"].to_numpy() for number in range(num_seeds)]).astype(
                np.int64
            ),
            shared=np.asarray(table["shared"].to_pylist(), dtype=np.bool_),
        )
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"'{path}' holds no answers of a probe: {error}") from error


def score_answers(answers: ProbeAnswers) -> dict[str, object]:
    """The numbers of an entry that follow from its answers."""
    right, alone = answers.right, ~answers.shared
    return {
        "top1": estimate_accuracy(right),
        "mean_per_class": compute_class_mean(answers.labels, right),
        "top1_without_shared": float(right[:, alone].mean())
        if answers.shared.any() and alone.any()
        else None,
    }


def write_result(folder: Path, result: ProbeResult) -> Path:
    """Write `probe.json`, its means made anew from its entries."""
    # Of whole sets only: a mean over pieces would pass for one over the sets.
    rows = [(one.set, one.top1, one.num_test) for one in result.entries if not one.partial]
    full = result.model_copy(update={"means": average_sets(rows) if rows else None})
    write_text(folder / RESULT, full.model_dump_json(indent=2) + "\n")
    return folder / RESULT


def load_result(folder: Path) -> ProbeResult | None:
    """The result in a folder; None where there is no file.

    Raises:
        DataError: The file is damaged or of another form.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        return ProbeResult.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"'{path}' is no result of probes:\n{format_problems(error)}") from error


def check_entry(folder: Path, entry: ProbeEntry) -> None:
    """Compute the numbers of an entry again from its stored answers.

    Raises:
        DataError: The file of answers is another one, or a number does not follow from it.
    """
    # The hash first: a file that was changed could follow from a changed result as well.
    path = folder / entry.predictions
    if not path.is_file() or hash_file(path) != entry.predictions_sha256:
        raise DataError(f"'{path}' is missing or was changed: its hash is not that of the result.")
    answers = load_answers(path, num_seeds=len(entry.seeds))
    for name, value in score_answers(answers).items():
        if getattr(entry, name) != value:
            raise DataError(f"{name} of '{entry.set}' does not follow from '{path}': {value} does.")
