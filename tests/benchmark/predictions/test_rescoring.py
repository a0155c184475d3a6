"""Stored predictions scored again, without what they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from factories import make_evidence, make_meta, make_predictions
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.reports.notes import explain_old_statistics
from imagenet_g.benchmark.reports.report import make_report
from imagenet_g.benchmark.results import STATISTICS_VERSION, Result


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


def test_a_split_that_is_its_own_reference_has_no_gap_and_the_note_says_why(tmp_path: Path) -> None:
    """Its images were scored, so that is not the reason."""
    predictions = make_evidence(make_predictions([1, 2], [1, 2])).predictions
    write_predictions(tmp_path / "p.parquet", predictions, make_meta(predictions))
    request = RescoreRequest(
        files=(tmp_path / "p.parquet",), reference=tmp_path / "p.parquet", view=None, data={},
        skip_unreadable=False, out=tmp_path,
    )  # fmt: skip
    (entry,) = rescore(request).entries
    assert entry.gaps == ()
    assert any("is the split itself" in warning for warning in entry.warnings)


def rescore_two(folder: Path) -> Result:
    """Two images, scored as today."""
    predictions = make_evidence(make_predictions([1, 2], [1, 2])).predictions
    write_predictions(folder / "p.parquet", predictions, make_meta(predictions))
    return rescore(
        RescoreRequest(
            files=(folder / "p.parquet",), reference=None, view=None, data={}, skip_unreadable=False,
            out=folder,
        )
    )  # fmt: skip


def test_a_result_names_its_statistics(tmp_path: Path) -> None:
    """Nothing is said of them by the report."""
    result = rescore_two(tmp_path)
    assert result.statistics == STATISTICS_VERSION == 2
    assert explain_old_statistics(result) == []


def test_a_result_without_statistics_is_of_version_1(tmp_path: Path) -> None:
    """And the report says what to do."""
    old = rescore_two(tmp_path).model_dump(mode="json", exclude={"statistics"})
    result = Result.model_validate(old)
    assert result.statistics == 1
    (line,) = explain_old_statistics(result)
    assert "statistics 1:" in line
    assert "imagenet-g score --upgrade" in line
    console = Console(width=200)
    with console.capture() as capture:
        console.print(make_report([result]))
    assert "statistics 1: intervals" in capture.get()


def test_statistics_of_a_newer_release_are_refused(tmp_path: Path) -> None:
    """The message says what to do."""
    new = rescore_two(tmp_path).model_dump(mode="json") | {"statistics": 3}
    (tmp_path / "result.json").write_text(json.dumps(new), encoding="utf-8")
    with pytest.raises(DataError, match=r"is 3; this release knows up to 2\. Update imagenet-g"):
        load_result(tmp_path)
