"""The recipe of a split: everything that decides its pixels, as plain data with a hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.generation.captions.prompts import describe_caption_prompts
from imagenet_g.generation.specs.inputs import AnyPromptSpec, CaptionPromptSpec
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec

if TYPE_CHECKING:
    from pydantic import JsonValue

    from imagenet_g.generation.plans.sources import Sources

RECIPE_VERSION = 1
"""Incremented when the meaning of a recipe's keys changes."""


def make_recipe(spec: VersionSpec, name: str, sources: Sources | None) -> dict[str, JsonValue]:
    """Everything that decides the pixels of a split, and nothing that does not.

    Scorers, views, titles and licences are left out: changing them needs no new images.
    """
    split = spec.splits[name]
    return {
        "recipe_version": RECIPE_VERSION,
        "version": spec.version,
        "split": name,
        "classes": list(split.class_indices),
        "images_per_class": split.images_per_class,
        "batch_size": split.batch_size,
        "rows_per_shard": spec.rows_per_shard,
        "prompts": None if split.prompts is None else _describe_prompts(split.prompts),
        "sources": None if sources is None else _describe_sources(sources),
        "generator": spec.generators[split.generator].describe_recipe(),
        "generator_name": split.generator,
        "encoding": spec.encoding.model_dump(mode="json"),
        "flat": spec.flat.model_dump(mode="json"),
        **_describe_cells(split),
        **_describe_counts(split),
    }


def _describe_counts(split: SplitSpec) -> dict[str, JsonValue]:
    """Images of every class, where classes differ; absent elsewhere: those recipes keep their hash."""
    return {} if split.counts is None else {"counts": split.counts.model_dump(mode="json")}


def _describe_prompts(prompts: AnyPromptSpec) -> dict[str, JsonValue]:
    if isinstance(prompts, CaptionPromptSpec):
        return describe_caption_prompts(prompts)
    return prompts.model_dump(mode="json")


def _describe_cells(split: SplitSpec) -> dict[str, JsonValue]:
    """What splits have that ask for it; absent in all others, whose recipes keep their hash."""
    found: dict[str, JsonValue] = {}
    if split.replicates > 1:
        found["replicates"] = split.replicates
    if split.seeds is not None:
        found["seeds"] = list(split.seeds)
    if split.sweep is not None:
        found["sweep"] = split.sweep.model_dump(mode="json", exclude_none=True)
    return found


def _describe_sources(sources: Sources) -> dict[str, JsonValue]:
    record = sources.split.record
    # The path of a folder does not identify its images; its content hash does.
    ref = f"folder:{Path(record.name).name}" if record.ref.startswith("folder:") else record.ref
    return {"ref": ref, "content_sha256": record.content_sha256, "revision": record.revision}
