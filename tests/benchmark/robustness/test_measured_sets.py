"""What a file of a measured baseline may not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from line_cases import make_line

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.robustness.measured_sets import load_measured_baseline, write_measured_baseline


def test_one_model_under_two_names_is_refused_by_its_weights(tmp_path: Path) -> None:
    """Copies on one point would pass for two families that agree."""
    line = make_line()
    alias = line.records[0].model_copy(update={"model": "alias", "family": "another"})
    write_measured_baseline(tmp_path / "b.json", line.model_copy(update={"records": (*line.records, alias)}))
    with pytest.raises(InputError, match="models with the same weights: model-0, alias; keep one row"):
        load_measured_baseline(tmp_path / "b.json")


def test_models_without_weights_are_no_copies_of_each_other(tmp_path: Path) -> None:
    """They share the hash of nothing."""
    line = make_line()
    bare = tuple(one.model_copy(update={"weights_sha256": hash_bytes(b"")}) for one in line.records)
    write_measured_baseline(tmp_path / "b.json", line.model_copy(update={"records": bare}))
    assert len(load_measured_baseline(tmp_path / "b.json").records) == 6
