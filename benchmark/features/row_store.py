"""Vectors of a split's images, kept row by row while a run goes on and for the runs after it.

    <cache>/embeddings/<key>/<hash of rows>.npz     rows of the split, their vectors, and why others have none

Rows are looked up one by one: a view, a limit or a rerun after an interruption computes only what is missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.storage import replace_file

VectorArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class KeptRows:
    """What is known of some rows of a split.

    Attributes:
        vectors: `(D,)` float32 by row.
        errors: Why a row has no vector, by row.
    """

    vectors: dict[int, VectorArray] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    def __contains__(self, row: int) -> bool:
        return row in self.vectors or row in self.errors

    def count_leading(self, rows: Sequence[int]) -> int:
        """How many of the rows are known before the first that is not.

        Example:
            >>> KeptRows(errors={3: "unreadable", 4: "unreadable"}).count_leading([3, 5, 4])
            1
        """
        return next((number for number, row in enumerate(rows) if row not in self), len(rows))

    def stack(self, rows: Sequence[int]) -> VectorArray:
        """`(M, D)` vectors of those rows that have one, in their order; `(0, 1)` where none has."""
        found = [self.vectors[row] for row in rows if row in self.vectors]
        return np.stack(found) if found else np.empty((0, 1), dtype=np.float32)

    def hash_values(self, rows: Sequence[int]) -> str:
        """sha256 of the vectors of some rows, as a file of them records it."""
        return hash_vectors(self.stack(rows))


def hash_vectors(vectors: VectorArray) -> str:
    """sha256 of `(N, D)` vectors, whatever file they lie in.

    Example:
        >>> hash_vectors(np.zeros((1, 2), dtype=np.float32))[:8]  # eight zero bytes
        'af5570f5'
    """
    return hash_bytes(np.ascontiguousarray(vectors, dtype="<f4").tobytes())


def load_rows(folder: Path, num_dimensions: int | None = None) -> KeptRows:
    """Rows kept in a folder; a file that is damaged counts as absent.

    Args:
        folder: Of one key.
        num_dimensions: Length of the vectors; None where that of the first file is taken.
    """
    known = KeptRows()
    for path in sorted(folder.glob("*.npz")):
        try:
            # Without pickle: a cache may have been copied from another user, and a pickle runs code.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                rows, vectors = arrays["rows"], arrays["vectors"]
                failed = arrays["failed"] if "failed" in arrays else np.empty(0, dtype=np.int64)
                reasons = arrays["reasons"] if "reasons" in arrays else np.empty(0, dtype=np.str_)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue
        if not _fits(rows, vectors, failed, reasons):
            continue
        num_dimensions = num_dimensions or (vectors.shape[1] if len(vectors) else None)
        if len(vectors) and vectors.shape[1] != num_dimensions:
            continue
        known.vectors.update(zip(rows.tolist(), vectors, strict=True))
        known.errors.update(zip(failed.tolist(), reasons.tolist(), strict=True))
    return known


def keep_rows(
    folder: Path, vectors: Mapping[int, VectorArray], errors: Mapping[int, str] | None = None
) -> None:
    """Keep vectors by row, and why other rows have none.

    Raises:
        StorageError: The folder cannot be written.
    """
    errors = errors or {}
    if not vectors and not errors:
        return
    rows, failed = np.array(list(vectors), dtype=np.int64), np.array(list(errors), dtype=np.int64)
    # Named by its rows: two runs side by side that compute the same write the same file.
    name = hash_bytes(rows.tobytes() + failed.tobytes())[:32]
    made = np.stack(list(vectors.values())) if vectors else np.empty((0, 0), dtype=np.float32)
    arrays: dict[str, npt.NDArray[np.generic]] = {"rows": rows, "vectors": made}
    if errors:
        arrays |= {"failed": failed, "reasons": np.array(list(errors.values()), dtype=np.str_)}
    with replace_file(folder / f"{name}.npz") as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def _fits(
    rows: npt.NDArray[np.generic],
    vectors: npt.NDArray[np.generic],
    failed: npt.NDArray[np.generic],
    reasons: npt.NDArray[np.generic],
) -> bool:
    """Whether arrays of a file are of the types and shapes that belong together."""
    return (
        rows.ndim == failed.ndim == reasons.ndim == 1
        and rows.dtype.kind == failed.dtype.kind == "i"
        and reasons.dtype.kind == "U"
        and len(failed) == len(reasons)
        and vectors.ndim == 2
        and vectors.dtype == np.float32
        and len(vectors) == len(rows)
        and bool(np.isfinite(vectors).all())
    )
