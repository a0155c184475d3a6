"""Small files that would become large, and files that say something else of themselves than is true."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bomb_memory import LIMIT_MB, measure_bomb
from bombs import (
    write_bombs,
    write_columns,
    write_deep,
    write_lie,
    write_row_groups,
    write_zip,
)
from submission_cases import ROOT, STEM, seal

from imagenet_g.benchmark.answers import bounded_table
from imagenet_g.benchmark.answers.bounded_table import read_bounded
from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.leaderboard.board.build import load_reviewed
from imagenet_g.leaderboard.submissions.untrusted import (
    MAX_JSON_VALUES,
    parse_json,
    validate_predictions_file,
)
from imagenet_g.leaderboard.validation.validate import list_submission_files


@pytest.mark.parametrize("write", [write_row_groups, write_columns, write_deep, write_zip, write_lie])
def test_a_bomb_is_refused_before_its_rows_are_read(write: Callable[[Path], None], tmp_path: Path) -> None:
    """With its name, in one message."""
    write(tmp_path / "bomb.parquet")
    with pytest.raises((UntrustedFileError, ValueError), match=r"bomb|column 'top5_index' holds"):
        validate_predictions_file(tmp_path / "bomb.parquet", max_rows=10_000)
        read_bounded(tmp_path / "bomb.parquet")


def test_more_values_than_a_submission_has_are_refused_before_they_are_made() -> None:
    """A message about each of 1.2 million empty entries took 5.7 GB; a shipped file has a fiftieth."""
    with pytest.raises(UntrustedFileError, match=r"up to 100002 values; a submission has at most 100000"):
        # No JSON either, which would be said if it had been parsed.
        parse_json(b"[" + b"{}," * 50_000 + b"?")
    values = [path.read_text().count(",") for path in list_submission_files(ROOT)]
    assert 1000 < max(values) < MAX_JSON_VALUES / 40


def test_a_dictionary_that_no_row_uses_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its texts are in memory all the same."""
    monkeypatch.setattr(bounded_table, "MAX_TABLE_BYTES", 1_000_000)
    texts = pa.array([f"{number:0>200}" for number in range(20_000)])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3, dtype=np.int32)), texts)
    table = pa.table({"image_id": column})
    assert bounded_table.measure_bytes(table) > 1_000_000


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shipped submission, reviewed, and a copy whose model has 10^30 parameters, reviewed by hand."""
    folder = tmp_path_factory.mktemp("many") / "mini"
    folder.mkdir()
    for suffix in (".json", ".review.json"):
        shutil.copy(ROOT / "mini" / f"{STEM}{suffix}", folder)
    content = json.loads((folder / f"{STEM}.json").read_text())
    content["result"]["model"]["num_parameters"] = 10**30
    bad = folder / "lab__huge.json"
    bad.write_text(json.dumps(seal(content)))
    review = json.loads((folder / f"{STEM}.review.json").read_text())
    (folder / "lab__huge.review.json").write_text(json.dumps({**review, "submission_sha256": hash_file(bad)}))
    return folder.parent


def test_a_number_beyond_bounds_leaves_its_file_out_and_no_other(submissions: Path) -> None:
    """And says which, and why."""
    reviewed, left_out = load_reviewed(submissions)
    assert [one.path.stem for one in reviewed] == [STEM]
    assert [one.file for one in left_out] == ["lab__huge.json"]
    assert "less than or equal to 1000000000000000" in left_out[0].reason


def test_a_file_whose_rows_cannot_be_made_is_left_out(
    submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason; the build goes on."""

    def fail(*_: object, **__: object) -> None:
        raise OverflowError("int too large to convert")

    monkeypatch.setattr("imagenet_g.leaderboard.board.build.list_submission_scores", fail)
    reviewed, left_out = load_reviewed(submissions)
    assert reviewed == []
    assert any("its rows cannot be made (OverflowError" in one.reason for one in left_out)


def test_bombs_one_after_the_other_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    """With the libraries of the process that reads them; a command measures each bomb, and all others."""
    names = ("one text for all rows", "one long list", "many authors")
    paths = [write_bombs(tmp_path, only=name)[name] for name in names]
    # In one process, where what the first one leaves behind would count for the last.
    score = measure_bomb("three", *paths)
    assert score.code == 2, score.words
    assert score.words.count(": refused") == 3, score.words
    assert "Traceback" not in score.words
    assert 50 < score.peak_mb < LIMIT_MB
