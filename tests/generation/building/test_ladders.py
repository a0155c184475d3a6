"""Splits with replicates and sweeps, from spec to a release that is evaluated and verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from build_specs import CLASSES, build, make_noise_spec, make_spec, make_split, make_stage
from tampering import change_rows

import imagenet_g as ig
from imagenet_g.benchmark.cli import main
from imagenet_g.generation.generators.generator import RenderRow
from imagenet_g.generation.generators.make import make_generator

Tiny = Callable[[str], Path]
GUIDANCE = [1.0, 4.0]
STEPS = [1, 2]


@pytest.fixture(scope="module")
def release(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two settings, each value once with two seeds, by a real pipeline."""
    sweep = {"guidance": GUIDANCE, "steps": STEPS}
    changes: dict[str, Any] = {"sweep": sweep, "replicates": 2, "images_per_class": 1, "batch_size": 2,
        "classes": CLASSES[:1]}  # fmt: skip
    spec = make_spec(
        {"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}, {"ladder": make_split("sd", **changes)}
    )
    out = tmp_path_factory.mktemp("release")
    build(spec, out)
    return out


def read(release: Path, split: str) -> list[dict[str, Any]]:
    """All rows of a split."""
    rows: list[dict[str, Any]] = pa.concat_tables(
        [pq.read_table(path) for path in sorted(release.glob(f"data/{split}/*.parquet"))]
    ).to_pylist()
    return rows


def evaluate(release: Path, tmp_path: Path, ref: str) -> ig.Results:
    """A toy model on a split of the release."""
    return ig.evaluate(
        model="python:toy_models:make_colour_model",
        splits=ref,
        data={"tiny": release},
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )


def test_a_row_of_a_sweep_is_what_the_pipeline_draws_with_those_settings(release: Path, tiny: Tiny) -> None:
    """Each is drawn again alone, by a spec that has its values and no sweep."""
    wanted = (4.0, 1, 1)
    rows = read(release, "ladder")
    row = next(r for r in rows if (r["guidance"], r["steps"], r["replicate"]) == wanted)
    stage = make_stage("StableDiffusionPipeline", tiny("sd"), guidance=4.0, steps=1)
    generator = make_generator(make_spec({"sd": stage}, {"s": make_split("sd")}).generators["sd"])
    generator.load("cpu")
    asked = RenderRow(row["image_id"], row["label"], row["wnid"], row["prompt"], row["seed"])
    # In its own slot of a batch of two, because the last bits depend on both.
    made = generator.render([asked, asked])[row["slot"]].image
    from imagenet_g.benchmark.images.decoding import hash_pixels

    assert hash_pixels(made) == row["pixel_sha256"]


def test_every_value_gives_other_pixels_from_the_same_seed(release: Path) -> None:
    """A series differs by its settings alone."""
    rows = read(release, "ladder")
    assert len(rows) == 2 * 4
    seeds: dict[int, set[str]] = {}
    for row in rows:
        seeds.setdefault(row["seed"], set()).add(row["pixel_sha256"])
        assert row["strength"] == row["guidance"]
    assert [len(pixels) for pixels in seeds.values()] == [4] * 2


def test_accuracy_by_swept_value_comes_from_the_ladder_of_strengths(release: Path, tmp_path: Path) -> None:
    """By the same table as any other ladder, with series of one seed."""
    results = evaluate(release, tmp_path, "tiny/ladder")
    table = results.by_strength()
    assert table["strength"].tolist() == GUIDANCE
    assert table["n"].tolist() == [4, 4]
    assert results.failure_points()["num_series"].tolist() == [4]


@pytest.mark.parametrize(("view", "n"), [("replicate-1", 4), ("guidance-4.0", 4), ("steps-2", 4)])
def test_one_replicate_or_value_is_a_view_of_the_split(
    release: Path, tmp_path: Path, view: str, n: int
) -> None:
    """Named in the reference as any other view."""
    found = evaluate(release, tmp_path, f"tiny/ladder:{view}").results[0].entries[0]
    assert (found.split.view, found.n) == (view, n)


def test_a_sweep_is_verified_as_any_other_split(release: Path, tiny: Tiny) -> None:
    """Plan, columns and pixels, also in batches of another size."""
    command = ["verify", str(release), "--pipeline", str(tiny("sd"))]
    assert main([*command, "--all"]) == 0
    assert main([*command, "--batches", "1", "--batch-size", "4", "--expect", "R1"]) == 0


@pytest.mark.parametrize("column", ["guidance", "strength", "replicate", "series"])
def test_a_changed_column_of_a_sweep_is_found(
    release: Path, tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With every hash written anew."""
    copy = shutil.copytree(release, tmp_path / "copy")
    path = "data/ladder/validation-00000-of-00002.parquet"

    def change(rows: list[dict[str, Any]]) -> None:
        rows[0][column] = "9/9" if column == "series" else 1 + rows[0][column]

    change_rows(copy, path, change)
    assert main(["verify", str(copy), "--batches", "1"]) == 1
    assert f"column '{column}'" in capsys.readouterr().out


def test_the_images_of_replicate_0_are_those_of_a_build_without_replicates(tmp_path: Path) -> None:
    """Byte for byte, with their ids; the column exists only where it was asked for."""
    plain = make_noise_spec(images_per_class=3, batch_size=4)
    tables = plain.model_dump(mode="json", exclude_none=True)
    tables["splits"]["sd-l"]["replicates"] = 3
    several = type(plain).model_validate(tables)
    for spec, name in ((plain, "one"), (several, "three")):
        build(spec, tmp_path / name)
    one, three = read(tmp_path / "one", "sd-l"), read(tmp_path / "three", "sd-l")
    assert "replicate" not in one[0]
    first = [{k: v for k, v in row.items() if k != "replicate"} for row in three if row["replicate"] == 0]
    assert first == one
    assert len({row["pixel_sha256"] for row in three}) == 27
