"""Rows of features between runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagenet_g.benchmark.features.row_store import KeptRows, keep_rows, load_rows


def make_vectors(*rows: int) -> dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Two values a row, the row's number among them."""
    return {row: np.array([row, 1], dtype=np.float32) for row in rows}


def test_rows_and_reasons_come_back_from_several_files(tmp_path: Path) -> None:
    """In any order; a reason is a text of any language."""
    keep_rows(tmp_path, make_vectors(4, 2), {3: "unreadable: ü"})
    keep_rows(tmp_path, make_vectors(0))
    keep_rows(tmp_path, {}, {1: "gone"})
    known = load_rows(tmp_path)
    assert sorted(known.vectors) == [0, 2, 4]
    assert known.errors == {1: "gone", 3: "unreadable: ü"}
    assert known.stack([4, 3, 0]).tolist() == [[4, 1], [0, 1]]
    assert (known.count_leading([4, 3, 9, 0]), known.count_leading([0, 1])) == (2, 2)


def test_nothing_to_keep_leaves_no_file(tmp_path: Path) -> None:
    """And of nothing there is nothing to stack."""
    keep_rows(tmp_path, {}, {})
    assert list(tmp_path.iterdir()) == []
    assert KeptRows().stack([1]).shape == (0, 1)


@pytest.mark.parametrize(
    "arrays",
    [
        {"rows": np.arange(2), "vectors": np.zeros((3, 2), np.float32)},
        {"rows": np.arange(2), "vectors": np.zeros((2, 2), np.float64)},
        {"rows": np.arange(2), "vectors": np.full((2, 2), np.nan, np.float32)},
        {"rows": np.zeros(2), "vectors": np.zeros((2, 2), np.float32)},
        {"rows": np.arange(2), "vectors": np.zeros((2, 2), np.float32), "failed": np.arange(1)},
        {"rows": np.arange(2), "vectors": np.array([[{}], [{}]])},
        {"vectors": np.zeros((2, 2), np.float32)},
    ],
)
def test_a_file_that_does_not_fit_counts_as_absent(
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]], tmp_path: Path
) -> None:
    """A cache may have been filled by anyone; a pickle is not opened."""
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    (tmp_path / "b.npz").write_bytes(b"half")
    keep_rows(tmp_path, make_vectors(7))
    assert list(load_rows(tmp_path).vectors) == [7]


def test_vectors_of_another_length_are_not_taken(tmp_path: Path) -> None:
    """They are of another model."""
    keep_rows(tmp_path, make_vectors(7))
    assert load_rows(tmp_path, 3).vectors == {}
