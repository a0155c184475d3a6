"""Predictions that need not be computed again, and runs that need not start over.

    <cache>/models/<request>.json          which weights a request resolved to, while its files are unchanged
    <cache>/predictions/<key>.parquet      finished predictions
    <cache>/parts/<key>-<sets>/            rows of an interrupted run, START-STOP.parquet each

The key hashes weights, architecture, preprocessing, images, dtype and backend, and for the model library of
another package that package's version and code: whatever could change a prediction. Everything is written
whole or not at all, so a killed run leaves only finished parts.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import DataError, StorageError
from imagenet_g.benchmark.file_stamps import FileStamp, is_unchanged
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    PredictionsMeta,
    load_predictions,
    make_table,
    parse_table,
    write_predictions,
)
from imagenet_g.benchmark.records import FileModel, ModelRecord, Sha256
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import replace_file, write_text

_PART_NAME = re.compile(r"(\d{8})-(\d{8})\.parquet")


class ModelMemo(FileModel):
    """What a request for a model resolved to."""

    schema_version: Literal[1] = 1
    record: ModelRecord
    architecture_sha256: Sha256
    library_sha256: Sha256 | None = None
    """Hash of the version and the code of a model library of another package; None for the shipped ones."""
    choice: str
    """How a short name was resolved; empty when nothing was left open."""
    backend: str
    dtype: str
    files: tuple[FileStamp, ...]


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
        """Finished predictions that hold at least these class sets; a damaged file counts as absent."""
        path = self.predictions_path(key)
        if not path.exists():
            return None
        try:
            predictions, meta = load_predictions(path)
        except DataError:
            return None
        complete = all(
            name in meta.class_sets and meta.class_sets[name].indices == class_set.indices
            for name, class_set in class_sets.items()
        )
        # The key is compared again, because a user can rename or copy a file.
        return (predictions, meta) if complete and meta.key == key else None

    def write_predictions(self, predictions: Predictions, meta: PredictionsMeta) -> None:
        """Keep finished predictions and drop the parts they were put together from."""
        write_predictions(self.predictions_path(meta.key), predictions, meta)
        for folder in (self.folder / "parts").glob(f"{meta.key}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def predictions_path(self, key: str) -> Path:
        """Where finished predictions of a key are kept."""
        return self.folder / "predictions" / f"{key}.parquet"

    def open_parts(self, key: str, class_sets: Mapping[str, ClassSet]) -> PartStore:
        """The parts of an interrupted run with the same key and class sets."""
        # Other class sets need other outputs of the same model, so their parts must not be mixed with these.
        sets_sha256 = hash_json({name: class_set.indices for name, class_set in class_sets.items()})
        return PartStore(self.folder / "parts" / f"{key}-{sets_sha256[:16]}")

    def _memo_path(self, request_sha256: str) -> Path:
        return self.folder / "models" / f"{request_sha256}.json"


@dataclass(frozen=True, slots=True)
class PartStore:
    """Finished stretches of rows, kept until the whole split is done."""

    folder: Path

    def load_parts(self) -> list[Predictions]:
        """Parts from row 0 on without a hole; anything behind a hole or damaged is ignored."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts: list[Predictions] = []
        expected = 0
        for start, stop, path in self._list_parts():
            # A run with another batch size leaves parts that overlap these; only an unbroken stretch counts.
            if start != expected:
                break
            try:
                part = parse_table(pq.read_table(path))
            except (pa.ArrowException, OSError, KeyError, ValueError):
                break
            if len(part) != stop - start:
                break
            parts.append(part)
            expected = stop
        return parts

    def write_part(self, start: int, part: Predictions) -> None:
        """Keep rows `start .. start + len(part)`."""
        import pyarrow.parquet as pq

        path = self.folder / f"{start:08d}-{start + len(part):08d}.parquet"
        for attempt in (1, 2):
            try:
                with replace_file(path) as temporary:
                    pq.write_table(make_table(part), temporary, compression="zstd")
                return
            except StorageError:
                # Another run of the same may have finished and removed this folder meanwhile.
                if attempt == 2:
                    raise

    def _list_parts(self) -> list[tuple[int, int, Path]]:
        matches = [(_PART_NAME.fullmatch(path.name), path) for path in self.folder.glob("*.parquet")]
        return sorted((int(match[1]), int(match[2]), path) for match, path in matches if match)


def make_predictions_key(memo: ModelMemo, split: Split, *, limit: int | None) -> str:
    """Cache key: a hash of all that decides a prediction, and of what the file records about itself."""
    record = memo.record
    # Only where there is one: what this package's own libraries do is in the other parts.
    library = {} if memo.library_sha256 is None else {"library": memo.library_sha256}
    return hash_json(
        library
        | {
            # Spec and split decide nothing, but the stored file names them: the same weights under another
            # name need a separate file.
            "spec": record.spec,
            "weights": record.weights_sha256,
            "class_map": record.class_map,
            "preprocessing": record.preprocessing.model_dump(),
            "zero_shot": record.zero_shot and record.zero_shot.model_dump(),
            "architecture": memo.architecture_sha256,
            "split": split.record.ref,
            "content": split.record.content_sha256,
            "manifest": split.record.manifest_sha256,
            "outputs": split.outputs,
            "border_px": split.border_px,
            "precropped": split.precropped,
            "dtype": memo.dtype,
            "backend": memo.backend,
            "limit": limit,
        }
    )


def choose_cache_folder(requested: Path | None) -> Path:
    """The requested folder, else the user's own cache folder (on Linux `~/.cache/imagenet-g`)."""
    from platformdirs import user_cache_path

    return requested if requested is not None else user_cache_path("imagenet-g")
