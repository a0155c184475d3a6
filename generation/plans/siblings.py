"""The plan of a private sibling: a twin of images of the public plan, each under a secret id and seed.

A twin has the class, the prompt, the source and the settings of its public image: only chance sets the two
apart, and a model that does not know which is public is as good on either. All of them have a twin, or a
number of each class that the key chooses: whoever knew which would leave those alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.commitments import SiblingKey
from imagenet_g.benchmark.strengths.axis import SERIES_COLUMN
from imagenet_g.generation.plans.cells import PLAN_COLUMNS, REPLICATE_COLUMN
from imagenet_g.generation.plans.plan import Plan, finish_plan

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import JsonValue

SIBLING_KEY = "sibling"
"""Key of the recipe that only siblings have."""
_NUMBERED = ("batch_id", "slot", "shard")


def name_sibling(version: str) -> str:
    """Version name of a private sibling.

    Example:
        >>> name_sibling("v1")
        'v1-sibling'
    """
    return f"{version}-sibling"


def make_sibling_plan(
    public: Plan, key: SiblingKey, *, rows_per_shard: int, images_per_class: int | None = None
) -> Plan:
    """The plan of a sibling; the same public plan, key and number give the same plan.

    Args:
        public: The public plan.
        key: The sibling's key.
        rows_per_shard: As in the public recipe.
        images_per_class: Twins of each class; None for all images. Where a class has no more, all of it.

    Raises:
        InputError: Only some images of a split with a sweep, whose batches hold one value each.
    """
    meta = public.meta
    if images_per_class is not None and "sweep" in meta.recipe:
        raise InputError(f"'{meta.split}' has a sweep: its sibling has all its images. Leave out the number.")
    recipe: dict[str, JsonValue] = {
        **meta.recipe,
        "version": name_sibling(meta.version),
        SIBLING_KEY: {
            "of": meta.version,
            "plan_sha256": meta.plan_sha256,
            "images_per_class": images_per_class,
        },
    }
    rows = public.table.drop_columns(list(_NUMBERED))
    rows = _replace_secrets(rows, key, meta.version, meta.split)
    if images_per_class is not None:
        rows = rows.take(_choose_rows(rows, images_per_class))
    return finish_plan(
        name_sibling(meta.version),
        meta.split,
        rows,
        batch_size=meta.batch_size,
        rows_per_shard=rows_per_shard,
        recipe=recipe,
    )


def _replace_secrets(rows: pa.Table, key: SiblingKey, version: str, split: str) -> pa.Table:
    import pyarrow as pa

    ids = [key.derive("id", version, split, image_id).hex()[:16] for image_id in rows["image_id"].to_pylist()]
    replicates = (
        rows[REPLICATE_COLUMN].to_pylist() if REPLICATE_COLUMN in rows.column_names else [0] * rows.num_rows
    )
    places = zip(rows["wnid"].to_pylist(), rows["index"].to_pylist(), replicates, strict=True)
    # The settings of a sweep are no part of it: along a ladder the noise stays the same, as in public plans.
    # 63 bits: releases store the seed in a signed int64 column.
    seeds = [
        int.from_bytes(key.derive("seed", version, split, *place)[:8], "big") % 2**63 for place in places
    ]
    for name, values in (("image_id", pa.array(ids, pa.string())), ("seed", pa.array(seeds, pa.int64()))):
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows


def _choose_rows(rows: pa.Table, images_per_class: int) -> list[int]:
    """Rows of each class, in plan order; which, follows from the secret ids, that are as good as drawn."""
    by_class: dict[str, list[tuple[str, int]]] = {}
    for number, (wnid, image_id) in enumerate(
        zip(rows["wnid"].to_pylist(), rows["image_id"].to_pylist(), strict=True)
    ):
        by_class.setdefault(wnid, []).append((image_id, number))
    return sorted(number for found in by_class.values() for _, number in sorted(found)[:images_per_class])


def list_strata(table: pa.Table) -> dict[str, tuple[object, ...]]:
    """By image id, what an image has in common with its twin: class, prompt, source and swept settings."""
    shared = [name for name in PLAN_COLUMNS if name in table.column_names and name != REPLICATE_COLUMN]
    # A series names the replicate as well, and replicates differ in the seed alone.
    names = ["wnid", "prompt", "source_image_id", *(name for name in shared if name != SERIES_COLUMN)]
    columns = (table[name].to_pylist() for name in names)
    return dict(zip(table["image_id"].to_pylist(), zip(*columns, strict=True), strict=True))
