"""The plan of a split: identity, seed, prompt, source, batch and slot of every image, before any is rendered.

A plan is a pure function of the version's spec and, where there are sources, of their ids. Rows go by class,
then index; all of them once for each replicate and each swept value (`cells`). The canonical batch of row r
is r // B and its slot r % B: an image is always rendered in that batch and slot, because the last bits of an
image depend on both. A shard is a run of whole batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, describe_failure
from imagenet_g.benchmark.identity import hash_json, hash_lines
from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.captions.prompts import make_caption_prompts
from imagenet_g.generation.plans.cells import PLAN_COLUMNS, PlanCell, list_cells, make_identities
from imagenet_g.generation.plans.class_counts import count_images, require_counts
from imagenet_g.generation.prompts.mixing import make_mixed_prompts
from imagenet_g.generation.specs.inputs import AnyPromptSpec, CaptionPromptSpec
from imagenet_g.generation.specs.version import SplitSpec

if TYPE_CHECKING:
    import pyarrow as pa

META_KEY = b"imagenet_g.plan"
# Class and index are left out: the image's id follows from them.
_HASHED_COLUMNS = ("image_id", "seed", "prompt", "source_image_id", "batch_id", "slot", "shard")
# A plan of ImageNet's training size has 1.3 million rows, too many to hold as Python objects at once.
_HASH_ROWS = 20_000


class PlanMeta(FileModel):
    """Metadata of a plan, stored in its parquet file."""

    schema_version: Literal[1] = 1
    version: str
    split: str
    plan_sha256: Sha256
    """Hash of the recipe and of the rows."""
    num_rows: Count
    num_shards: Count
    batch_size: Count
    recipe: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan in memory: about 100 bytes a row.

    Attributes:
        meta: Its metadata.
        table: Columns image_id, wnid, label, index, seed, prompt, source_image_id, batch_id, slot, shard, and
            those of `cells.PLAN_COLUMNS` that the split asks for.
    """

    meta: PlanMeta
    table: pa.Table


def make_plan(
    version: str,
    name: str,
    split: SplitSpec,
    *,
    rows_per_shard: int,
    recipe: dict[str, JsonValue],
    source_ids: Mapping[int, Sequence[str]] | None = None,
) -> Plan:
    """The plan of one split.

    Args:
        version: Version name; with the split's, the root of every image's identity.
        name: Split name.
        split: The split to plan.
        rows_per_shard: Upper bound, rounded down to whole batches (at least one).
        recipe: Everything that decides the pixels; see `recipes`.
        source_ids: Ids of source images by class index; image i takes source i modulo their number. None for
            splits without sources.

    Raises:
        InputError: The counts of the classes are not filled in; a class has no source image, or fewer than
            the images asked for and may not repeat them; or two images share an id.
    """
    import pyarrow as pa

    require_counts(name, split)
    if source_ids is not None:
        _validate_sources(name, split, source_ids)
    parts = [
        _make_class_rows(version, name, split, index, source_ids, cell)
        for cell in list_cells(split)
        for index in split.class_indices
    ]
    return finish_plan(
        version,
        name,
        pa.concat_tables(parts),
        batch_size=split.batch_size,
        rows_per_shard=rows_per_shard,
        recipe=recipe,
    )


def finish_plan(
    version: str,
    name: str,
    rows: pa.Table,
    *,
    batch_size: int,
    rows_per_shard: int,
    recipe: dict[str, JsonValue],
) -> Plan:
    """A plan from its rows: batches, slots, shards and the hash.

    Args:
        version: Version name.
        name: Split name.
        rows: The columns of a plan in their order, without batch_id, slot and shard; at least one row.
        batch_size: Images rendered together.
        rows_per_shard: As for `make_plan`.
        recipe: As for `make_plan`.

    Raises:
        InputError: Two images share an id.
    """
    import pyarrow as pa

    table = rows
    _validate_ids(table, f"{version}/{name}")
    numbers = np.arange(table.num_rows, dtype=np.int64)
    batches = numbers // batch_size
    table = table.append_column("batch_id", pa.array(batches.astype(np.int32)))
    table = table.append_column("slot", pa.array((numbers % batch_size).astype(np.int32)))
    # A shard is whole batches, so that a shard that is lost is rendered again in the batches it had.
    shards = batches // max(1, rows_per_shard // batch_size)
    table = table.append_column("shard", pa.array(shards.astype(np.int32)))
    meta = PlanMeta(
        version=version,
        split=name,
        plan_sha256=hash_json({"recipe": recipe, "rows": hash_plan_rows(table)}),
        num_rows=table.num_rows,
        num_shards=int(shards[-1]) + 1,
        batch_size=batch_size,
        recipe=recipe,
    )
    return Plan(meta, table)


def hash_plan_rows(table: pa.Table) -> str:
    """sha256 of the columns that decide an image, in row order, however the table is chunked."""
    added = [name for name in PLAN_COLUMNS if name in table.column_names]
    batches = table.select([*_HASHED_COLUMNS, *added]).to_batches(max_chunksize=_HASH_ROWS)
    rows = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    return hash_lines("\t".join(map(str, row)) for row in chain.from_iterable(rows))


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan with one row group a shard, so that a shard's rows are read alone.

    Raises:
        StorageError: It cannot be written.
    """
    import pyarrow.parquet as pq

    table = plan.table.replace_schema_metadata({META_KEY: plan.meta.model_dump_json().encode()})
    shards = table["shard"].to_numpy()
    starts = np.searchsorted(shards, np.arange(plan.meta.num_shards + 1))
    with (
        replace_file(path) as temporary,
        # A row group a shard: a worker reads its rows without the rest of the plan.
        pq.ParquetWriter(temporary, table.schema, compression="zstd") as out,
    ):
        for start, stop in pairwise(starts.tolist()):
            out.write_table(table.slice(start, stop - start), row_group_size=max(1, stop - start))


def load_plan_meta(path: Path) -> PlanMeta:
    """Metadata of a plan file.

    Raises:
        DataError: It is missing, damaged, or not a plan.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        raw = (pq.read_schema(path).metadata or {}).get(META_KEY)
        if raw is None:
            raise DataError(f"'{path}' is a parquet file but not a plan.")
        return PlanMeta.model_validate_json(raw)
    except FileNotFoundError as error:
        raise DataError(f"There is no plan '{path}'.") from error
    except (pa.ArrowException, OSError, ValidationError) as error:
        raise DataError(f"'{path}' is not a readable plan: {describe_failure(error)}") from error


def load_shard_rows(path: Path, shard: int) -> pa.Table:
    """The planned rows of one shard.

    Raises:
        DataError: The plan is damaged or has no such shard.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read_row_group(shard)
    except (pa.ArrowException, OSError, IndexError) as error:
        raise DataError(f"Shard {shard} of plan '{path}' cannot be read: {error}") from error


def _make_class_rows(
    version: str,
    name: str,
    split: SplitSpec,
    class_index: int,
    source_ids: Mapping[int, Sequence[str]] | None,
    cell: PlanCell,
) -> pa.Table:
    import pyarrow as pa

    count, wnid = count_images(split, class_index), load_classes()[class_index].wnid
    prompts: list[str] | list[None] = [None] * count
    sources: list[str] | list[None] = [None] * count
    if split.prompts is not None:
        prompts = _make_prompts(split.prompts, class_index, count)
    if source_ids is not None:
        ids = source_ids[class_index]
        sources = [ids[index % len(ids)] for index in range(count)]
    identities = make_identities(version, name, split, wnid, count, cell)
    columns = {
        "image_id": identities.pop("image_id"),
        "wnid": pa.array([wnid] * count, pa.string()),
        "label": pa.array(np.full(count, class_index, np.int16)),
        "index": pa.array(np.arange(count, dtype=np.int32)),
        "seed": identities.pop("seed"),
        "prompt": pa.array(prompts, pa.string()),
        "source_image_id": pa.array(sources, pa.string()),
        **identities,
    }
    return pa.table(columns)


def _make_prompts(spec: AnyPromptSpec, class_index: int, count: int) -> list[str]:
    if isinstance(spec, CaptionPromptSpec):
        return make_caption_prompts(spec, class_index, count)
    return make_mixed_prompts(spec, class_index, count)


def _validate_sources(name: str, split: SplitSpec, source_ids: Mapping[int, Sequence[str]]) -> None:
    # The one that lacks most: the class with the fewest sources, where all ask for as many.
    poorest = min(
        split.class_indices,
        key=lambda index: (
            bool(source_ids.get(index)),
            len(source_ids.get(index, ())) - count_images(split, index),
        ),
    )
    found, wnid = len(source_ids.get(poorest, ())), load_classes()[poorest].wnid
    wanted = count_images(split, poorest)
    if not found:
        raise InputError(
            f"Class {wnid} has no source image. Give sources that cover every class with --sources, "
            "or name fewer classes in the spec."
        )
    if split.sources is None or split.sources.repeat or found >= wanted:
        return
    raise InputError(
        f"Split '{name}' asks for {wanted} images of class {wnid}, which has {found} in its sources, "
        f"'{split.sources.ref}': several images would start from one source. Ask for {found} images a class, "
        "take sources with more of them (--sources REF), or allow it by repeat = true beside ref in the spec."
    )


def _validate_ids(table: pa.Table, ref: str) -> None:
    import pyarrow.compute as pc

    # Ids have 64 bits: two alike are all but impossible, and would mix up two images for ever.
    if pc.count_distinct(table["image_id"]).as_py() != table.num_rows:
        raise InputError(f"Two images of {ref} have the same id; choose another version or split name.")
