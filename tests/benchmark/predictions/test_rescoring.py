"""Stored predictions scored again, without what they were made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from factories import make_meta, make_predictions
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore


@pytest.mark.parametrize("ref", ["imagenet-sketch", "imagenet-c/fog/3", "folder:pictures"])
def test_an_unknown_view_of_a_set_is_refused_without_the_set(tmp_path: Path, ref: str) -> None:
    """It has no views of its own: neither the Hub nor the folder is asked for one."""
    predictions = make_predictions([1, 2], [1, 2])
    write_predictions(tmp_path / "p.parquet", predictions, make_meta(predictions, ref))
    request = RescoreRequest(
        files=(tmp_path / "p.parquet",), reference=None, view="nope", data={}, skip_unreadable=False,
        out=tmp_path,
    )  # fmt: skip
    with pytest.raises(UnknownNameError, match=rf"Unknown view 'nope' of '{ref}'\. Known: "):
        rescore(request)


def test_the_file_that_cannot_be_scored_is_named(tmp_path: Path) -> None:
    """One of several; scoring itself sees rows and no names."""
    predictions = make_predictions([-1, -1], [1, 2])
    write_predictions(tmp_path / "p.parquet", predictions, make_meta(predictions))
    request = RescoreRequest(
        files=(tmp_path / "p.parquet",),
        reference=None,
        view=None,
        data={},
        skip_unreadable=True,
        out=tmp_path,
    )
    with pytest.raises(DataError, match=r"p\.parquet' cannot be scored: None of the 2 images"):
        rescore(request)
