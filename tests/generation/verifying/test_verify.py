"""Verify, inspect and gallery on a release of a real pipeline."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec, make_spec, make_split, make_stage, read_release
from PIL import Image
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval
from imagenet_g.generation.releases.probes import choose_probe_batches
from imagenet_g.generation.verifying.judging import FeatureComparison, compare_judgements
from imagenet_g.generation.verifying.levels import (
    Distance,
    compute_distance,
    decide_level,
    list_runtime_differences,
)

Tiny = Callable[[str], Path]


@pytest.fixture(scope="module")
def release(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SD-L of a tiny Stable Diffusion, bfloat16 so that batch sizes show."""
    out = tmp_path_factory.mktemp("verified")
    build(make_spec({"sd": make_stage("StableDiffusionPipeline", tiny("sd"), dtype="bfloat16")},
                    {"sd-l": make_split("sd")}), out)  # fmt: skip
    return out


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """A release that may be damaged."""
    return Path(shutil.copytree(release, tmp_path / "copy"))


def verify(release: Path, tmp_path: Path, *words: object) -> tuple[int, dict[str, object]]:
    """Exit code and report of `imagenet-g verify`."""
    path = tmp_path / "report.json"
    code = main(["verify", str(release), "--json", str(path), *map(str, words)])
    return code, json.loads(path.read_text())


def find_first_id(release: Path) -> str:
    """Identity of the second image of the second shard."""
    table = pq.read_table(release / "data/sd-l/validation-00001-of-00003.parquet", columns=["image_id"])
    return str(table["image_id"][1])


def test_a_sound_release_is_r0_where_it_was_built(release: Path, tiny: Tiny, tmp_path: Path) -> None:
    """All files hash, and the probe comes out with the same pixels."""
    code, report = verify(release, tmp_path, "--pipeline", tiny("sd"))
    verdict = report["splits"][0]  # type: ignore[index]
    assert (code, report["num_files"], report["damaged"]) == (0, 5, {})
    assert (verdict["level"], verdict["distance"]["num_identical"]) == ("R0", 12)
    assert verdict["runtime_differs"] == []


def test_another_batch_size_is_r1_with_its_distance(release: Path, tiny: Tiny, tmp_path: Path) -> None:
    """Near, not identical."""
    _, report = verify(release, tmp_path, "--pipeline", tiny("sd"), "--batch-size", 1)
    verdict = report["splits"][0]  # type: ignore[index]
    assert verdict["level"] == "R1"
    assert 0 < verdict["distance"]["mean_levels"] < 2
    assert verdict["distance"]["num_identical"] < 12


def test_a_clip_judge_measures_features(release: Path, tiny: Tiny, tmp_path: Path) -> None:
    """Cosine near 1 where images are near."""
    clip = build_tiny_clip(tmp_path / "clip")
    words = ("--batch-size", 1, "--judge", f"open_clip:local-dir:{clip}")
    _, report = verify(release, tmp_path, "--pipeline", tiny("sd"), *words)
    judge = report["splits"][0]["judge"]  # type: ignore[index]
    assert judge["n"] == 12
    assert 0.999 < judge["features"]["cosine"] <= 1.000001


def test_a_judge_of_ones_own_with_an_attribute_model_is_no_clip(
    release: Path, tiny: Tiny, tmp_path: Path
) -> None:
    """Any module may keep its network under that name; without an encoder there are no features."""
    words = ("--batch-size", 1, "--judge", "python:small_models:make_wrapped_model")
    _, report = verify(release, tmp_path, "--pipeline", tiny("sd"), *words)
    judge = report["splits"][0]["judge"]  # type: ignore[index]
    assert judge["n"] == 12
    assert judge["features"] is None


def test_a_flipped_byte_is_found_by_name_and_mended_by_a_build(
    tiny: Tiny, copy: Path, tmp_path: Path
) -> None:
    """Exit code 1 until then."""
    path = copy / "data/sd-l/validation-00002-of-00003.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    code, report = verify(copy, tmp_path, "--hashes-only")
    assert (code, list(report["damaged"])) == (1, ["data/sd-l/validation-00002-of-00003.parquet"])  # type: ignore[call-overload]
    build(make_spec({"sd": make_stage("StableDiffusionPipeline", tiny("sd"), dtype="bfloat16")},
                    {"sd-l": make_split("sd")}), copy)  # fmt: skip
    assert verify(copy, tmp_path, "--hashes-only")[0] == 0


@pytest.mark.parametrize(
    ("where", "reason"), [("plan/sd-l.parquet", "missing"), ("probe/sd-l.parquet", "bytes instead of")]
)
def test_a_damaged_plan_or_probe_is_named_and_nothing_is_claimed(
    copy: Path, tmp_path: Path, where: str, reason: str
) -> None:
    """The level is unknown then."""
    (copy / where).unlink()
    if reason != "missing":
        (copy / where).write_bytes(b"x")
    code, report = verify(copy, tmp_path)
    assert code == 1
    assert reason in report["damaged"][where]  # type: ignore[index]
    assert report["splits"][0]["level"] == "unknown"  # type: ignore[index]


def test_without_the_pipeline_nothing_is_verified_and_the_next_step_is_said(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the report and in the error: the files match, and a script must see that no more was found."""
    code, report = verify(release, tmp_path)
    assert code == 2
    assert report["damaged"] == {}
    assert "The files match, but no probe could be rendered again. sd-l: " in capsys.readouterr().err
    assert report["splits"][0]["level"] == "unknown"  # type: ignore[index]
    assert "--pipeline PATH/sd" in report["splits"][0]["reason"]  # type: ignore[index]


def test_a_pipeline_with_other_weights_is_refused(release: Path, tiny: Tiny, tmp_path: Path) -> None:
    """By the hash of its files, whatever its name."""
    other = Path(shutil.copytree(tiny("sd"), tmp_path / "sd"))
    (other / "model_index.json").write_text((other / "model_index.json").read_text() + " ")
    _, report = verify(release, tmp_path, "--pipeline", other)
    assert "holds other files" in report["splits"][0]["reason"]  # type: ignore[index]


def test_one_image_is_remade_by_the_command_that_inspect_prints(
    release: Path, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file it writes is the file in the release."""
    image_id = find_first_id(release)
    assert main(["inspect", image_id, "--release", str(release), "--save", str(tmp_path / "a.png")]) == 0
    printed = capsys.readouterr().out
    command = next(line for line in printed.splitlines() if "remake it" in line).split("imagenet-g ")[1]
    words = [word.replace(f"{image_id}.png", str(tmp_path / "b.png")) for word in command.split()]
    assert main([*words, "--pipeline", str(tiny("sd"))]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_inspect_says_everything_about_an_image(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Class, prompt, seed, batch, weights, plan."""
    main(["inspect", find_first_id(release), "--release", str(release)])
    printed = capsys.readouterr().out
    for words in ("goldfish", "prompt", "seed", "slot 1 of 4", "DDIMScheduler", "plan", "torch"):
        assert words in printed


def test_inspect_refuses_an_unknown_image(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One message, exit code 2."""
    assert main(["inspect", "feedfacefeedface", "--release", str(release)]) == 2
    assert "Unknown image 'feedfacefeedface'" in capsys.readouterr().err


def test_the_gallery_shows_each_class_and_marks_flat_images(tmp_path: Path) -> None:
    """PNG and HTML, with prompts to hover over."""
    build(make_noise_spec(factory="build_specs:BlackGenerator"), tmp_path / "release")
    words = ["--per-class", "2", "--size", "32", "--out", str(tmp_path / "sheets")]
    assert main(["gallery", str(tmp_path / "release"), *words]) == 0
    html = (tmp_path / "sheets" / "gallery.html").read_text()
    assert html.count("<img") == html.count('class="flat"') == 6
    assert "great white shark" in html and "a bad photo of a tench." in html
    with Image.open(tmp_path / "sheets" / "gallery.png") as picture:
        size = picture.size
    assert size == (150 + 2 * 36 + 4, 2 * 22 + 3 * 36)


def test_the_gallery_leaves_the_release_as_it_is(release: Path, tmp_path: Path) -> None:
    """It writes elsewhere."""
    before = read_release(release)
    main(["gallery", str(release), "--out", str(tmp_path)])
    assert read_release(release) == before


def make_rows(*pictures: np.ndarray) -> list[dict[str, object]]:
    """Rows of PNG images."""
    rows: list[dict[str, object]] = []
    for number, pixels in enumerate(pictures):
        stream = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(stream, format="PNG")
        rows.append({"image_id": str(number), "image": stream.getvalue()})
    return rows


def test_distances_are_those_of_numpy() -> None:
    """Max, mean and share of changed values over all images."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (2, 6, 5, 3))
    b = np.clip(a + rng.integers(-3, 4, a.shape), 0, 255)
    distance = compute_distance(make_rows(*a, a[0]), make_rows(*b, a[0]))
    gap = np.abs(np.concatenate([a, a[:1]]) - np.concatenate([b, a[:1]]))
    assert distance.num_identical == 1
    assert distance.max_levels == gap.max()
    assert distance.mean_levels == pytest.approx(gap.mean())
    assert distance.share_of_values_changed == pytest.approx((gap > 0).mean())


def test_distances_need_the_same_images() -> None:
    """Not merely as many."""
    rows = make_rows(np.zeros((2, 2, 3)), np.ones((2, 2, 3)))
    with pytest.raises(InputError, match="not the same images"):
        compute_distance(rows, rows[::-1])


def make_distance(identical: int, mean: float, worst: float | None = None) -> Distance:
    """A distance over 64 images."""
    return Distance(num_images=64, num_identical=identical, max_levels=9, mean_levels=mean,
                    worst_levels=mean if worst is None else worst, worst_image="0",
                    share_of_values_changed=0.1)  # fmt: skip


def make_features(p: float) -> FeatureComparison:
    """Features that a test calls alike or not."""
    return FeatureComparison(cosine=0.5, kernel_distance=0.0, p=p)


@pytest.mark.parametrize(
    ("distance", "remade_right", "features", "same_batch", "level"),
    [
        (make_distance(64, 0.0), None, None, True, "R0"),
        (make_distance(64, 0.0), None, None, False, "R1"),
        (make_distance(3, 0.5), None, None, True, "R1"),
        # One inverted image of 64.
        (make_distance(63, 1.5, 96.0), None, None, True, "unknown"),
        (make_distance(0, 30.0), None, None, True, "unknown"),
        (make_distance(0, 30.0), 30, make_features(0.5), True, "R2"),
        (make_distance(0, 30.0), 30, make_features(0.01), True, "none"),
        (make_distance(0, 30.0), 30, None, True, "unknown"),
        (make_distance(0, 30.0), 5, make_features(0.5), True, "none"),
    ],
)
def test_levels(
    distance: Distance,
    remade_right: int | None,
    features: FeatureComparison | None,
    same_batch: bool,
    level: str,
) -> None:
    """R0 by bytes, R1 by the worst image, R2 by a judge's accuracy and features; never a guess."""
    judge = None
    if remade_right is not None:
        labels = list(range(64))
        released = [n if n < 32 else 99 for n in labels]
        remade = [n if n < remade_right else 99 for n in labels]
        judge = compare_judgements("m", labels, released, remade, features)
        assert (judge.low, judge.high) == compute_wilson_interval(32, 64)
    assert decide_level(distance, judge, same_batch_size=same_batch)[0] == level


def test_a_judge_at_chance_cannot_say_that_samples_are_alike() -> None:
    """It is as accurate on any images: here it answers one class, which half of the images have."""
    labels = [0] * 32 + [1] * 32
    judge = compare_judgements("m", labels, [0] * 64, [0] * 64, make_features(0.9))
    level, reason = decide_level(make_distance(0, 30.0), judge, same_batch_size=True)
    assert (level, judge.chance) == ("unknown", 0.5)
    assert "no better than chance" in reason


def test_what_differs_from_the_builders_machine_is_listed() -> None:
    """Key by key."""
    here = {"torch": "2", "device": "cpu"}
    assert list_runtime_differences(here, [here]) == ()
    there = [{"torch": "1", "device": "cpu"}, {"torch": "2", "device": "cpu"}]
    assert list_runtime_differences(here, there) == ("torch: 2 here, 1 or 2 there",)


def test_the_probe_is_64_images_in_whole_batches_spread_over_the_plan() -> None:
    """Or all there are."""
    assert choose_probe_batches(50_000, 8) == tuple(n * 6250 // 8 for n in range(8))
    assert len(choose_probe_batches(50_000, 24)) == 3
    assert choose_probe_batches(20, 8) == (0, 1, 2)
