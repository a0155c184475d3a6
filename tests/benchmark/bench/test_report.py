"""Measurements are kept one by one, and the README's table is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.bench.__main__ import main
from imagenet_g.benchmark.bench.machine import count_operations, describe_machine, measure_matrix_rate
from imagenet_g.benchmark.bench.report import Measurement, Report, load_measurements
from imagenet_g.benchmark.bench.speed import FOLDER, LAST, PEAK, RATE, WHOLE

CASE = "Lite0, 1000 photos"


def make_report(path: Path) -> Report:
    """Two rounds of ours and of timm's."""
    report = Report(path)
    for turn, (ours, theirs) in enumerate(((160.0, 40.0), (150.0, 30.0)), 1):
        for subject, rate in ((FOLDER, ours), (LAST, theirs)):
            report.keep(Measurement("speed", CASE, subject, RATE, turn, rate))
            report.keep(Measurement("speed", CASE, subject, WHOLE, turn, 1000 / rate + 5))
            report.keep(Measurement("speed", CASE, subject, PEAK, turn, 900.0 + turn))
    return report


def test_every_measurement_is_in_the_file_at_once(tmp_path: Path) -> None:
    """An interrupted run has kept what it measured."""
    report = make_report(tmp_path / "m.csv")
    assert load_measurements(tmp_path / "m.csv") == report.measurements
    assert len(report.measurements) == 12


def test_the_table_has_medians_spreads_and_ratios_of_rounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ready to be pasted."""
    make_report(tmp_path / "m.csv")
    assert main(["--markdown", str(tmp_path / "m.csv")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2] == (
        "| Lite0, 1000 photos | imagenet-g, folder | 155.0 (150.0 to 160.0) | 4.50 (4.00 to 5.00) "
        "| 11.5 (11.2 to 11.7) | 902 |"
    )
    assert rows[3].startswith("| Lite0, 1000 photos | timm, channels-last | 35.0 (30.0 to 40.0) | 1.00")


def test_the_machine_is_named() -> None:
    """Figures without it mean nothing."""
    lines = describe_machine()
    assert "cores" in lines[0]
    assert "torch " in lines[1]
    assert measure_matrix_rate(32, 0.01) > 0


def test_operations_are_those_of_the_paper() -> None:
    """4.09 billion products and sums, as torchvision's page of ResNet-50 has it; each is two operations."""
    assert count_operations("resnet50.tv_in1k") == pytest.approx(2 * 4.09e9, rel=0.01)


def test_a_stage_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that do."""
    with pytest.raises(SystemExit):
        main(["sped"])
    assert "the stages are start, steps, speed" in capsys.readouterr().err
