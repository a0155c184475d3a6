"""Command-line changes to a spec, and the name a changed version must take.

The name of a version stands for one recipe. A change of anything that decides the pixels gives a private
version under another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.python import PythonSpec
from imagenet_g.generation.specs.stages import LOCAL_REVISION
from imagenet_g.generation.specs.version import SplitSpec, VersionSpec, load_split_spec

PRIVATE_VERSION = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes by the command line.

    Attributes:
        name: Version name of a private build.
        sources: Split reference that sources come from.
        pipeline: Hub repository ("org/name" or "org/name@revision") or folder of another diffusers pipeline.
        generator: "python:module:factory".
        classes: Class set that replaces the spec's.
        images_per_class: Number that replaces the spec's.
    """

    name: str | None = None
    sources: str | None = None
    pipeline: str | None = None
    generator: str | None = None
    classes: str | None = None
    images_per_class: int | None = None


def apply_overrides(spec: VersionSpec, splits: tuple[str, ...], overrides: Overrides) -> VersionSpec:
    """The spec with the command line's changes, renamed if they change the pixels.

    Raises:
        InputError: Both a pipeline and a generator, or a name without a change.
    """
    if overrides.pipeline and overrides.generator:
        raise InputError("Give --pipeline or --generator, not both.")
    # Through plain tables and back, so that every rule of a spec holds for the changed one as well.
    tables = spec.model_dump(mode="json", exclude_none=True)
    for split in splits:
        described = load_split_spec(spec, split)
        tables["splits"][split] |= _list_split_changes(described, overrides)
        made = _replace_generator(spec.generators[described.generator], overrides)
        if made is not None:
            tables["generators"][described.generator] = made.model_dump(mode="json", exclude_none=True)
    if tables != spec.model_dump(mode="json", exclude_none=True):
        # A private version is nobody else's, and its weights may not be pinned yet.
        tables["status"] = "draft"
    try:
        changed = VersionSpec.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"These options do not fit '{spec.version}': {error.errors()[0]['msg']}.") from error
    if changed == spec:
        if overrides.name:
            raise InputError(
                "--name is for private builds; without a change to the recipe the version keeps its name."
            )
        return spec
    # The version is part of every image's id and seed: under the old name two sets of images would share
    # them.
    return changed.model_copy(update={"version": overrides.name or f"{spec.version}-{PRIVATE_VERSION}"})


def _list_split_changes(split: SplitSpec, overrides: Overrides) -> dict[str, object]:
    changes: dict[str, object] = {}
    if overrides.sources and split.sources is not None:
        changes["sources"] = {**split.sources.model_dump(mode="json"), "ref": overrides.sources}
    if overrides.classes:
        changes["classes"] = load_class_set(overrides.classes).name
    if overrides.images_per_class:
        changes["images_per_class"] = overrides.images_per_class
        if split.counts is not None:
            changes["counts"] = None
    return changes


def _replace_generator(old: GeneratorSpec, overrides: Overrides) -> GeneratorSpec | None:
    if overrides.generator:
        factory = overrides.generator.removeprefix("python:")
        try:
            return PythonSpec(kind="python", inputs=old.inputs, factory=factory)
        except ValidationError as error:
            raise InputError(
                f"Malformed --generator '{overrides.generator}'. Use python:MODULE:FACTORY."
            ) from error
    if not overrides.pipeline:
        return None
    repo, separator, revision = overrides.pipeline.partition("@")
    if Path(overrides.pipeline).is_dir():
        return old.replace_pipeline(overrides.pipeline, LOCAL_REVISION)
    return old.replace_pipeline(repo, revision if separator else "main")
