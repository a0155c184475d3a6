"""What to expect, how many images to take, figures and the zero-shot table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from noisy_models import run_command
from PIL import Image

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.lines.expectation import compute_expectation
from imagenet_g.baselines.lines.figures import build_figure, choose_ticks, link_position, make_point
from imagenet_g.baselines.lines.table import build_robustness_rows, measure_axis_bias
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.fits import fit_line, predict_top1
from imagenet_g.benchmark.robustness.published_sets import build_points


def test_an_expectation_is_the_line_with_its_band() -> None:
    """The number printed before a run is the one effective robustness is measured from."""
    points = build_points(load_baseline("testbed"), "imagenet-sketch")
    expected = compute_expectation(points, 0.76, "logit")
    assert expected.top1 == pytest.approx(float(predict_top1(fit_line(points, "logit"), 0.76)[0]))
    assert expected.low < expected.top1 < expected.high
    assert expected.gap == pytest.approx(expected.top1 - 0.76)


def test_the_band_holds_about_95_percent_of_the_standard_models() -> None:
    """The prediction band is about models, not about the line."""
    points = build_points(load_baseline("testbed"), "objectnet")
    inside = [
        (lambda e: e.low <= y <= e.high)(compute_expectation(points, float(x), "logit"))
        for x, y in zip(points.reference[:, 0], points.shifted, strict=True)
    ]
    assert 0.90 <= np.mean(inside) <= 0.99


def test_expect_uses_the_clean_accuracy_of_the_lines_own_classes(capsys: pytest.CaptureFixture[str]) -> None:
    """For ImageNet-R that is timm's figure on R's 200 classes, 94.31 %, not the 80.5 % on all."""
    assert run_command("expect", "--model", "timm:resnet50.a1_in1k", "--split", "imagenet-r") == 0
    printed = capsys.readouterr().out
    assert "94.31 % on imagenet_val_r_classes" in printed
    assert "95 % band" in printed


def test_expect_without_a_figure_asks_for_one() -> None:
    """Nobody published open_clip's accuracy on R's classes."""
    with pytest.raises(InputError, match=r"classes of imagenet-r only.* give it in place of --model"):
        run_command("expect", "--model", "open_clip:ViT-B-32/openai", "--split", "imagenet-r")


def test_expect_refuses_percent() -> None:
    """76.1 is no fraction."""
    with pytest.raises(InputError, match="looks like percent"):
        run_command("expect", "--accuracy", "76.1", "--split", "imagenet-v2")


@pytest.mark.parametrize("value", ["nan", "-0.1", "1000"])
def test_expect_refuses_what_is_no_accuracy(value: str) -> None:
    """In words for a person, not for a table."""
    with pytest.raises(InputError, match=r"is not a fraction in \[0, 1\], such as 0.76"):
        run_command("expect", f"--accuracy={value}", "--split", "imagenet-v2")


def test_expect_suggests_a_model_that_is_nearly_named_so() -> None:
    """And names the set without a word too many."""
    with pytest.raises(InputError, match=r"of 'resnet5' on imagenet-val is known.*Did you mean 'resnet50'"):
        run_command("expect", "--model", "resnet5", "--split", "imagenet-v2")


def test_expect_does_not_advise_to_measure_what_is_no_split() -> None:
    """That would fail too."""
    with pytest.raises(
        InputError, match=r"Malformed split 'imagenet-rr'\. Did you mean 'imagenet-r'"
    ) as caught:
        run_command("expect", "--accuracy", "0.7", "--split", "imagenet-rr")
    assert "baselines run" not in str(caught.value)


def test_expect_says_when_it_extrapolates(capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond the baseline's best model the line is a guess."""
    run_command("expect", "--accuracy", "0.91", "--split", "imagenet-v2")
    assert "extrapolated: the baseline's models span" in capsys.readouterr().out


def test_zero_shot_models_have_a_robustness_on_every_set() -> None:
    """121 models on V2, Sketch, R, A, ObjectNet, each with an interval that holds it."""
    rows = build_robustness_rows(load_baseline("testbed"), load_baseline("open-clip-zero-shot"), "logit")
    assert len(rows) == 121 * 5
    for row in rows:
        assert row.placement is not None
        interval = row.placement.interval
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low <= row.placement.value <= interval.high


def test_sets_without_a_same_class_figure_are_flagged() -> None:
    """Only V2 and Sketch are on the right axis; the others say they are not."""
    rows = build_robustness_rows(load_baseline("testbed"), load_baseline("open-clip-zero-shot"), "logit")
    assert {row.split for row in rows if row.same_classes} == {"imagenet-v2", "imagenet-sketch"}


def test_the_full_axis_is_shown_to_mislead() -> None:
    """CLIP ViT-B/32 on ImageNet-R: 44.34 on the full axis, 38.95 on the same classes."""
    biases = measure_axis_bias(load_baseline("testbed"), ["imagenet-r"], "logit")
    found = {bias.model: (bias.full, bias.same_classes) for bias in biases}
    assert found["vit_b_32_clip_zeroshot"] == pytest.approx((0.4434, 0.3895), abs=1e-4)


def test_the_table_is_written_as_csv_or_markdown(tmp_path: Path) -> None:
    """The ending decides."""
    words = ("baselines", "table", "--top", "3", "--split", "imagenet-v2", "--out")
    run_command(*words, str(tmp_path / "x.csv"))
    run_command(*words, str(tmp_path / "x.md"))
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4
    assert (tmp_path / "x.md").read_text().startswith("| model | clean | imagenet-v2 |")


@pytest.mark.parametrize("link", ["linear", "logit", "probit"])
def test_ticks_are_round_percentages_that_do_not_crowd(link: str) -> None:
    """In range, in order, apart from one another on the link's own scale."""
    points = build_points(load_baseline("testbed"), "imagenet-sketch")
    axis = build_figure(points, link, x_label="x", y_label="y", num_resamples=10).y
    places = link_position(np.array(axis.ticks), axis, link)
    assert len(axis.ticks) >= 3
    assert (np.diff(places) >= 0.06 - 1e-9).all()
    assert choose_ticks(axis.low, axis.high, link) == axis.ticks


def test_a_figure_holds_every_point_and_both_bands() -> None:
    """Points inside the axes, line inside its band, band inside the prediction band in the middle."""
    points = build_points(load_baseline("testbed"), "imagenet-v2")
    extra = make_point("judged", "results", x=0.9, y=0.5, x_n=50_000, y_n=10_000)
    figure = build_figure(points, "logit", extra=[extra], x_label="x", y_label="y", num_resamples=200)
    assert len(figure.points) == 86
    assert all(figure.x.low < point.x < figure.x.high for point in figure.points)
    assert all(figure.y.low < point.y < figure.y.high for point in figure.points)
    assert (figure.band[0] <= figure.line).all()
    assert (figure.line <= figure.band[1]).all()
    inside = (figure.grid > 0.7) & (figure.grid < 0.8)
    assert (figure.prediction[0][inside] < figure.band[0][inside]).all()


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_is_drawn_into_a_file(tmp_path: Path, ending: str) -> None:
    """A picture with ink in it, or a vector file."""
    path = tmp_path / f"figure.{ending}"
    run_command("baselines", "plot", "--split", "imagenet-r", "--figures", "testbed", "--out", str(path))
    if ending == "png":
        with Image.open(path) as drawn:
            assert len(drawn.convert("RGB").getcolors(1_000_000) or []) > 50
    assert path.stat().st_size > 5000


def test_a_figure_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The message lists the endings there are."""
    with pytest.raises(InputError, match="written as png, pdf, svg"):
        run_command("baselines", "plot", "--split", "imagenet-r", "--out", str(tmp_path / "figure.gif"))


def test_models_on_another_clean_axis_are_not_drawn_into_a_figure(tmp_path: Path) -> None:
    """Zero-shot figures on all classes do not belong on R's own axis."""
    with pytest.raises(InputError, match="on the classes 'all', the baseline on 'imagenet-r'"):
        run_command(
            "baselines", "plot", "--split", "imagenet-r", "--figures", "open-clip-zero-shot",
            "--out", str(tmp_path / "figure.png"),
        )  # fmt: skip


@pytest.mark.parametrize("words", [("list",), ("show", "paper"), ("show", "testbed", "--all")])
def test_sets_are_listed_and_shown(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, with version and hash."""
    assert run_command("baselines", *words) == 0
    assert "paper" in capsys.readouterr().out or words[1] == "testbed"
