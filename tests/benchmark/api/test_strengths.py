"""Results by the strength of a shift: frames and a chart."""

from __future__ import annotations

from pathlib import Path

import pytest
from strength_cases import FAILS_AT, GRID, write_ladder
from toy_models import make_colour_model, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ig.Results:
    """A model that reads its answer off the image, on a split whose images are shifted ever more."""
    folder = tmp_path_factory.mktemp("ladder")
    model, transform = make_colour_model()
    return ig.evaluate(
        model,
        transform=transform,
        name="colours",
        splits="v9/sd-l",
        data={"v9": write_ladder(folder / "v9")},
        cache=folder / "cache",
        progress=False,
    )


def test_a_frame_has_a_row_for_each_strength(results: ig.Results) -> None:
    """Of three classes with six scenes each."""
    frame = results.by_strength()
    lost = [sum(place <= step for place in FAILS_AT.values() if place is not None) for step in range(4)]
    assert list(frame["strength"]) == list(GRID)
    assert list(frame["right"]) == [18 - 3 * gone for gone in lost]
    assert list(frame["never_wrong"])[1:] == pytest.approx([0.8, 0.4, 0.2])
    assert (frame["top1_low"] < frame["top1"]).all()


def test_failure_points_are_those_of_the_result(results: ig.Results) -> None:
    """Of five scenes a class one fails at 0.5, two at 1, one at 2, one never."""
    (row,) = results.failure_points().to_dict("records")
    assert (row["median"], row["never"], row["wrong_at_zero"], row["followed"]) == (1.0, 0.2, 3, 15)


def test_the_chart_is_that_of_the_command(results: ig.Results, tmp_path: Path) -> None:
    """`imagenet-g plot` writes the same picture."""
    called = results.plot_strengths().save(tmp_path / "called.png")
    assert main(["plot", str(results.folders[0]), "--out", str(tmp_path / "typed.png")]) == 0
    assert called.read_bytes() == (tmp_path / "typed.png").read_bytes()


def test_results_without_strengths_say_so(tmp_path: Path) -> None:
    """Frames and chart alike."""
    model, transform = make_colour_model()
    split = f"folder:{write_toy_folder(tmp_path / 'toys', [1, 2])}"
    plain = ig.evaluate(
        model, transform=transform, splits=split, reference="published", cache=tmp_path, progress=False
    )
    for call in (plain.by_strength, plain.failure_points, plain.plot_strengths):
        with pytest.raises(InputError, match="No split of these results says how strongly"):
            call()
