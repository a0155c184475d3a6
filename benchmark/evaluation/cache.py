"""Predictions that need not be computed again, and runs that need not start over.

    <cache>/models/<request>.json          which weights a request resolved to, while its files are unchanged
    <cache>/weights/<key>.json             the hash of the weights in files that are unchanged
    <cache>/predictions/<key>.parquet      finished predictions
    <cache>/batch-sizes/<key>.txt          batch sizes at which models are fastest on a GPU
    <cache>/compiled/<key>.model           models as a backend compiled them
    <cache>/parts/<key>-<sets>/            rows of an interrupted run, START-STOP.parquet each; of a share of
                                           the rows, in a folder whose name ends in its bounds

The key hashes weights, architecture, preprocessing, images, dtype and backend, the code that no recorded
version stands for, and the model's answers on fixed inputs: whatever could change a prediction. Parts carry
the key too. Everything is written whole or not at all, so a killed run leaves only finished parts.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.evaluation.memos import ModelMemo
from imagenet_g.benchmark.file_stamps import is_unchanged
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    PredictionsMeta,
    load_predictions,
    write_predictions,
)
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import write_text


@dataclass(frozen=True, slots=True)
class Cache:
    """Everything kept between runs, under one folder."""

    folder: Path

    def load_memo(self, request_sha256: str) -> ModelMemo | None:
        """The memo of a request, if there is one and all its files are unchanged."""
        path = self._memo_path(request_sha256)
        try:
            memo = ModelMemo.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        # Hashing gigabytes of weights at every start would take longer than many evaluations.
        return memo if all(is_unchanged(stamp) for stamp in memo.files) else None

    def write_memo(self, request_sha256: str, memo: ModelMemo) -> None:
        """Remember what a request resolved to."""
        write_text(self._memo_path(request_sha256), memo.model_dump_json())

    def load_predictions(
        self, key: str, class_sets: Mapping[str, ClassSet]
    ) -> tuple[Predictions, PredictionsMeta] | None:
        """Finished predictions that hold at least these class sets, and the sums over all outputs.

        A damaged file counts as absent.
        """
        path = self.predictions_path(key)
        if not path.exists():
            return None
        try:
            predictions, meta = load_predictions(path)
        except DataError:
            return None
        # A file of an earlier release lacks the sums, and with them half of the metrics.
        complete = predictions.top5.sums is not None and all(
            name in meta.class_sets and meta.class_sets[name].indices == class_set.indices
            for name, class_set in class_sets.items()
        )
        # The key is compared again, because a user can rename or copy a file.
        return (predictions, meta) if complete and meta.key == key else None

    def write_predictions(self, predictions: Predictions, meta: PredictionsMeta) -> None:
        """Keep finished predictions and drop the parts they were put together from."""
        write_predictions(self.predictions_path(meta.key), predictions, meta)
        # Those of a share, which end in its bounds, belong to a job that may still be at work.
        for folder in (self.folder / "parts").glob(f"{meta.key}-{'[0-9a-f]' * 16}"):
            shutil.rmtree(folder, ignore_errors=True)

    def has_parts(self, key: str) -> bool:
        """Whether an interrupted run of a key left parts."""
        return any((self.folder / "parts").glob(f"{key}-*/*.parquet"))

    def predictions_path(self, key: str) -> Path:
        """Where finished predictions of a key are kept."""
        return self.folder / "predictions" / f"{key}.parquet"

    def open_parts(
        self, key: str, class_sets: Mapping[str, ClassSet], *, bounds: tuple[int, int] | None = None
    ) -> PartStore:
        """The parts of an interrupted run with the same key and class sets, and of the same rows.

        Args:
            key: Of the predictions.
            class_sets: Class sets of restricted outputs, by stored name.
            bounds: First row of a share, and the one behind its last; None for a run of all rows.
        """
        # Other class sets need other outputs of the same model, so their parts must not be mixed with these.
        sets_sha256 = hash_json({name: class_set.indices for name, class_set in class_sets.items()})
        # Two jobs must not write to one folder: the rows of one would be taken for those of another.
        rows = "" if bounds is None else f"-{bounds[0]}-{bounds[1]}"
        return PartStore(self.folder / "parts" / f"{key}-{sets_sha256[:16]}{rows}", key=key)

    def _memo_path(self, request_sha256: str) -> Path:
        return self.folder / "models" / f"{request_sha256}.json"


def make_predictions_key(memo: ModelMemo, split: Split, *, limit: int | None, backend: str) -> str:
    """Cache key: a hash of all that decides a prediction, and of what the file records about itself."""
    record = memo.record
    return hash_json(
        {
            # Spec and split decide nothing, but the stored file names them: the same weights under another
            # name need a separate file.
            "spec": record.spec,
            "weights": record.weights_sha256,
            "class_map": record.class_map,
            "preprocessing": record.preprocessing.model_dump(),
            "zero_shot": record.zero_shot and record.zero_shot.model_dump(),
            "architecture": memo.architecture_sha256,
            "code": memo.code_sha256,
            "behaviour": memo.behaviour_sha256,
            "split": split.record.ref,
            "content": split.record.content_sha256,
            "manifest": split.record.manifest_sha256,
            "outputs": split.outputs,
            "border_px": split.border_px,
            "precropped": split.precropped,
            "dtype": name_precision(memo.dtype),
            "backend": backend,
            "limit": limit,
            # Only where there are any, so that all other keys stay as they are.
            **({} if split.rows.strengths is None else {"columns": "strength, series"}),
        }
    )


def name_precision(dtype: str) -> str:
    """What a dtype means for a key: in low precision the rule for the head decides answers as well.

    Example:
        >>> name_precision("float32"), name_precision("bfloat16")
        ('float32', 'bfloat16, last products in float32')
    """
    return dtype if dtype == "float32" else f"{dtype}, last products in float32"


def choose_cache_folder(requested: Path | None) -> Path:
    """The requested folder, else the user's own cache folder (on Linux `~/.cache/imagenet-g`)."""
    from platformdirs import user_cache_path

    return requested if requested is not None else user_cache_path("imagenet-g")
