"""Whole builds against rendering alone: what is started, what is compared, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.bench.report import Report
from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.bench import __main__ as bench
from imagenet_g.generation.bench import whole
from imagenet_g.generation.bench.sleeping import MARKS, RenderTimes, SleepingGenerator, read_marks
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.specs.version import load_version_spec


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec of 160 images, with the folders of its CLIPs empty."""
    monkeypatch.setattr(
        "imagenet_g.generation.caption_training.trial.build_random_clip", lambda folder, seed: folder
    )
    return whole.write_spec(tmp_path, 160, 1.0)


def test_two_processes_have_equal_shares(spec: Path) -> None:
    """Two shards of 80 images, whole batches."""
    read = load_version_spec(str(spec))
    assert (read.rows_per_shard, read.splits["bench"].images_per_class) == (80, 16)
    assert 80 % read.splits["bench"].batch_size == 0


def test_four_clips_score(spec: Path) -> None:
    """Each of them a model of its own."""
    read = load_version_spec(str(spec))
    assert len({read.scorers[name].model for name in read.splits["bench"].scorers}) == 4  # type: ignore[union-attr]


def test_a_build_is_a_process_whose_sleeps_are_kept(spec: Path, tmp_path: Path) -> None:
    """One build without scorers, 4 seconds: 20 batches, and the two that check neighbours."""
    found = whole.run_case(whole.ALONE, spec, tmp_path / "run")
    assert found.times.num_batches in (21, 22)
    assert found.times.rendering >= 0.001 * 160
    assert 0 < found.start + found.end < found.total
    assert {"manifest.json", "README.md", "plan/bench.parquet"} < set(found.files)


def test_an_image_depends_on_its_seed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a batch takes as long as it is asked to."""
    monkeypatch.setenv(MARKS, str(tmp_path))
    generator = SleepingGenerator(wait_ms=20.0)
    rows = [RenderRow(image_id=str(n), label=0, wnid="n01440764", prompt=None, seed=n) for n in (1, 2, 1)]
    first, second, again = (made.image.tobytes() for made in generator.render(rows))
    assert first == again != second
    times = read_marks(tmp_path)
    assert times.num_batches == 1
    assert times.rendering == pytest.approx(times.last - times.first)
    assert times.rendering >= 0.06


def _make_run(case: whole.BuildCase, total: float, content: str) -> whole.BuildTime:
    times = RenderTimes(first=1.0, last=total - 1, rendering=case.processes * (total - 2), num_batches=10,
                              cpu_before=1.0, cpu_until=4.0)  # fmt: skip
    return whole.BuildTime(total, 1.0, 1.0, 5.0, times, {"manifest.json": content})


def test_totals_are_printed_over_the_sleeps_and_over_a_build_without_scorers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """80 images of 50 ms are 4 seconds, for two processes 2."""
    totals = dict.fromkeys(whole.BASES, 4.0) | dict.fromkeys(whole.BASES.values(), 4.0)
    totals |= {whole.ALONE: 5.0, whole.SERIAL: 5.1}
    monkeypatch.setattr(whole, "write_spec", lambda *args: Path())
    monkeypatch.setattr(whole, "run_case", lambda case, *args: _make_run(case, totals[case], "same"))
    assert bench.main(["build", "--images", "80"]) == 0
    printed = capsys.readouterr().out
    assert "serial, four scorers: 5.10 s, +27.5 % over the sleeps alone (4.0 s), +2.0 % over" in printed
    assert "two processes, four scorers: 4.00 s, +100.0 % over the sleeps alone (2.0 s), +0.0 %" in printed


def test_engines_that_write_different_files_are_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named."""
    monkeypatch.setattr(whole, "write_spec", lambda *args: Path())
    monkeypatch.setattr(whole, "run_case", lambda case, *args: _make_run(case, 5.0, case.title))
    with pytest.raises(DataError, match=r"wrote different files: manifest\.json"):
        whole.bench_builds(Report(), num_images=80)


def test_batches_must_be_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """In every class."""
    assert bench.main(["build", "--images", "100"]) == 2
    assert "--images 100 must be a multiple of 80" in capsys.readouterr().out
