"""Plans: identity, batches, shards, determinism, size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from build_specs import CLASSES

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import make_image_id, make_seed
from imagenet_g.generation.plans.plan import (
    Plan,
    hash_plan_rows,
    load_plan_meta,
    load_shard_rows,
    make_plan,
    write_plan,
)
from imagenet_g.generation.specs.inputs import PromptSpec
from imagenet_g.generation.specs.version import SplitSpec, load_version_spec


def make(count: int = 5, batch_size: int = 4, rows_per_shard: int = 8, **options: object) -> Plan:
    """A plan of three classes."""
    split = SplitSpec(
        title="t",
        generator="g",
        classes=tuple(CLASSES),
        images_per_class=count,
        batch_size=batch_size,
        prompts=PromptSpec(recipe="openai-80", class_names="open_clip"),
    )
    return make_plan("v9", "sd-l", split, rows_per_shard=rows_per_shard, recipe={}, **options)  # type: ignore[arg-type]


def test_rows_go_by_class_then_index_with_identity_seeds() -> None:
    """Id and seed come from version, split, class and index alone."""
    row = make().table.slice(6, 1).to_pylist()[0]
    assert (row["wnid"], row["label"], row["index"]) == (CLASSES[1], 1, 1)
    assert row["image_id"] == make_image_id("v9", "sd-l", CLASSES[1], 1)
    assert row["seed"] == make_seed("v9", "sd-l", CLASSES[1], 1)


def test_batches_are_canonical_and_shards_hold_whole_ones() -> None:
    """Batch = row // B, slot = row % B; a shard of at most 10 rows holds two batches of 4."""
    table = make(rows_per_shard=10).table
    assert table["batch_id"].to_pylist() == [row // 4 for row in range(15)]
    assert table["slot"].to_pylist() == [row % 4 for row in range(15)]
    assert table["shard"].to_pylist() == [row // 8 for row in range(15)]


def test_a_shard_is_never_smaller_than_a_batch() -> None:
    """However few rows were asked for."""
    assert make(rows_per_shard=1).table["shard"].to_pylist() == [row // 4 for row in range(15)]


def test_more_images_a_class_keep_the_ids_seeds_and_prompts_of_the_first() -> None:
    """Only batches move."""
    few, many = make(3).table.to_pylist(), make(6).table.to_pylist()
    keys = ("image_id", "seed", "prompt")
    by_id = {row["image_id"]: row for row in many}
    assert all([row[k] for k in keys] == [by_id[row["image_id"]][k] for k in keys] for row in few)


def test_the_hash_covers_recipe_and_rows() -> None:
    """Another recipe, another prompt, another hash; the same, the same."""
    assert make().meta.plan_sha256 == make().meta.plan_sha256
    assert len({make().meta.plan_sha256, make(6).meta.plan_sha256, make(batch_size=2).meta.plan_sha256}) == 3


def test_the_hash_of_rows_does_not_depend_on_chunks(tmp_path: Path) -> None:
    """A plan read back has the hash it was made with."""
    import pyarrow as pa

    plan = make()
    write_plan(tmp_path / "plan.parquet", plan)
    shards = [load_shard_rows(tmp_path / "plan.parquet", n) for n in range(plan.meta.num_shards)]
    assert hash_plan_rows(pa.concat_tables(shards)) == hash_plan_rows(plan.table)
    assert load_plan_meta(tmp_path / "plan.parquet") == plan.meta


def test_equal_plans_give_equal_files(tmp_path: Path) -> None:
    """Byte for byte."""
    for name in ("a", "b"):
        write_plan(tmp_path / name, make())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_sources_are_taken_in_order_and_again_where_they_run_out() -> None:
    """Image i takes source i modulo their number."""
    table = make(source_ids={0: ["a", "b"], 1: ["c"], 2: ["d", "e", "f", "g", "h", "i"]}).table
    assert table["source_image_id"].to_pylist()[:6] == ["a", "b", "a", "b", "a", "c"]


def test_a_class_without_sources_is_named() -> None:
    """Before anything is rendered."""
    with pytest.raises(InputError, match=f"Class {CLASSES[2]} has no source image"):
        make(source_ids={0: ["a"], 1: ["b"]})


@pytest.mark.parametrize("data", [b"", b"not parquet"])
def test_a_damaged_plan_is_named(tmp_path: Path, data: bytes) -> None:
    """With its path."""
    (tmp_path / "plan.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"plan\.parquet' is not a readable plan"):
        load_plan_meta(tmp_path / "plan.parquet")


def test_v1_plans_50_000_images_a_split() -> None:
    """1000 classes of 50."""
    spec = load_version_spec("v1")
    table = make_plan("v1", "sd-l", spec.splits["sd-l"], rows_per_shard=500, recipe={}).table
    assert table.num_rows == 50_000
    assert len(set(table["prompt"].to_pylist())) > 49_000


SCRIPT = """
from pathlib import Path
from imagenet_g.generation.plans.plan import make_plan
from imagenet_g.generation.specs.version import load_version_spec
for images in (1, 325):
    split = load_version_spec("v1").splits["sd-l"].model_copy(update={"images_per_class": images})
    plan = make_plan("v1", "train", split, rows_per_shard=500, recipe={})
    # Not getrusage: its peak survives exec and would be that of the process which started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(plan.table.num_rows, status["VmHWM"].split()[0])
"""


def test_the_training_set_is_planned_in_2_gb() -> None:
    """A quarter of 1000 classes of 1300, in a process of its own so that its memory can be measured."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    (few, base), (quarter, peak) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert (few, quarter) == (1_000, 325_000)
    # The modules and word lists are loaded once whatever the count; only the rest grows with the rows.
    assert base + 4 * (peak - base) < 2_000_000
