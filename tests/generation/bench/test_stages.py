"""Each stage runs and prints its lines at a tiny size, where figures do not matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.bench.report import Report, load_measurements
from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.bench import __main__ as bench
from imagenet_g.generation.bench import overlap
from imagenet_g.generation.bench.cases import CASES, DRY_CASES, OverlapCase, make_case_spec


def test_overlapped_work_is_compared_with_the_same_work_in_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rates, every step with its share, and the slowest; every number is kept."""
    assert bench.main(["--dry", "overlap", "--csv", str(tmp_path / "kept.csv")]) == 0
    printed = capsys.readouterr().out
    for case in DRY_CASES:
        assert f"overlap      {case.title}, 8 images a turn" in printed
    for line in ("machine", "images/s", "all files equal", *overlap.STEPS, "slowest: "):
        assert line in printed
    kept = load_measurements(tmp_path / "kept.csv")
    assert {row.subject for row in kept} == {
        "overlapped, whole",
        *(f"one after the other, {step}" for step in ("whole", *overlap.STEPS)),
    }
    for case in DRY_CASES:
        times = {row.subject: row.value for row in kept if (row.case, row.quantity) == (case.title, "ms")}
        steps = [times[f"one after the other, {step}"] for step in overlap.STEPS]
        assert 0 < sum(steps) <= times["one after the other, whole"]


def test_two_ways_that_write_different_files_are_no_comparison(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their times would mean nothing."""
    monkeypatch.setattr(overlap.BuildSide, "run", lambda side, shard: None)
    monkeypatch.setattr(overlap.BuildSide, "hash_files", lambda side, shard: (side.name, ""))
    with pytest.raises(DataError, match=r"photos of 512 pixels, JPEG: .* different files for shard 0"):
        overlap.bench_overlap(Report(), DRY_CASES[1:], rounds=1)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_case_has_images_for_every_turn(case: OverlapCase) -> None:
    """A turn is a shard of its own."""
    split = make_case_spec(case, num_shards=overlap.ROUNDS + 1).splits["sd-l"]
    assert (split.images_per_class or 0) * 104 >= case.num_images * (overlap.ROUNDS + 1)


def test_a_stage_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that do."""
    with pytest.raises(SystemExit):
        bench.main(["overlaps"])
    assert "no stage 'overlaps'; the stages are plan, overhead, memory, overlap" in capsys.readouterr().err


def test_measures_of_quality_are_timed_in_a_process_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seconds of both sections, and the peak of memory."""
    assert bench.main(["--dry", "quality", "--csv", str(tmp_path / "kept.csv")]) == 0
    assert "32 images: distances" in capsys.readouterr().out
    kept = {row.quantity: row.value for row in load_measurements(tmp_path / "kept.csv")}
    assert kept.keys() == {"distances s", "diversity s", "cpu s", "peak MB", "features MB"}
    assert min(kept.values()) > 0
