"""What a build would cost: dry runs for other machines, and measurements on this one."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from build_specs import NoiseGenerator, make_noise_spec, make_spec, make_split, make_stage, write_spec

from imagenet_g.benchmark.cli import main
from imagenet_g.generation.costs.measured import hash_render, hash_scorers, load_measured
from imagenet_g.generation.generators.generator import Rendering, RenderRow

SECONDS = 0.02
PIXELS = {"scorers": ["looks"], "scorer_tables": {"looks": {"kind": "pixels"}}}


class SlowGenerator(NoiseGenerator):
    """Takes a known time for an image."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, late."""
        time.sleep(SECONDS * len(rows))
        return super().render(rows)


@pytest.fixture
def spec_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of a generator of a known speed, with a scorer."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = make_noise_spec(factory="test_costs:SlowGenerator", **PIXELS)
    return write_spec(tmp_path / "slow.toml", spec)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The output of a successful command."""
    capsys.readouterr()
    assert main(["build", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_calibration_measures_and_a_later_dry_run_names_it(
    spec_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a half of the known time; with date and versions; and nothing is left but the row."""
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    (row,) = json.loads(run(capsys, spec_path, "--calibrate", "--json", "--cache", cache))
    assert SECONDS <= row["seconds_per_image"] < 1.5 * SECONDS
    assert row["score_seconds_per_image"] > 0 and row["write_seconds_per_image"] > 0
    assert row["num_images"] == 12 and row["gpu"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "slow.toml"]
    printed = run(capsys, spec_path, "--dry-run", "--cache", cache)
    assert f"measured: on {row['measured_utc'][:10]} on" in printed
    assert f"torch {row['versions']['torch']}" in printed
    assert "measured by --calibrate)" in printed


def test_what_was_measured_counts_for_the_same_recipe_alone(spec_path: Path) -> None:
    """Another batch size, encoding or option takes another time; other images and commits do not."""
    spec = make_noise_spec(**PIXELS)
    split = spec.splits["sd-l"]
    key = hash_render(spec, split, {})
    fewer = split.model_copy(update={"images_per_class": 1})
    assert hash_render(spec, fewer, {}) == key
    assert hash_render(spec, split, {"offload": "model"}) != key
    others = [
        make_noise_spec(batch_size=2, **PIXELS), make_noise_spec(encoding={"format": "jpeg"}, **PIXELS),
        make_noise_spec(options={"size_px": 32}, **PIXELS),
    ]  # fmt: skip
    assert all(hash_render(other, other.splits["sd-l"], {}) != key for other in others)
    assert hash_scorers(spec, split) == hash_scorers(others[0], others[0].splits["sd-l"]) is not None


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 2}', "x" * 200_000])
def test_a_damaged_measurement_counts_as_missing(tmp_path: Path, text: str) -> None:
    """Whoever wants it measures again."""
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs" / "0.json").write_text(text)
    assert load_measured(tmp_path) == ()


def test_a_calibration_whose_images_fail_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message with the error."""
    options = {"mended": str(tmp_path / "never")}
    spec = make_noise_spec(factory="build_specs:BrokenOnceGenerator", options=options)
    path, cache = write_spec(tmp_path / "broken.toml", spec), tmp_path / "cache"
    assert main(["build", str(path), "--calibrate", "--cache", str(cache)]) == 2
    assert "class 1 cannot be drawn" in capsys.readouterr().err
    assert load_measured(cache) == ()


@pytest.fixture
def sd_path(tmp_path: Path) -> Path:
    """150 images by Stable Diffusion 1.5, whose weights are not here, in eight shards of at most 20."""
    return write_sd(tmp_path / "sd.toml")


def write_sd(path: Path, **changes: object) -> Path:
    """The same with changes of its split."""
    repo = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    stage = make_stage("StableDiffusionPipeline", Path(repo), revision="main", dtype="float16", steps=50)
    split = make_split("sd", images_per_class=50, batch_size=10, **changes)
    return write_spec(path, make_spec({"sd": stage}, {"sd-l": split}, rows_per_shard=20))


def test_workers_divide_the_time_and_not_the_gpu_hours(
    sd_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole shards a worker: of eight, three workers render three at most, and disk is counted twice."""
    words = [sd_path, "--dry-run", "--gpu", "NVIDIA RTX A5000", "--json"]
    (split,) = json.loads(run(capsys, *words, "--workers", 3))["splits"]
    (gpu,) = split["gpus"]
    assert gpu["render"]["origin"] == "paper" and gpu["score"] is None
    assert gpu["gpu_hours"] == pytest.approx(150 * 3.2 / 3600)
    times = {one["workers"]: one["seconds"] for one in gpu["elapsed"]}
    assert times == {1: pytest.approx(150 * 3.2), 3: pytest.approx(3 * 20 * 3.2)}
    assert split["disk"]["building_bytes"] == 2 * split["disk"]["release_bytes"]


def test_without_a_gpu_every_known_one_has_a_line_with_its_source(
    sd_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No figure stands without how it is known."""
    printed = run(capsys, sd_path, "--dry-run")
    for gpu, origin in (("H100", "estimate"), ("A100", "published"), ("RTX A5000", "paper")):
        (line,) = (line for line in printed.splitlines() if line.startswith(f"  time     {gpu}: "))
        assert f"s an image ({origin} [" in line and "GPU hours" in line


def test_swept_steps_cost_their_mean(
    sd_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 10 and 50 steps, 30."""
    words = ["--dry-run", "--gpu", "A100", "--json"]
    (whole,) = json.loads(run(capsys, sd_path, *words))["splits"]
    path = write_sd(tmp_path / "swept.toml", sweep={"steps": [10, 50]})
    (swept,) = json.loads(run(capsys, path, *words))["splits"]
    seconds = [split["gpus"][0]["render"]["seconds_per_image"] for split in (whole, swept)]
    assert seconds[1] == pytest.approx(seconds[0] * 30 / 50)


def test_an_unknown_gpu_is_unknown_and_how_to_measure_is_said(
    sd_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names that are known."""
    printed = run(capsys, sd_path, "--dry-run", "--gpu", "H2000")
    assert "unknown: nothing is known of StableDiffusionPipeline" in printed
    assert "known of it: H100, RTX 4090, A100" in printed
    assert f"'imagenet-g build {sd_path} --calibrate'" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dry-run", "--calibrate"], "not both"),
        (["--out", "x", "--gpu", "A100"], "--gpu belongs to --dry-run"),
        (["--out", "x", "--json"], "--json belongs to"),
        (["--dry-run", "--seconds-per-image", "nan"], "must be above 0"),
        (["--dry-run", "--seconds-per-image", "-1"], "must be above 0"),
        (["--dry-run", "--gpu", "A\x1b100"], "one line of at most 80"),
        (["--dry-run", "--workers", "0"], "--workers"),
    ],
)
def test_a_mistake_in_what_is_asked_is_one_message(
    spec_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2."""
    try:
        code = main(["build", str(spec_path), *words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 2
    assert message in capsys.readouterr().err
