"""A baseline measured on a split nobody has figures for, and applied to a result, as a user does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from noisy_models import run_command, write_noisy_baseline, write_noisy_folder
from PIL import Image

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.class_counts import load_pair_counts
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness
from imagenet_g.benchmark.robustness.fits import fit_line
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    build_measured_points,
    load_measured_baseline,
    write_measured_baseline,
)
from imagenet_g.benchmark.robustness.points import validate_overlap


@dataclass(frozen=True)
class Case:
    """A measured baseline and the results it came from."""

    folder: Path
    shifted: str
    clean: str
    file: Path

    @property
    def results(self) -> list[Path]:
        """Result files of its models, in the order of their skill."""
        return sorted((self.folder / "out").glob("*/result.json"))

    @property
    def measured(self) -> MeasuredBaseline:
        """The file that was written."""
        return load_measured_baseline(self.file)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Six models on 12 classes, clean and shifted, by `baselines run`."""
    folder = tmp_path_factory.mktemp("measured")
    clean = write_noisy_folder(folder / "clean", num_classes=12, per_class=10, easy=1.0, seed=1)
    shifted = write_noisy_folder(folder / "shifted", num_classes=12, per_class=10, easy=0.5, seed=2)
    code = run_command(
        "baselines", "run", "--set", str(write_noisy_baseline(folder)), "--split", f"folder:{shifted}",
        "--reference", f"folder:{clean}", "--out", str(folder / "out"), "--cache", str(folder / "cache"),
        "--device", "cpu", "--workers", "1",
    )  # fmt: skip
    assert code == 0
    files = list((folder / "out").glob("noisy-*.json"))
    assert len(files) == 1
    return Case(folder, f"folder:{shifted}", f"folder:{clean}", files[0])


def attach(case: Case, number: int = 2, **options: int) -> Result:
    """The result of one of the models, held against the baseline."""
    path = case.results[number]
    result = load_result(path)
    counts = load_pair_counts(result, path.parent)
    return attach_effective_robustness(result, case.measured, ["logit", "linear"], counts=counts, **options)


def test_a_measured_baseline_holds_every_models_right_answers(case: Case) -> None:
    """Accuracies from the file are those of the results, and the images are all counted."""
    points = build_measured_points(case.measured)
    assert (points.reference_n, points.shifted_n) == ((120,), 120)
    for path, clean, shifted in zip(case.results, points.reference[:, 0], points.shifted, strict=True):
        entries = {entry.split.ref: entry for entry in load_result(path).entries}
        assert clean == pytest.approx(entries[case.clean].scores[0].top1.value)
        assert shifted == pytest.approx(entries[case.shifted].scores[0].top1.value)


def test_several_splits_are_measured_by_one_command(case: Case, tmp_path: Path) -> None:
    """A file each, the same as of the split alone."""
    other = write_noisy_folder(tmp_path / "other", num_classes=12, per_class=4, easy=0.3, seed=3)
    words = ["--split", case.shifted, "--split", f"folder:{other}", "--reference", case.clean]
    code = run_command(
        "baselines", "run", "--set", str(case.folder / "noisy.toml"), *words, "--out", str(tmp_path / "out"),
        "--cache", str(case.folder / "cache"), "--device", "cpu", "--workers", "1",
    )  # fmt: skip
    assert code == 0
    files = [load_measured_baseline(path) for path in (tmp_path / "out").glob("noisy-*.json")]
    assert sorted(file.target for file in files) == sorted([case.shifted, f"folder:{other}"])
    assert case.measured in files


def test_a_measured_baseline_can_be_fitted_from_its_file(
    case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    """`baselines fit` needs neither the models nor the images."""
    assert run_command("baselines", "fit", "--baseline", str(case.file), "--link", "logit") == 0
    printed = capsys.readouterr().out
    assert case.measured.sha256 in printed
    assert f"{fit_line(build_measured_points(case.measured), 'logit').slopes[0]:.5f}" in printed


def test_attached_robustness_is_the_residual_of_the_line(case: Case) -> None:
    """Value, expectation and line agree with numpy's own least squares."""
    entry = attach(case).entries[1]
    points = build_measured_points(case.measured)
    # The model with index 2 is judged, by the line through the five others.
    others = np.arange(6) != 2
    slope, intercept = np.polyfit(points.reference[others, 0], points.shifted[others], 1)
    record = next(record for record in entry.effective_robustness if record.link == "linear")
    assert (record.slope, record.intercept) == pytest.approx((slope, intercept))
    expected = intercept + slope * entry.gaps[0].reference.top1.value
    assert record.expected_top1 == pytest.approx(expected)
    assert record.value == pytest.approx(entry.scores[0].top1.value - expected)
    assert record.baseline_sha256 == case.measured.sha256


def test_a_model_of_the_line_is_left_out_by_its_weights(case: Case) -> None:
    """Found by the hash in the file, whatever it is called now."""
    result = load_result(case.results[2])
    renamed = result.model_copy(update={"model": result.model.model_copy(update={"spec": "python:x:y"})})
    done = attach_effective_robustness(renamed, case.measured, ["logit"], num_resamples=2)
    assert done.entries[1].effective_robustness[0].left_out == ("noisy_models:make_model_2",)


def test_a_line_of_five_does_not_judge_one_of_its_own(case: Case) -> None:
    """Four models are left; the reason is in the result."""
    short = case.measured.model_copy(update={"records": case.measured.records[:5]})
    done = attach_effective_robustness(load_result(case.results[2]), short, ["logit"], num_resamples=2)
    entry = done.entries[1]
    assert entry.effective_robustness == ()
    assert entry.no_robustness[0].reason.startswith("4 models are left without the judged model")
    judged = attach_effective_robustness(load_result(case.results[5]), short, ["logit"], num_resamples=2)
    assert len(judged.entries[1].effective_robustness) == 1


def test_a_clean_set_of_other_numbers_gets_no_robustness(case: Case) -> None:
    """`--limit` may shorten the clean set alone, where the split is small."""
    result = load_result(case.results[2])
    entry = result.entries[1]
    clean = entry.gaps[0].reference.model_copy(update={"n": 100})
    gap = entry.gaps[0].model_copy(update={"reference": clean})
    limited = result.model_copy(
        update={"entries": (result.entries[0], entry.model_copy(update={"gaps": (gap,)}))}
    )
    done = attach_effective_robustness(limited, case.measured, ["logit"], num_resamples=2)
    assert "100 clean images count here and 120 in the line" in done.entries[1].no_robustness[0].reason


def test_attached_robustness_has_an_interval_and_says_where_the_model_landed(case: Case) -> None:
    """The interval holds the value; the entry says what was expected and where the model lies."""
    entry = attach(case).entries[1]
    record = entry.effective_robustness[0]
    assert record.low is not None
    assert record.high is not None
    assert record.low <= record.value <= record.high
    assert any("was expected, 95 % band" in warning for warning in entry.warnings)


def test_attaching_twice_changes_nothing(case: Case) -> None:
    """The same baseline and link replace themselves."""
    once = attach(case)
    counts = load_pair_counts(once, case.results[2].parent)
    again = attach_effective_robustness(once, case.measured, ["logit", "linear"], counts=counts)
    assert len(again.entries[1].effective_robustness) == 2
    assert again.entries[1].effective_robustness[0] == once.entries[1].effective_robustness[0]
    assert again.entries[1].warnings == once.entries[1].warnings


def test_without_predictions_the_result_says_the_interval_is_too_narrow(case: Case) -> None:
    """Independent images are an assumption, so it is named."""
    result = attach_effective_robustness(load_result(case.results[2]), case.measured, ["logit"])
    assert any("takes images as independent" in warning for warning in result.entries[1].warnings)


def test_apply_writes_a_result_with_robustness(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`baselines apply` prints the number and writes a valid result."""
    words = ("baselines", "apply", str(case.results[3]), "--baseline", str(case.file), "--out", str(tmp_path))
    assert run_command(*words) == 0
    assert "ER " in capsys.readouterr().out
    assert load_result(tmp_path).entries[1].effective_robustness[0].baseline == "noisy"


def test_predictions_that_are_not_the_results_own_are_refused(case: Case) -> None:
    """A predictions file with another hash is no evidence."""
    path = case.results[0]
    result = load_result(path)
    entry = result.entries[1]
    forged = entry.predictions.model_copy(update={"sha256": "0" * 64})
    entries = (result.entries[0], entry.model_copy(update={"predictions": forged}))
    with pytest.raises(DataError, match="is not the file the result was computed from"):
        load_pair_counts(result.model_copy(update={"entries": entries}), path.parent)


def test_a_baseline_of_other_images_is_refused(case: Case) -> None:
    """The same name is not enough: the images must be the same."""
    other = case.measured.model_copy(update={"content_sha256": "f" * 64})
    with pytest.raises(InputError, match="measured on other images of that name"):
        attach_effective_robustness(load_result(case.results[0]), other, ["logit"])


def test_published_figures_do_not_fit_a_split_they_do_not_have(case: Case) -> None:
    """The message lists what the baseline has figures for."""
    with pytest.raises(InputError, match="has figures for imagenet-v2, imagenet-sketch"):
        attach_effective_robustness(load_result(case.results[0]), load_baseline("testbed"), ["logit"])


def test_an_unknown_link_is_refused(case: Case) -> None:
    """One message with the known ones."""
    with pytest.raises(UnknownNameError, match="Unknown link 'log'"):
        attach_effective_robustness(load_result(case.results[0]), case.measured, ["log"])


def test_classes_without_overlap_are_refused() -> None:
    """A baseline on other classes says nothing."""
    with pytest.raises(InputError, match="has no class in common with the split"):
        validate_overlap([1, 2], [3, 4], source="Baseline 'x'")


def test_classes_that_overlap_in_part_are_refused() -> None:
    """Both axes must be the very same classes."""
    with pytest.raises(InputError, match="covers 3 classes and the split 2; 2 are shared"):
        validate_overlap([1, 2], [1, 2, 3], source="Baseline 'x'")


def test_a_baseline_of_three_models_is_stored_but_gives_no_line(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measured results are kept; the refusal names the number that is needed."""
    code = run_command(
        "baselines", "run", "--set", str(write_noisy_baseline(tmp_path, 3)), "--split", case.shifted,
        "--reference", case.clean, "--out", str(tmp_path), "--cache", str(case.folder / "cache"),
        "--device", "cpu", "--workers", "1",
    )  # fmt: skip
    assert code == 0
    assert "has 3 models; a line needs at least 5" in capsys.readouterr().out


def test_results_are_compared_with_a_contact_sheet(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`compare` takes result files, names the better model and shows the images it alone gets right."""
    sheet = tmp_path / "sheet.png"
    files = [str(case.results[number]) for number in (0, 5)]
    assert run_command("compare", *files, "--split", case.shifted, "--sheet", str(sheet)) == 0
    printed = capsys.readouterr().out
    assert (
        "make_model_5 less python:noisy_models:make_model_0: python:noisy_models:make_model_5 is better"
        in printed
    )
    assert "by class: 12 groups" in printed
    # The better model is right wherever the other is, so one kind of tile is all there is.
    assert "sheet.png: 12 images" in printed
    with Image.open(sheet) as drawn:
        assert drawn.size[0] > 1000


def test_results_with_several_splits_need_one_named(case: Case) -> None:
    """The message lists the splits the results share."""
    with pytest.raises(
        InputError, match="Name the split to compare on with --split; the results share: folder"
    ):
        run_command("compare", str(case.results[0]), str(case.results[1]))


def test_a_split_no_result_has_is_named(case: Case) -> None:
    """A typing mistake gets the splits there are."""
    with pytest.raises(UnknownNameError, match=r"Unknown split 'v1/sd-l' of '.*result.json'"):
        run_command("compare", str(case.results[0]), str(case.results[1]), "--split", "v1/sd-l")


def test_runs_on_different_splits_are_not_compared(case: Case) -> None:
    """Predictions on other images are refused."""
    result = load_result(case.results[0])
    files = [str(case.results[0].parent / entry.predictions.file) for entry in result.entries]
    with pytest.raises(DataError, match="compare on the same split"):
        run_command("compare", *files)


def test_a_result_is_drawn_into_a_figure(case: Case, tmp_path: Path) -> None:
    """The measured line with the evaluated model on it."""
    out = tmp_path / "figure.png"
    words = ("baselines", "plot", "--baseline", str(case.file), "--result", str(case.results[2]))
    assert run_command(*words, "--out", str(out)) == 0
    assert out.stat().st_size > 5000


def test_more_right_than_images_is_refused(case: Case, tmp_path: Path) -> None:
    """A file from elsewhere is checked before it is used."""
    record = case.measured.records[0]
    forged = record.model_copy(update={"shifted_right": (999,) * len(record.shifted_right)})
    measured = case.measured.model_copy(update={"records": (forged, *case.measured.records[1:])})
    write_measured_baseline(tmp_path / "x.json", measured)
    with pytest.raises(DataError, match="has more right than images"):
        load_measured_baseline(tmp_path / "x.json")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": 2}'])
def test_a_malformed_measured_baseline_is_refused(tmp_path: Path, text: str) -> None:
    """No traceback for a file that is something else."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match="is not a measured baseline"):
        load_measured_baseline(tmp_path / "x.json")
