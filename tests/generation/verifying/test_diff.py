"""What changed between two versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from build_specs import build, make_noise_spec
from image_sets import write_release
from scipy import stats

from factories import make_meta, make_model_record, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.generation.verifying.diff import ModelPair
from imagenet_g.generation.verifying.equating import compute_equating

INDICES = [3, 7, 11, 13, 17, 19]


def write_model_predictions(folder: Path, release: Path, number: int, wrong: Sequence[int]) -> None:
    """Predictions of a model that misses the given rows of a release."""
    split = load_release_split(release, "sd-l", cache=None)
    labels = [int(label) for label in split.rows.labels[:, 0]]
    predictions = make_predictions([0 if row in wrong else label for row, label in enumerate(labels)], labels)
    model = make_model_record(f"timm:model{number}", weights_sha256=f"{number:064x}")
    meta = make_meta(predictions).model_copy(update={"model": model, "split": split.record})
    write_predictions(folder / "predictions" / f"{release.name}.parquet", predictions, meta)


def make_pairs(before: np.ndarray, after: np.ndarray) -> list[ModelPair]:
    """Models with given numbers of right answers, `(models, classes)`, of 50 a class."""

    def count(right: np.ndarray) -> SetCounts:
        return SetCounts(right=right.astype(float), total=np.full(right.shape, 50.0))

    return [
        ModelPair(f"m{n}", count(a), count(b)) for n, (a, b) in enumerate(zip(before, after, strict=True))
    ]


def test_models_and_classes_that_got_harder_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accuracy of each model, in all and by class, and the order of three."""
    old = write_release(tmp_path / "old", INDICES * 2, version="v8")
    new = write_release(tmp_path / "new", INDICES * 3, version="v9")
    for number, (wrong_old, wrong_new) in enumerate(
        [([0], [0, 6]), ([0, 1], [0, 1, 6, 7]), ([0, 1, 2], [0, 1, 2])]
    ):
        folder = tmp_path / "results" / f"model{number}"
        write_model_predictions(folder, old, number, wrong_old)
        write_model_predictions(folder, new, number, wrong_new)
    code = main(["diff", str(old), str(new), "--results", str(tmp_path / "results"), "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert code == 0
    first = found["models"][0]
    assert (first["before"], first["after"]) == (pytest.approx(11 / 12), pytest.approx(16 / 18))
    harder = first["classes"][0]
    assert (harder["before"], harder["after"]) == (0.5, pytest.approx(1 / 3))
    assert found["equating"]["models"] == ["timm:model0", "timm:model1", "timm:model2"]
    assert found["equating"]["spearman"]["value"] == pytest.approx(
        stats.spearmanr([11, 10, 9], [16, 14, 15]).statistic
    )


def test_a_changed_recipe_is_told_setting_by_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing that stayed as it was."""
    build(make_noise_spec(version="one"), tmp_path / "one")
    build(make_noise_spec(version="two", options={"size_px": 8}), tmp_path / "two")
    assert main(["diff", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    text = capsys.readouterr().out
    assert "generator.size_px: 16 -> 8" in text
    assert "batch_size" not in text
    assert "order of models: unknown (no --results given)" in text


def test_a_release_is_no_different_from_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Zero changes."""
    release = write_release(tmp_path / "a", INDICES)
    assert main(["diff", str(release), str(release), "--split", "sd-l"]) == 0
    assert "recipe: the same" in capsys.readouterr().out
    assert load_manifest(release).splits["sd-l"].num_images == 6


def test_the_line_and_the_ranks_agree_with_scipy() -> None:
    """On random counts."""
    random = np.random.default_rng(1)
    before, after = random.integers(5, 45, (2, 6, 1000))
    found = compute_equating(make_pairs(before, after), np.arange(1000), num_resamples=50)
    x, y = before.mean(1) / 50, after.mean(1) / 50
    line = stats.linregress(x, y)
    assert found.slope.value == pytest.approx(line.slope)
    assert found.intercept.value == pytest.approx(line.intercept)
    assert found.r2 == pytest.approx(line.rvalue**2)
    assert found.kendall.value == pytest.approx(stats.kendalltau(x, y).statistic)


def test_a_line_that_is_there_lies_in_its_interval() -> None:
    """After = 0.1 + 0.5 before, up to noise of the images."""
    random = np.random.default_rng(2)
    skill = np.linspace(0.3, 0.9, 8)[:, None]
    before = random.binomial(50, np.broadcast_to(skill, (8, 1000)))
    after = random.binomial(50, np.broadcast_to(0.1 + 0.5 * skill, (8, 1000)))
    found = compute_equating(make_pairs(before, after), np.arange(1000), num_resamples=200)
    assert found.slope.low < 0.5 < found.slope.high
    assert found.spearman.low == 1.0


@pytest.mark.parametrize(("count", "message"), [(2, "at least 3 models"), (3, "All models score the same")])
def test_an_order_needs_models_that_differ(count: int, message: str) -> None:
    """Never a default number."""
    same = np.full((count, 1000), 20)
    with pytest.raises(InputError, match=message):
        compute_equating(make_pairs(same, same), np.arange(1000), num_resamples=5)


def test_an_interval_is_the_shipped_one_over_drawn_classes() -> None:
    """With Student's t for few classes, and the variance that a bootstrap over few classes leaves out."""
    random = np.random.default_rng(3)
    # Models apart and classes that differ: the noise within classes is then the lesser doubt.
    before, after = np.array([10, 15, 20, 25, 30])[:, None] + random.integers(-10, 16, (2, 5, 6))
    found = compute_equating(make_pairs(before, after), np.arange(6), num_resamples=400)
    drawn = np.random.default_rng(found.seed).multinomial(6, [1 / 6] * 6, size=400)
    slopes = [stats.linregress(before @ counts / 300, after @ counts / 300).slope for counts in drawn]
    low, high = np.quantile(slopes, [0.025, 0.975])
    stretch = stats.t.ppf(0.975, 5) / stats.norm.ppf(0.975) * np.sqrt(6 / 5)
    assert found.slope.high - found.slope.low == pytest.approx(stretch * (high - low))


def test_classes_alike_do_not_make_an_order_certain() -> None:
    """Three models a few answers apart, every class the same: another draw of images may turn them round."""
    before, after = (np.repeat([[30], [31], [32]], 10, axis=1) + shift for shift in (0, 5))
    found = compute_equating(make_pairs(before, after), np.arange(10), num_resamples=100)
    assert found.spearman.value == 1.0
    assert found.spearman.low < 0.5
    assert found.slope.low < 0.5 < 1.5 < found.slope.high


def test_a_correlation_stays_within_its_range() -> None:
    """However far few classes stretch its interval."""
    random = np.random.default_rng(4)
    found = compute_equating(make_pairs(*random.integers(5, 45, (2, 4, 3))), np.arange(3), num_resamples=200)
    for interval in (found.spearman, found.kendall):
        assert -1 <= interval.low <= interval.value <= interval.high <= 1


def test_one_class_gives_no_interval() -> None:
    """There is nothing to draw from."""
    pairs = make_pairs(np.array([[10], [20], [30]]), np.array([[10], [20], [30]]))
    with pytest.raises(InputError, match="at least 2 classes"):
        compute_equating(pairs, np.arange(1), num_resamples=5)
