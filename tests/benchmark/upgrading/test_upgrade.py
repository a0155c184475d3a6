"""Results of statistics 1 brought up from the predictions beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factories import make_evidence, make_meta, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import load_result, write_result
from imagenet_g.benchmark.results import STATISTICS_VERSION, Result
from imagenet_g.benchmark.upgrading.upgrade import UpgradeRequest, upgrade_result

SHIFTED = "a.parquet"
CLEAN = "clean.parquet"


def write_folder(folder: Path) -> Path:
    """A result of statistics 1 on a split and on its clean set, as `score --out` leaves it."""
    for name, ref, predicted in ((SHIFTED, "v9/sd-l", [1, 2, 3, 9]), (CLEAN, "imagenet-val", [1, 2, 3, 4])):
        rows = make_evidence(make_predictions(predicted, [1, 2, 3, 4], prefix=ref)).predictions
        folder.mkdir(exist_ok=True)
        write_predictions(folder / name, rows, make_meta(rows, ref))
    result = rescore(
        RescoreRequest(
            files=(folder / SHIFTED,), reference=folder / CLEAN, view=None, data={}, skip_unreadable=False,
            out=folder,
        )
    )  # fmt: skip
    clean = rescore(
        RescoreRequest(
            files=(folder / CLEAN,), reference=None, view=None, data={}, skip_unreadable=False, out=folder
        )
    )
    entries = (clean.entries[0].model_copy(update={"gaps": ()}), *result.entries)
    write_result(
        folder, result.model_copy(update={"entries": entries, "statistics": 1, "extra": {"lab": "x"}})
    )
    return folder


def load_old(folder: Path) -> Result:
    """The result with the numbers of its split spoiled, so that a test sees which are new."""
    result = load_result(folder)
    gap = result.entries[1].gaps[0].model_copy(update={"low": None, "high": None, "method": "old"})
    spoiled = result.entries[1].model_copy(update={"gaps": (gap,), "warnings": ("old",)})
    return result.model_copy(update={"entries": (result.entries[0], spoiled)})


def test_every_number_is_that_of_a_run_of_today(tmp_path: Path) -> None:
    """The same functions score the same predictions."""
    folder = write_folder(tmp_path / "m")
    upgraded = upgrade_result(UpgradeRequest(result=load_old(folder), folder=folder))
    assert upgraded.statistics == STATISTICS_VERSION
    assert upgraded.entries[1] == load_result(folder).entries[1]
    assert upgraded.extra == {"lab": "x"}


def test_a_clean_set_keeps_no_gap(tmp_path: Path) -> None:
    """It is what the others are compared with."""
    folder = write_folder(tmp_path / "m")
    upgraded = upgrade_result(UpgradeRequest(result=load_result(folder), folder=folder))
    assert [len(entry.gaps) for entry in upgraded.entries] == [0, 1]
    assert upgraded.entries[1].gaps[0].reference.kind == "measured"


@pytest.mark.parametrize("file", [SHIFTED, CLEAN])
def test_missing_predictions_are_named(tmp_path: Path, file: str) -> None:
    """Those of the clean set too."""
    folder = write_folder(tmp_path / "m")
    (folder / file).unlink()
    with pytest.raises(DataError, match=f"There is no predictions file '.*{file}'"):
        upgrade_result(UpgradeRequest(result=load_result(folder), folder=folder))


@pytest.mark.parametrize("file", [SHIFTED, CLEAN])
def test_changed_predictions_are_refused(tmp_path: Path, file: str) -> None:
    """Its hash is not the one that the result names."""
    folder = write_folder(tmp_path / "m")
    rows = make_evidence(make_predictions([1, 1, 1, 1], [1, 2, 3, 4])).predictions
    write_predictions(folder / file, rows, make_meta(rows))
    with pytest.raises(DataError, match=f"{file}' is not the file the result was computed from"):
        upgrade_result(UpgradeRequest(result=load_result(folder), folder=folder))


def test_a_folder_of_results_is_brought_up_and_what_fails_stays_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that fails does not stop the others, and no file is half new."""
    good, bad = write_folder(tmp_path / "good"), write_folder(tmp_path / "bad")
    (bad / SHIFTED).unlink()
    before = hash_file(bad / "result.json")
    assert main(["score", "--upgrade", str(tmp_path)]) == 1
    assert load_result(good).statistics == STATISTICS_VERSION
    assert hash_file(bad / "result.json") == before
    said = capsys.readouterr()
    assert "result.json: statistics 1 -> 2" in " ".join(said.out.split())
    assert "is left as it was: There is no predictions file" in " ".join(said.err.split())


def test_a_result_of_today_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twice is once."""
    folder = write_folder(tmp_path / "m")
    assert main(["score", "--upgrade", str(folder)]) == 0
    once = hash_file(folder / "result.json")
    assert main(["score", "--upgrade", str(folder / "result.json")]) == 0
    assert hash_file(folder / "result.json") == once
    assert "has statistics 2 already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Name the predictions to score, or a result with --upgrade"),
        (["--upgrade", "here", "--view", "imagenet-r"], "leave out --view"),
        (["--upgrade", "empty"], "There is no result in 'empty'"),
        (["one.parquet", "--baseline", "line.json"], "--baseline goes with --upgrade"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, no traceback."""
    assert main(["score", *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_effective_robustness_without_its_baseline_is_refused(tmp_path: Path) -> None:
    """A line that is not available cannot be drawn again; the message says which file is wanted."""
    folder = write_folder(tmp_path / "m")
    content = json.loads((folder / "result.json").read_text())
    content["entries"][1]["effective_robustness"] = [LINE]
    with pytest.raises(DataError, match=r"baseline 'lost' with the hash 0{16}.*--baseline FILE"):
        upgrade_result(UpgradeRequest(result=Result.model_validate(content), folder=folder))


LINE = {
    "baseline": "lost", "baseline_sha256": "0" * 64, "link": "logit", "value": 0.0, "low": None, "high": None,
    "clustered": False, "expected_top1": 0.75, "band_low": 0.5, "band_high": 0.9, "axis": "imagenet-val",
    "slope": 1.0, "intercept": 0.0, "r2": 0.9, "num_models": 9, "num_families": 3, "reference_low": 0.1,
    "reference_high": 0.9, "extrapolated": False, "weak": False, "num_resamples": 1000, "seed": 0,
}  # fmt: skip
