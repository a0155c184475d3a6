"""Evidence made from a stored predictions file."""

from __future__ import annotations

from pathlib import Path

import pytest

from factories import make_meta, make_predictions
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.evidence import Evidence, load_predicted_split, restrict_to_view
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.splits.references import parse_split_ref


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Predictions of two images, of the classes 0 and 1."""
    predictions = make_predictions([0, 2], [0, 1])
    write_predictions(tmp_path / "p.parquet", predictions, make_meta(predictions, "imagenet-val"))
    return tmp_path / "p.parquet"


def test_evidence_from_a_file_covers_the_whole_split(stored: Path) -> None:
    """Its classes, its hash and the name that the result gives it."""
    evidence = Evidence.from_file(stored, name="predictions/p.parquet", sha256=hash_file(stored))
    assert evidence.class_set.indices == (0, 1)
    assert (evidence.source.file, evidence.source.sha256) == ("predictions/p.parquet", hash_file(stored))
    assert restrict_to_view(evidence, None, data={}) is evidence


def test_a_file_with_another_hash_is_refused(stored: Path) -> None:
    """A result names the hash of the file that it was computed from."""
    with pytest.raises(DataError, match="its sha256 differs"):
        Evidence.from_file(stored, sha256="0" * 64)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """One clear error."""
    with pytest.raises(DataError, match=r"absent\.parquet"):
        Evidence.from_file(tmp_path / "absent.parquet")


def test_a_local_copy_with_other_images_is_refused() -> None:
    """Views by a column may be taken only from the very split that was run."""
    record = load_split(parse_split_ref("mini/real"), data={}, cache=None).record
    assert load_predicted_split(record, data={}).record == record
    with pytest.raises(DataError, match="other images or labels"):
        load_predicted_split(record.model_copy(update={"content_sha256": "0" * 64}), data={})
