"""The scorer of grey values: against numpy, in a build and for another set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec
from checked_images import draw
from PIL import Image

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.generation.releases.check import check_release
from imagenet_g.generation.rendering.pixel_scorer import PixelScorer
from imagenet_g.generation.rendering.scorer import score_images

LEGIBLE = {
    "kind": "all",
    "views": [
        {"kind": "threshold", "column": "grey_range.grey", "minimum": 0.05},
        {"kind": "threshold", "column": "lightest.grey", "minimum": 0.1},
        {"kind": "threshold", "column": "darkest.grey", "minimum": 0.1},
    ],
}


def build_release(out: Path, factory: str) -> Path:
    """Twelve images with the three columns and a view on them."""
    spec = make_noise_spec(
        scorers=["grey"],
        scorer_tables={"grey": {"kind": "pixels"}},
        views={"legible": LEGIBLE},
        factory=factory,
    )
    build(spec, out)
    return out


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of noise."""
    return build_release(tmp_path_factory.mktemp("noise") / "out", "build_specs:NoiseGenerator")


@pytest.fixture(scope="module")
def black(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve black images."""
    return build_release(tmp_path_factory.mktemp("black") / "out", "build_specs:BlackGenerator")


def test_the_numbers_are_quantiles_of_the_grey_values() -> None:
    """Of three pictures, by numpy."""
    pictures = [draw(seed) for seed in range(3)]
    found = score_images(PixelScorer("x"), pictures, [0, 0, 0])
    greys = [np.quantile(np.asarray(one.convert("L")), [0.01, 0.99]) / 255 for one in pictures]
    assert found["grey_range.x"] == pytest.approx([high - low for low, high in greys], abs=1e-6)
    assert found["lightest.x"] == pytest.approx([high for _, high in greys], abs=1e-6)
    assert found["darkest.x"] == pytest.approx([1 - low for low, _ in greys], abs=1e-6)


def test_a_build_keeps_noise_in_the_view(noise: Path) -> None:
    """Noise of all levels has the whole range."""
    split = load_release_split(noise, "sd-l", cache=None)
    assert len(apply_view(split, "legible")[0]) == len(split.rows) == 12


def test_black_images_stay_in_the_release_and_out_of_the_view(black: Path) -> None:
    """Flagged by numbers; every planned image is released."""
    values = [pq.read_table(path)["lightest.grey"].to_pylist() for path in black.glob("data/*/*.parquet")]
    assert [value for part in values for value in part] == [0.0] * 12


def test_any_set_is_given_the_view(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with a dark, a pale and a plain picture beside a legible one."""
    monkeypatch.setenv("IMAGENET_G_SCORES", str(tmp_path / "scores"))
    folder = tmp_path / "photos" / "n01440764"
    folder.mkdir(parents=True)
    dark = np.random.default_rng(0).integers(0, 20, (32, 32, 3), dtype=np.uint8)
    pictures = (
        Image.fromarray(dark),
        Image.fromarray(235 + dark),
        Image.new("RGB", (32, 32), "teal"),
        draw(1),
    )
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    words = (
        "filter",
        f"folder:{folder.parent}",
        "--like",
        "tiny",
        "--data",
        f"tiny={noise}",
        "--workers",
        "1",
    )
    assert main([*words, "--cache", str(tmp_path / "cache")]) == 0
    assert ":legible: 1 of 4 images" in capsys.readouterr().out


def test_what_is_published_says_how_many_images_are_flagged(noise: Path, black: Path) -> None:
    """Black ones are flat, have no contrast and are dark; noise has no flag."""
    facts = check_release(black).facts[0]
    for flag in ("12 flat", "12 grey_range.grey below 0.05", "12 lightest.grey below 0.1"):
        assert flag in facts
    assert "flagged" not in check_release(noise).facts[0]
