"""`--engine ray` on a real cluster: the results of one process, and a killed actor costs its last part."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result

COLOUR, DYING = "python:toy_models:make_colour_model", "python:dying_models:make_dying_once"


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A local cluster of two CPUs, and the file that a dying model leaves."""
    import ray

    path = tmp_path_factory.mktemp("ray") / "died"
    with pytest.MonkeyPatch.context() as patch:
        # Actors are processes of their own and must find the models of the tests.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "support"))
        patch.setenv("DIED_MARKER", str(path))
        patch.setenv("RAY_IGNORE_UNHANDLED_ERRORS", "1")
        # Ray lets its workers wait behind every other process; beside other tests that takes minutes.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        yield path
        ray.shutdown()


def test_two_actors_give_the_answers_of_one_process_although_one_dies(
    marker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bit for bit; paths are those of the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    write_toy_folder(tmp_path / "images", [row % 5 for row in range(40)])
    common = ["--split", f"folder:{tmp_path / 'images'}", "--reference", "published", "--batch-size", "8"]
    actors = ["--engine", "ray", "--actors", "2", "--cpus-per-actor", "0.5"]
    assert main(["evaluate", "--model", COLOUR, *common, "--out", "one", "--cache", "c1"]) == 0
    assert main(["evaluate", "--model", DYING, *common, "--out", "two", "--cache", "c2", *actors]) == 0
    assert marker.exists()
    assert "The process on 'actor" in capfd.readouterr().err
    (first,), (second,) = (list(Path(out).glob("*/result.json")) for out in ("one", "two"))
    entry, other = load_result(first).entries[0], load_result(second).entries[0]
    assert entry.scores == other.scores
    assert other.predictions.run.row_shares == 2
    mine, theirs = (
        load_predictions(path.parent / found.predictions.file)[0]
        for path, found in ((first, entry), (second, other))
    )
    assert (mine.top5.probabilities == theirs.top5.probabilities).all()
