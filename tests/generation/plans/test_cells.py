"""Replicates and sweeps in a plan: ids, seeds, batches, columns, and what a spec may not ask for."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from build_specs import CLASSES

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import make_image_id, make_seed
from imagenet_g.generation.plans.cells import list_cell_views, map_cell_columns
from imagenet_g.generation.plans.plan import Plan, make_plan
from imagenet_g.generation.plans.recipe import make_recipe
from imagenet_g.generation.specs.version import (
    SplitSpec,
    VersionSpec,
    load_version_spec,
    parse_version_spec,
)

SPEC = """
schema_version = 1
version = "v9"
title = "t"
status = "draft"
license = "CC0-1.0"
encoding = {{ format = "png" }}

[generators.g]
kind = "diffusers"
pipeline = "StableDiffusionPipeline"
repo = "org/name"
revision = "main"
dtype = "float32"
inputs = "prompt"

[splits.sd-l]
title = "t"
generator = "g"
classes = {classes}
images_per_class = 4
batch_size = 4
prompts = {{ recipe = "openai-80", class_names = "open_clip" }}
{lines}
"""


def parse(*lines: str) -> VersionSpec:
    """A spec whose only split has further lines."""
    text = SPEC.format(classes=list(CLASSES), lines="\n".join(lines)).replace("'", '"')
    return parse_version_spec(text, source="test.toml")


def plan(*lines: str) -> tuple[SplitSpec, Plan]:
    """The split and its plan."""
    spec = parse(*lines)
    split = spec.splits["sd-l"]
    recipe = make_recipe(spec, "sd-l", None)
    return split, make_plan("v9", "sd-l", split, rows_per_shard=8, recipe=recipe)


def test_the_first_replicate_is_the_plan_without_replicates() -> None:
    """Rows, ids, seeds, prompts, batches and slots, so that its images are the same bytes."""
    _, alone = plan()
    _, several = plan("replicates = 3")
    assert alone.table.column_names == [name for name in several.table.column_names if name != "replicate"]
    first = several.table.slice(0, alone.table.num_rows).drop_columns(["replicate"])
    assert first.to_pydict() == alone.table.to_pydict()
    assert "replicates" not in alone.meta.recipe
    assert several.meta.plan_sha256 != alone.meta.plan_sha256


def test_ids_and_seeds_are_hashes_of_the_text_that_names_an_image() -> None:
    """Written out here: what replicate 0 is called must never change."""
    digest = hashlib.sha256(b"v9/sd-l/n01440764/3").hexdigest()
    assert make_image_id("v9", "sd-l", "n01440764", 3) == digest[:16]
    assert make_image_id("v9", "sd-l", "n01440764", 3, replicate=0) == digest[:16]
    again = hashlib.sha256(b"v9/sd-l/n01440764/3/replicate=2").hexdigest()
    assert make_image_id("v9", "sd-l", "n01440764", 3, replicate=2) == again[:16]
    seed = int(hashlib.sha256(b"seed/v9/sd-l/n01440764/3/replicate=2").hexdigest()[:16], 16) % 2**63
    assert make_seed("v9", "sd-l", "n01440764", 3, replicate=2) == seed


def test_replicates_differ_in_ids_and_seeds_alone() -> None:
    """The same prompts in the same order, and no seed twice."""
    _, found = plan("replicates = 3")
    rows = found.table.to_pydict()
    parts = [slice(n * 12, n * 12 + 12) for n in range(3)]
    for name in ("wnid", "label", "index", "prompt"):
        assert rows[name][parts[0]] == rows[name][parts[1]] == rows[name][parts[2]]
    assert len(set(rows["seed"])) == len(set(rows["image_id"])) == 36
    assert rows["replicate"] == [0] * 12 + [1] * 12 + [2] * 12


def test_a_sweep_keeps_the_seed_and_calls_a_batch_with_one_value() -> None:
    """Along a series only the swept value changes."""
    _, found = plan("[splits.sd-l.sweep]", "guidance = [1.0, 7.5]", "steps = [10, 50]")
    rows = found.table.to_pylist()
    assert len(rows) == 4 * 12
    assert len({row["image_id"] for row in rows}) == len(rows)
    assert len({row["seed"] for row in rows}) == 12
    batches: dict[int, set[tuple[float, int]]] = {}
    series: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        batches.setdefault(row["batch_id"], set()).add((row["guidance"], row["steps"]))
        series.setdefault((row["wnid"], row["series"]), []).append(row)
    assert all(len(values) == 1 for values in batches.values())
    for group in series.values():
        assert sorted(row["guidance"] for row in group) == [1.0, 7.5]
        assert len({(row["seed"], row["prompt"], row["steps"]) for row in group}) == 1


def test_the_first_swept_setting_is_the_strength_of_the_ladder() -> None:
    """Released rows have it under the name by which every ladder is read."""
    split, _ = plan("[splits.sd-l.sweep]", "steps = [10, 50]", "guidance = [1.0, 7.5]")
    assert map_cell_columns(split)["strength"] == "guidance"
    assert list(list_cell_views(split)) == ["guidance-1.0", "guidance-7.5", "steps-10", "steps-50"]


def test_seeds_of_a_publication_stand_in_the_plan_as_they_are() -> None:
    """Image i of every class has seed i."""
    _, found = plan("seeds = [1947262, 7, 8, 9]")
    assert found.table["seed"].to_pylist() == [1947262, 7, 8, 9] * 3


def test_the_shipped_sweep_draws_one_robin_from_one_seed_at_every_pair_of_values() -> None:
    """Class and seed are those of the published figure."""
    split = load_version_spec("draft-sweep-robin").splits["guidance-steps"]
    found = make_plan("draft-sweep-robin", "guidance-steps", split, rows_per_shard=25, recipe={})
    rows = found.table.to_pylist()
    assert {(row["wnid"], row["seed"], row["prompt"]) for row in rows} == {("n01558993", 1947262, "robin")}
    assert len({(row["guidance"], row["steps"]) for row in rows}) == len(rows) == 25
    assert (7.5, 50) in {(row["guidance"], row["steps"]) for row in rows}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["replicates = 0"], "replicates"),
        (["replicates = 2", "seeds = [1, 2, 3, 4]"], "replicates need other seeds"),
        (["seeds = [1, 2]"], "images_per_class = 4 needs as many different seeds"),
        (["seeds = [1, 1, 2, 3]"], "different seeds"),
        (["[splits.sd-l.sweep]"], "a sweep needs one of strength, guidance, steps"),
        (["[splits.sd-l.sweep]", "guidance = [7.5]"], "sweep.guidance needs two or more values"),
        (["[splits.sd-l.sweep]", "guidance = [7.5, 1.0]"], "each above the one before"),
        (["[splits.sd-l.sweep]", "guidance = [1.0, inf]"], "finite"),
        (["[splits.sd-l.sweep]", "steps = ['10', '20']"], "whole number"),
        (["[splits.sd-l.sweep]", "strength = [0.2, 0.4]"], "takes guidance, steps"),
        (["[splits.sd-l.sweep]", "eta = [0.2, 0.4]"], "unknown key"),
    ],
)
def test_a_split_that_cannot_be_is_refused_with_its_reason(lines: list[str], message: str) -> None:
    """Before anything is planned."""
    with pytest.raises(InputError, match=message):
        parse(*lines)


def test_values_of_a_sweep_that_share_a_batch_are_refused() -> None:
    """A batch is one call, with one value of each setting."""
    with pytest.raises(InputError, match="12 images, which batches of 5 do not divide"):
        text = SPEC.format(classes=list(CLASSES), lines="[splits.sd-l.sweep]\nsteps = [1, 2]")
        parse_version_spec(
            text.replace("'", '"').replace("batch_size = 4", "batch_size = 5"), source="test.toml"
        )
