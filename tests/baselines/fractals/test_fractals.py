"""Fractals: systems that contract, the chaos game against a closed form, and sets that are the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from noisy_models import run_command
from PIL import Image
from scipy.stats import chisquare

from imagenet_g.baselines.fractals.drawing import Frame, count_visits, draw_fractal, find_frame
from imagenet_g.baselines.fractals.pictures import FractalPictures, open_folder
from imagenet_g.baselines.fractals.systems import FunctionSystem, Orbit, draw_system, follow_system
from imagenet_g.benchmark.errors import DataError

SIERPINSKI = FunctionSystem(
    matrices=np.tile(np.eye(2) / 2, (3, 1, 1)),
    shifts=np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]),
    chances=np.full(3, 1 / 3),
)
UNIT = Frame((0.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize("seed", range(20))
def test_every_drawn_system_contracts(seed: int) -> None:
    """Each map's norm, by numpy's own decomposition, lies below 1, and the chances are areas."""
    system = draw_system(np.random.default_rng(seed))
    values = np.linalg.svd(system.matrices, compute_uv=False)
    assert 2 <= len(values) <= 8
    assert values.max() < 1
    areas = np.abs(np.linalg.det(system.matrices))
    np.testing.assert_allclose(system.chances, areas / areas.sum(), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_the_weighted_sum_of_singular_values_is_in_its_band(seed: int) -> None:
    """Of Anderson and Farrell, section 3.2; measured on the matrices, not on what was drawn."""
    values = np.linalg.svd(draw_system(np.random.default_rng(seed)).matrices, compute_uv=False)
    total = (values @ [1, 2]).sum()
    assert (5 + len(values)) / 2 - 1e-9 <= total <= (6 + len(values)) / 2 + 1e-9


def test_the_chaos_game_visits_the_cells_of_the_sierpinski_triangle_and_no_other() -> None:
    """On a grid of 16 a cell belongs to it where the bits of its column and row never meet, 81 in all."""
    orbit = follow_system(SIERPINSKI, np.random.default_rng(0), orbits=200, steps=100)
    found = count_visits(orbit, UNIT, 16).counts
    rows, columns = np.mgrid[0:16, 0:16]
    assert np.array_equal(found > 0, (rows & columns) == 0)
    assert (found > 0).sum() == 3**4


def test_equal_chances_visit_the_cells_of_the_triangle_equally_often() -> None:
    """By a chi-square test; within an orbit points depend on one another, so one of each is taken."""
    orbit = follow_system(SIERPINSKI, np.random.default_rng(1), orbits=8000, steps=1)
    counts = count_visits(orbit, UNIT, 8).counts
    assert chisquare(counts[counts > 0]).pvalue > 1e-3


def test_visits_are_those_of_a_plain_loop() -> None:
    """With the mean hue of each cell."""
    rng = np.random.default_rng(0)
    orbit = Orbit(rng.uniform(-0.2, 1.2, (500, 2)), rng.uniform(0, 1, 500))
    hues: dict[tuple[int, int], list[float]] = {}
    for (x, y), hue in zip(orbit.points, orbit.hues, strict=True):
        if 0 <= x < 1 and 0 <= y < 1:
            hues.setdefault((int(y * 5), int(x * 5)), []).append(hue)
    visits = count_visits(orbit, UNIT, 5)
    for place, own in hues.items():
        assert visits.counts[place] == len(own)
        assert visits.hues[place] == pytest.approx(np.mean(own))
    assert visits.counts.sum() == sum(map(len, hues.values()))


def test_hues_follow_the_maps() -> None:
    """Behind the second of two maps, and it alone, a point's hue is 1."""
    system = FunctionSystem(SIERPINSKI.matrices[:2], SIERPINSKI.shifts[:2], np.array([0.0, 1.0]))
    orbit = follow_system(system, np.random.default_rng(0), orbits=3, steps=2)
    np.testing.assert_allclose(orbit.hues, 1, atol=1e-6)
    np.testing.assert_allclose(orbit.points, [[1, 0]] * 6, atol=1e-6)


def test_a_system_that_is_one_point_has_a_frame() -> None:
    """Or a picture would be divided by 0."""
    frame = find_frame(np.ones((10, 2)))
    assert count_visits(Orbit(np.ones((10, 2)), np.zeros(10)), frame, 4).counts.sum() > 0


def test_a_fractal_follows_from_its_seed_and_number_alone() -> None:
    """And others differ."""
    first = np.asarray(draw_fractal(3, 5, 32))
    assert np.array_equal(first, np.asarray(draw_fractal(3, 5, 32)))
    assert not np.array_equal(first, np.asarray(draw_fractal(3, 6, 32)))
    assert not np.array_equal(first, np.asarray(draw_fractal(4, 5, 32)))


def test_fractals_are_rich_in_structure() -> None:
    """Of twenty, all have many colours and edges: no blank picture, no flat one."""
    for number in range(20):
        pixels = np.asarray(draw_fractal(0, number, 48), np.float64)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
        assert np.abs(np.diff(pixels, axis=1)).mean() > 2


def test_a_damaged_picture_of_the_cache_is_drawn_again(tmp_path: Path) -> None:
    """As it was."""
    pictures = FractalPictures(3, 16, 0, tmp_path)
    whole = np.asarray(pictures.read(1))
    path = tmp_path / "000001.png"
    path.write_bytes(path.read_bytes()[:40])
    assert np.array_equal(np.asarray(pictures.read(1)), whole)
    with Image.open(path) as repaired:
        assert np.array_equal(np.asarray(repaired), whole)


def test_the_command_writes_a_set_and_a_sheet_and_keeps_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call with more draws the rest; the pictures are those that are drawn on demand."""
    words = ["baselines", "fractals", "--out", str(tmp_path), "--size", "16", "--seed", "2"]
    assert run_command(*words, "-n", "3", "--sheet", str(tmp_path / "sheet.png")) == 0
    folder = Path(capsys.readouterr().out.strip())
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run_command(*words, "-n", "5") == 0
    assert {name: (folder / name).stat().st_mtime_ns for name in times} == times
    pictures = open_folder(folder)
    assert len(pictures) == 5
    assert np.array_equal(np.asarray(pictures.read(4)), np.asarray(draw_fractal(2, 4, 16)))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (32, 32)


def test_a_folder_without_pictures_is_one_message(tmp_path: Path) -> None:
    """It says how to draw some."""
    with pytest.raises(DataError, match="baselines fractals"):
        open_folder(tmp_path)
