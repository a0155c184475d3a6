"""Names that follow from content."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.identity import (
    format_canonical_json,
    hash_bytes,
    hash_file,
    hash_json,
    hash_lines,
    make_image_id,
    make_seed,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_file_hashes_as_its_bytes(tmp_path: Path, size: int) -> None:
    """Also at the edges of the pieces it is read in."""
    data = b"x" * size
    (tmp_path / "f").write_bytes(data)
    assert hash_file(tmp_path / "f") == hash_bytes(data) == hashlib.sha256(data).hexdigest()


@given(value=PLAIN)
def test_canonical_json_loses_nothing(value: object) -> None:
    """It is JSON, and the same data."""
    assert json.loads(format_canonical_json(value)) == value


@given(value=st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_count(value: dict[str, int]) -> None:
    """A dict is no list."""
    assert hash_json(value) == hash_json(dict(reversed(value.items())))


def test_nan_has_no_canonical_json() -> None:
    """It would not be JSON."""
    with pytest.raises(ValueError, match="JSON"):
        hash_json([math.nan])


def test_lines_hash_as_a_text_file() -> None:
    """So that sha256sum can check it."""
    assert hash_lines(["a", "b"]) == hashlib.sha256(b"a\nb\n").hexdigest()


def test_the_order_of_lines_counts() -> None:
    """Files have an order."""
    assert hash_lines(["a", "b"]) != hash_lines(["b", "a"])


def test_image_ids_are_frozen() -> None:
    """Published releases stand on this value; it must never change."""
    expected = hashlib.sha256(b"v1/sd-l/n01440764/0").hexdigest()[:16]
    assert make_image_id("v1", "sd-l", "n01440764", 0) == expected


def test_ids_and_seeds_of_a_whole_split_differ() -> None:
    """A thousand classes, fifty images each."""
    keys = [(f"n{wnid:08d}", index) for wnid in range(1000) for index in range(50)]
    assert len({make_image_id("v1", "sd-l", *key) for key in keys}) == 50_000
    assert len({make_seed("v1", "sd-l", *key) for key in keys}) == 50_000


@given(index=st.integers(0, 10**6))
def test_seeds_fit_a_signed_64_bit_column(index: int) -> None:
    """Parquet int64 and torch.Generator.manual_seed take them."""
    assert 0 <= make_seed("v1", "sd-l", "n01440764", index) < 2**63
