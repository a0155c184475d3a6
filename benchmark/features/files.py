"""A file of image features: one row an image, readable by anything that reads parquet.

    image_id   string
    label      list<int16>              acceptable class indices, nearly always one
    feature    fixed_size_list<float>   D values of length 1 together, float32; null for an unreadable image
    error      string or null           why an image has none

and a JSON `FeaturesMeta` in the parquet metadata under "imagenet_g.features". The file imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from imagenet_g.benchmark.answers.ragged import make_ragged, parse_classes, parse_strings
from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.features.row_store import hash_vectors
from imagenet_g.benchmark.records import Count, FileModel, ModelRecord, Sha256, SplitRecord
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.storage import replace_file

if TYPE_CHECKING:
    import pyarrow as pa

META_KEY = b"imagenet_g.features"
MAX_ROWS = 2_000_000
MAX_DIMENSIONS = 16_384
"""No CLIP has more; a file that claims more is refused unread."""
_ROUNDING = 1e-3


class FeaturesMeta(FileModel):
    """What the rows are features of."""

    schema_version: Literal[1] = 1
    model: ModelRecord
    """Weights, preprocessing and all; its texts are those of the run that wrote the file."""
    tower_sha256: Sha256
    """Hash of layers, settings, code and behaviour of the image side."""
    split: SplitRecord
    """The whole split, before any view."""
    dtype: str
    """In which the encoder ran; the features themselves are float32."""
    backend: str
    limit: Count | None
    num_dimensions: Count
    values_sha256: Sha256
    """Hash of the features that are there: rows in order, float32, little endian."""
    key: Sha256
    """Cache key: weights, image side, preprocessing, images, dtype, backend."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the images of a split.

    Attributes:
        image_ids: N identities, unique.
        labels: `(N, L)` int16 acceptable class indices, padded with -1.
        vectors: `(N, D)` float32, each of length 1; NaN where an image has none.
        errors: N reasons why an image has none; None for those that have.
        meta: What they are features of.
    """

    image_ids: tuple[str, ...]
    labels: npt.NDArray[np.int16]
    vectors: npt.NDArray[np.float32]
    errors: tuple[str | None, ...]
    meta: FeaturesMeta

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """`(N,)`: whether an image has features."""
        return np.array([error is None for error in self.errors], dtype=np.bool_)


def write_features(path: Path, features: Features) -> None:
    """Write a file of features in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    everywhere = np.ones(len(features.image_ids), dtype=np.bool_)
    flat = pa.array(features.vectors.reshape(-1), pa.float32())
    columns = {
        "image_id": pa.array(features.image_ids, pa.string()),
        "label": make_ragged(features.labels, features.labels != NO_CLASS, everywhere, pa.int16()),
        "feature": pa.FixedSizeListArray.from_arrays(
            flat, features.meta.num_dimensions, mask=pa.array(~features.present)
        ),
        "error": pa.array(features.errors, pa.string()),
    }
    meta = features.meta.model_dump_json().encode()
    with replace_file(path) as temporary:
        # Not compressed harder: the last bits of a float are noise.
        pq.write_table(pa.table(columns).replace_schema_metadata({META_KEY: meta}), temporary)


def load_features(path: Path | str) -> Features:
    """Read and validate a file of features that `imagenet-g evaluate --keep-features` wrote.

    Args:
        path: `results/<model>/features/<split>.parquet`.

    Raises:
        DataError: It is missing, not parquet, not a file of features, or breaks the contract: repeated ids,
            labels outside 0..999, values that are not finite or of another length than 1, rows with both
            features and an error, or values that do not have the recorded hash.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    try:
        file = pq.ParquetFile(path)
        # The footer is read before the rows.
        if file.metadata.num_rows > MAX_ROWS:
            raise DataError(f"'{path}' claims {file.metadata.num_rows} rows; at most {MAX_ROWS} are read.")
        meta = _load_meta(path, file.schema_arrow)
        features = _parse_table(file.read(columns=["image_id", "label", "feature", "error"]), meta)
    except FileNotFoundError as error:
        raise DataError(
            f"There is no file of features '{path}'. 'imagenet-g evaluate --keep-features' writes one."
        ) from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"'{path}' is not a file of features: {error}") from error
    _validate(features, str(path))
    return features


def _load_meta(path: Path, schema: pa.Schema) -> FeaturesMeta:
    import pyarrow as pa

    raw = (schema.metadata or {}).get(META_KEY)
    if raw is None:
        raise DataError(f"'{path}' is a parquet file but carries no imagenet-g features metadata.")
    try:
        meta = FeaturesMeta.model_validate_json(raw)
    except ValidationError as error:
        raise DataError(f"'{path}' has malformed metadata:\n{format_problems(error)}") from error
    if not 1 <= meta.num_dimensions <= MAX_DIMENSIONS:
        raise DataError(f"'{path}' claims features of {meta.num_dimensions} values.")
    kind = schema.field("feature").type
    # Before the rows are read: the type bounds what they can hold.
    if kind != pa.list_(pa.float32(), meta.num_dimensions):
        raise DataError(f"'{path}' has features of type {kind}; {meta.num_dimensions} float32 each belong.")
    return meta


def _parse_table(table: pa.Table, meta: FeaturesMeta) -> Features:
    column = table["feature"].combine_chunks()
    present = ~column.is_null().to_numpy(zero_copy_only=False)
    vectors = np.full((len(table), meta.num_dimensions), np.nan, dtype=np.float32)
    # `flatten` leaves null rows out.
    vectors[present] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, meta.num_dimensions)
    errors = parse_strings(table, "error")
    if [error is None for error in errors] != present.tolist():
        raise ValueError("an image has both features and an error, or neither")
    return Features(
        image_ids=parse_strings(table, "image_id"),
        labels=parse_classes(table, "label", width=None),
        vectors=vectors,
        errors=errors,
        meta=meta,
    )


def _validate(features: Features, source: str) -> None:
    if len(set(features.image_ids)) != len(features.image_ids) or None in features.image_ids:
        raise DataError(f"'{source}' has repeated or missing image ids.")
    if ((features.labels < NO_CLASS) | (features.labels > 999)).any():
        raise DataError(f"'{source}' has labels outside 0..999.")
    vectors = features.vectors[features.present]
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    # A zero vector is what an encoder may answer; it has no direction to bring to length 1.
    if not (np.isfinite(lengths) & ((np.abs(lengths - 1) < _ROUNDING) | (lengths == 0))).all():
        raise DataError(f"'{source}' has features that are not finite or not of length 1.")
    if hash_vectors(vectors) != features.meta.values_sha256:
        raise DataError(f"'{source}' has other features than its metadata says; it was changed or damaged.")
