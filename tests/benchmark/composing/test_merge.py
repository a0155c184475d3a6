"""`imagenet-g evaluate --rows` and `imagenet-g merge`: shares of the rows, and the serial run's result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.composing.part_files import PartMeta, load_part, write_part
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.predictions.predictions import load_predictions, make_table
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Entry, Result

COLOUR = "python:toy_models:make_colour_model"
CLASSES = [row % 40 for row in range(75)]


def run_job(home: Path, folders: Path, *words: str, code: int = 0) -> None:
    """The toy model on a view and its clean set, batches of 8."""
    asked = ["--model", COLOUR, "--split", f"folder:{folders / 'split'}:imagenet-r", "--batch-size", "8"]
    asked += ["--reference", f"folder:{folders / 'clean'}"]
    where = ["--out", str(home / "out"), "--cache", str(home / "cache")]
    assert main(["evaluate", *asked, *where, *words]) == code


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split with two images that cannot be read, and a clean set."""
    home = tmp_path_factory.mktemp("images")
    split = write_toy_folder(home / "split", CLASSES)
    for path in sorted(split.glob("*/*.png"))[10:12]:
        path.write_bytes(b"lost")
    write_toy_folder(home / "clean", CLASSES[:50])
    return home


@pytest.fixture(scope="module")
def stored(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three jobs, which share it and a cache."""
    home = tmp_path_factory.mktemp("jobs")
    for number in (2, 1, 3):
        run_job(home, folders, "--rows", f"{number}/3")
    return home / "out"


@pytest.fixture
def shares(stored: Path, tmp_path: Path) -> Path:
    """A copy of the jobs' folder, to be spoilt."""
    shutil.copytree(stored, tmp_path / "jobs")
    return tmp_path / "jobs"


def merge(*folders: Path, out: Path, code: int = 0) -> Result | None:
    """Run the command, and read the result if there is one."""
    assert main(["merge", *map(str, folders), "--out", str(out)]) == code
    found = list(out.glob("*/result.json"))
    return load_result(found[0]) if found else None


def blank(entry: Entry) -> dict[str, Any]:
    """An entry without what the time of day decides: the run, and the hashes of files that hold it."""
    found = entry.model_dump()
    found["predictions"]["sha256"] = found["predictions"]["run"] = None
    for gap in found["gaps"]:
        gap["reference"]["predictions_sha256"] = None
    return found


def list_files(shares: Path) -> list[Path]:
    """The files of the shares of the split, not of the clean set, in their order."""
    found = sorted(shares.rglob("*-of-3.parquet"))
    return [path for path in found if load_part(path).meta.predictions.split.ref.endswith("split")]


def change(path: Path, **update: Any) -> None:
    """Write other facts into a share."""
    part = load_part(path)
    write_part(path, part.predictions, part.meta.model_copy(update=update))


def test_the_merged_result_is_that_of_one_run(folders: Path, stored: Path, tmp_path: Path) -> None:
    """Scores, gaps and intervals, on a view, with images that cannot be read; predictions bit by bit."""
    run_job(tmp_path / "serial", folders)
    serial = load_result(next((tmp_path / "serial" / "out").glob("*/result.json")).parent)
    merged = merge(stored, out=tmp_path / "merged")
    assert merged is not None
    assert [blank(entry) for entry in merged.entries] == [blank(entry) for entry in serial.entries]
    assert (merged.model, merged.statistics) == (serial.model, serial.statistics)
    for path in (tmp_path / "serial" / "out").glob("*/predictions/*.parquet"):
        mine, meta = load_predictions(tmp_path / "merged" / path.relative_to(tmp_path / "serial" / "out"))
        whole, whole_meta = load_predictions(path)
        assert make_table(mine) == make_table(whole)
        assert meta.model_copy(update={"run": whole_meta.run}) == whole_meta


def test_the_run_of_a_merged_result_adds_the_jobs_up(shares: Path, tmp_path: Path) -> None:
    """Seconds are added, devices named, and the number of shares is told."""
    names = ["a100", "h100", "h100"]
    for path, name in zip(list_files(shares), names, strict=True):
        predictions = load_part(path).meta.predictions
        run = predictions.run.model_copy(
            update={"device_name": name, "seconds": 2.0, "images_per_second": 10}
        )
        change(path, predictions=predictions.model_copy(update={"run": run}))
    result = merge(shares, out=tmp_path / "merged")
    assert result is not None
    run = result.entries[1].predictions.run
    assert (run.device_name, run.seconds, run.images_per_second, run.row_shares) == (
        "a100, h100",
        6.0,
        10.0,
        3,
    )


def test_each_job_may_have_a_folder_of_its_own(shares: Path, tmp_path: Path) -> None:
    """The command takes them all."""
    for path in shares.rglob("*-of-3.parquet"):
        target = tmp_path / path.name / path.relative_to(shares)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    found = [tmp_path / f"{number}-of-3.parquet" for number in (3, 1, 2)]
    assert merge(*found, out=tmp_path / "merged") is not None


def test_missing_shares_are_named(shares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that only their jobs are run again; nothing is written."""
    for path in list_files(shares)[1:]:
        path.unlink()
    assert merge(shares, out=tmp_path / "merged", code=2) is None
    assert "are missing: 2/3, 3/3. Run 'evaluate --rows' for them" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()


def test_a_share_that_is_there_twice_is_refused(
    shares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names of both files; the same folder named twice is no second one."""
    other = tmp_path / "again" / list_files(shares)[1].relative_to(shares)
    other.parent.mkdir(parents=True)
    shutil.copy(list_files(shares)[1], other)
    merge(shares, tmp_path / "again", out=tmp_path / "merged", code=2)
    assert "Share 2/3 of" in capsys.readouterr().err
    assert merge(shares, shares, out=tmp_path / "merged") is not None


def with_run(**update: Any) -> Callable[[PartMeta], dict[str, Any]]:
    """A change to the run of a share."""

    def make(meta: PartMeta) -> dict[str, Any]:
        run = meta.predictions.run.model_copy(update=update)
        return {"predictions": meta.predictions.model_copy(update={"run": run})}

    return make


def with_model(**update: Any) -> Callable[[PartMeta], dict[str, Any]]:
    """A change to the model of a share."""

    def make(meta: PartMeta) -> dict[str, Any]:
        model = meta.predictions.model.model_copy(update=update)
        return {"predictions": meta.predictions.model_copy(update={"model": model})}

    return make


def with_content(meta: PartMeta) -> dict[str, Any]:
    """Other images."""
    split = meta.predictions.split.model_copy(update={"content_sha256": "0" * 64})
    return {"predictions": meta.predictions.model_copy(update={"split": split})}


def with_crop(meta: PartMeta) -> dict[str, Any]:
    """Another crop."""
    crop = meta.predictions.model.preprocessing.model_copy(update={"crop_fraction": 0.1})
    return with_model(preprocessing=crop)(meta)


@pytest.mark.parametrize(
    ("fact", "make"),
    [
        ("weights", with_model(weights_sha256="0" * 64)),
        ("preprocessing", with_crop),
        ("images and labels of the split", with_content),
        ("backend", with_run(backend="openvino-1")),
        ("versions of packages", with_run(versions={"torch": "1"})),
        ("version of imagenet-g", lambda meta: {"imagenet_g": "0.0.1"}),
        ("statistics", lambda meta: {"statistics": 1}),
        (
            "code or behaviour of the model",
            lambda meta: {"predictions": meta.predictions.model_copy(update={"key": "0" * 64})},
        ),
        (
            "splits, clean sets or options",
            lambda meta: {"plan": meta.plan.model_copy(update={"skip_unreadable": True})},
        ),
    ],
)
def test_a_share_of_another_run_is_refused_with_what_differs(
    shares: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fact: str,
    make: Callable[[PartMeta], dict[str, Any]],
) -> None:
    """Nothing is written."""
    path = list_files(shares)[2]
    change(path, **make(load_part(path).meta))
    assert merge(shares, out=tmp_path / "merged", code=2) is None
    assert f"differ in: {fact}" in " ".join(capsys.readouterr().err.split())


def test_shares_of_another_dtype_are_those_of_another_result(
    shares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have a folder of their own, and are not whole there."""
    path = list_files(shares)[2]
    change(path, **with_run(dtype="bfloat16")(load_part(path).meta))
    merge(shares, out=tmp_path / "merged", code=2)
    assert "are missing: 3/3" in capsys.readouterr().err


def test_shares_cut_by_other_batch_sizes_are_refused(
    shares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their rows overlap, or some are in none."""
    path = list_files(shares)[1]
    part = load_part(path)
    rows = list(range(len(part.predictions) - 8))
    cut = part.meta.model_copy(update={"stop": part.meta.stop - 8})
    write_part(path, part.predictions.take(rows), cut)  # type: ignore[arg-type]
    merge(shares, out=tmp_path / "merged", code=2)
    assert "leave rows out at row" in capsys.readouterr().err


def spoil_bytes(path: Path) -> None:
    """Half of the file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_count(path: Path) -> None:
    """Fewer rows than it says."""
    part = load_part(path)
    write_part(path, part.predictions.take([0, 1]), part.meta)  # type: ignore[arg-type]


def spoil_bounds(path: Path) -> None:
    """Rows that the run does not have."""
    meta = load_part(path).meta
    change(path, start=meta.start + 10**6, stop=meta.stop + 10**6)


def spoil_ids(path: Path) -> None:
    """The images of the share before."""
    before = load_part(path.with_name("1-of-3.parquet")).predictions
    part = load_part(path)
    write_part(path, before.take(list(range(len(part.predictions)))), part.meta)  # type: ignore[arg-type]


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_count, spoil_bounds, spoil_ids])
def test_a_damaged_share_is_one_message(
    shares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None]
) -> None:
    """As predictions are checked; nothing is written."""
    spoil(list_files(shares)[1])
    assert merge(shares, out=tmp_path / "merged", code=2) is None
    printed = capsys.readouterr().err
    assert printed.startswith("imagenet-g: ")
    assert "Traceback" not in printed


def test_a_share_is_no_result(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not scored, and lies where no result is looked for."""
    assert not list(stored.glob("*/result.json"))
    assert main(["score", str(list_files(stored)[0])]) == 2
    assert "holds a share of the rows and is no result; join all shares" in capsys.readouterr().err


def test_a_job_that_is_done_is_not_run_again(folders: Path, stored: Path, tmp_path: Path) -> None:
    """Its files stay as they are, byte by byte."""
    shutil.copytree(stored, tmp_path / "out")
    before = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.parquet"))}
    run_job(tmp_path, folders, "--rows", "2/3")
    assert before == {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.parquet"))}


def test_more_jobs_than_batches_leave_some_without_rows(folders: Path, tmp_path: Path) -> None:
    """Their empty shares are joined as any other."""
    for number in range(1, 5):
        run_job(tmp_path, folders, "--rows", f"{number}/4", "--limit", "20")
    result = merge(tmp_path / "out", out=tmp_path / "merged")
    assert result is not None
    assert [entry.limit for entry in result.entries] == [20, 20]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/1000000"])
def test_a_share_that_does_not_exist_is_refused(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Before a model is loaded."""
    run_job(tmp_path, folders, f"--rows={text}", code=2)
    assert f"--rows '{text}' is no share of the rows" in capsys.readouterr().err


def test_a_sweep_is_of_whole_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts results, and a share is none."""
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(f'model = ["{COLOUR}"]\nsplit = ["mini/real"]\nreference = "published"\n')
    words = ["--rows", "1/2", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", str(sweep), *words]) == 2
    assert "--rows has no place in a sweep" in capsys.readouterr().err


def test_a_finished_run_of_all_rows_leaves_the_parts_of_jobs_alone(stored: Path, tmp_path: Path) -> None:
    """They may still be at work on them; its own are dropped."""
    part = load_part(list_files(stored)[0])
    cache, key = Cache(tmp_path), part.meta.predictions.key
    own, *others = (cache.open_parts(key, {}, bounds=bounds) for bounds in (None, (0, 8), (8, 16)))
    for store in (own, *others):
        store.write_part(0, part.predictions)
    cache.write_predictions(part.predictions, part.meta.predictions)
    assert own.load_parts() == []
    assert [len(store.load_parts()) for store in others] == [1, 1]
