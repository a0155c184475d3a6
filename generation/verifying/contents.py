"""Whether a built split is what its recipe says: plan, rows, probe, views, counts and accuracies agree.

Hashes of files show damage, not a change by someone who writes the hashes anew. What follows from the recipe
is made again here, without rendering: the plan (ids, seeds, prompts, batches) and, from the rows, every
number of the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, FileRecord, Manifest
from imagenet_g.generation.captions.prompts import load_pinned_captions
from imagenet_g.generation.generators.generator import make_retry_seed
from imagenet_g.generation.plans.cells import map_cell_columns
from imagenet_g.generation.plans.plan import hash_plan_rows, load_plan_meta, make_plan
from imagenet_g.generation.plans.siblings import SIBLING_KEY
from imagenet_g.generation.prompts.mixing import name_prompt_recipe
from imagenet_g.generation.releases.probes import choose_probe_batches
from imagenet_g.generation.releases.reading import Damage, load_table
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.specs.inputs import CaptionPromptSpec, MixedPromptSpec
from imagenet_g.generation.specs.version import SplitSpec
from imagenet_g.generation.verifying.numbers import find_wrong_numbers

if TYPE_CHECKING:
    import pyarrow as pa

FindSources = Callable[[Mapping[str, JsonValue]], Mapping[int, Sequence[str]] | None]
"""Source ids by class of the recipe's table of sources; None where they are not on this machine."""
NOT_COMPARED = ("image",)
_SAME_COLUMNS = ("image_id", "label", "wnid", "prompt", "slot", "source_image_id")


@dataclass(frozen=True, slots=True)
class BuiltSplit:
    """A split that has a plan.

    Attributes:
        folder: The release; its files have the bytes of the manifest.
        manifest: Its manifest.
        name: The split.
        recipe: Its recipe.
    """

    folder: Path
    manifest: Manifest
    name: str
    recipe: SplitRecipe

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Files of images, in row order."""
        return self.manifest.splits[self.name].files


def find_contradictions(built: BuiltSplit, find_sources: FindSources) -> list[Damage]:
    """What in a split disagrees with its recipe, the first fault of each file and of the manifest."""
    steps: tuple[Callable[[], Iterator[Damage]], ...] = (
        lambda: _compare_plan(built, find_sources),
        lambda: _compare_rows(built),
        lambda: _compare_probe(built),
        lambda: find_wrong_numbers(built.folder, built.manifest, built.name, built.recipe),
    )
    found: dict[str, Damage] = {}
    for step in steps:
        try:
            damages = list(step())
        # A column that is missing, or a table that cannot be read: the message says which.
        except ImagenetGError as error:
            damages = [Damage(MANIFEST_NAME, str(error))]
        for damage in damages:
            found.setdefault(damage.path, damage)
    return list(found.values())


def _compare_plan(built: BuiltSplit, find_sources: FindSources) -> Iterator[Damage]:
    recipe, path = built.recipe, built.recipe.plan.path
    meta, table = load_plan_meta(built.folder / path), load_table(built.folder / path)
    if (meta.version, meta.split) != (built.manifest.version, built.name):
        yield Damage(path, f"it is the plan of '{meta.version}/{meta.split}'")
    if meta.recipe != recipe.recipe:
        keys = sorted(
            key
            for key in meta.recipe.keys() | recipe.recipe.keys()
            if meta.recipe.get(key) != recipe.recipe.get(key)
        )
        yield Damage(MANIFEST_NAME, f"the recipe of '{built.name}' is not that of its plan ({keys[0]})")
    digest = hash_json({"recipe": recipe.recipe, "rows": hash_plan_rows(table)})
    if {digest} != {recipe.plan_sha256, meta.plan_sha256}:
        yield Damage(path, "its rows and its recipe do not give the plan's hash")
    if (problem := _replan(built, table, find_sources)) is not None:
        yield Damage(path, problem)


def _replan(built: BuiltSplit, table: pa.Table, find_sources: FindSources) -> str | None:
    """The plan against one that is made from the recipe again."""
    recorded, version = built.recipe.recipe, built.manifest.version
    # A sibling's follows from a key and from the public plan, which 'imagenet-g sibling check' asks for.
    if SIBLING_KEY in recorded:
        return None
    if (recorded.get("version"), recorded.get("split")) != (version, built.name):
        return f"its recipe is of '{recorded.get('version')}/{recorded.get('split')}'"
    split = restore_split_spec(built.name, recorded)
    sources = recorded.get("sources")
    ids = None
    if isinstance(sources, Mapping):
        ids = find_sources(sources) or _list_planned_sources(table)
    if not _has_prompts(split):
        split = split.model_copy(update={"prompts": None})
    expected = make_plan(
        version,
        built.name,
        split,
        rows_per_shard=_read_int(recorded, "rows_per_shard"),
        recipe=recorded,
        source_ids=ids,
    ).table
    # A caption file stays with its author; the plan's hash covers the prompts that were made from it.
    skipped = recorded.get("prompts") is not None and split.prompts is None
    columns = [name for name in expected.column_names if not (skipped and name == "prompt")]
    return _compare_tables(expected, table, columns)


def _has_prompts(split: SplitSpec) -> bool:
    """Whether the prompts of a split can be made here: captions need their file."""
    if not isinstance(split.prompts, CaptionPromptSpec):
        return True
    try:
        load_pinned_captions(split.prompts)
    except ImagenetGError:
        return False
    return True


def restore_split_spec(name: str, recorded: Mapping[str, JsonValue]) -> SplitSpec:
    """What of a split's spec decides its plan.

    Raises:
        DataError: The recipe is not of this format.
    """
    classes = load_classes()
    try:
        return SplitSpec.model_validate(
            {
                "title": name,
                "generator": recorded["generator_name"],
                "classes": [classes[int(str(index))].wnid for index in _read_list(recorded, "classes")],
                "images_per_class": recorded["images_per_class"],
                **({"counts": recorded["counts"]} if "counts" in recorded else {}),
                "batch_size": recorded["batch_size"],
                "prompts": recorded["prompts"],
                **{key: recorded[key] for key in ("replicates", "seeds", "sweep") if key in recorded},
            }
        )
    except (KeyError, IndexError, ValueError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise DataError(f"The recipe of '{name}' is not of this format: {what}.") from error


def _list_planned_sources(table: pa.Table) -> dict[int, list[str]]:
    """Without the source set, which of its images were planned can only be taken as it stands."""
    ids: dict[int, list[str]] = {}
    for label, source in zip(table["label"].to_pylist(), table["source_image_id"].to_pylist(), strict=True):
        ids.setdefault(label, []).append(str(source))
    return ids


def _compare_rows(built: BuiltSplit) -> Iterator[Damage]:
    """Every row of the images against its row of the plan."""
    recorded = built.recipe.recipe
    plan = load_table(built.folder / built.recipe.plan.path).to_pydict()
    left_out = {failure.image_id for failure in built.recipe.left_out}
    kept = [row for row, image_id in enumerate(plan["image_id"]) if image_id not in left_out]
    retries = _read_int(recorded.get("flat"), "retries")
    columns = {name: name for name in _SAME_COLUMNS}
    columns |= map_cell_columns(restore_split_spec(built.name, recorded))
    start = 0
    for file in built.files:
        names = [*columns, "batch_id", "seed", "attempt", "recipe", "generator"]
        found = load_table(built.folder / file.path, names).to_pydict()
        rows = kept[start : start + file.num_rows]
        start += file.num_rows
        expected = {name: [plan[planned][row] for row in rows] for name, planned in columns.items()}
        expected["batch_id"] = [str(plan["batch_id"][row]) for row in rows]
        expected["recipe"] = [_name_recipe(recorded, plan["label"][row], plan["index"][row]) for row in rows]
        expected["generator"] = [recorded.get("generator_name")] * len(rows)
        if not all(isinstance(n, int) and 0 <= n <= retries for n in found["attempt"]):
            yield Damage(file.path, f"column 'attempt' holds more than the recipe's {retries} retries")
            continue
        expected["seed"] = [
            make_retry_seed(plan["seed"][row], attempt)
            for row, attempt in zip(rows, found["attempt"], strict=False)
        ]
        if (problem := _find_difference(expected, found)) is not None:
            yield Damage(file.path, problem)
    if start != len(kept):
        yield Damage(MANIFEST_NAME, f"'{built.name}' has {start} images, {len(kept)} are planned")


def _compare_probe(built: BuiltSplit) -> Iterator[Damage]:
    """The stored copy of the probe is for readers: it must be the rows of `data/`."""
    recipe = built.recipe
    batches = choose_probe_batches(recipe.plan.num_rows, _read_int(recipe.recipe, "batch_size"))
    released = [
        row
        for file in built.files
        for row in load_table(
            built.folder / file.path, filters=[("batch_id", "in", list(map(str, batches)))]
        ).to_pylist()
    ]
    stored = load_table(built.folder / recipe.probe.path).to_pylist()
    # Text, because a score that is no number differs from itself.
    if list(map(repr, stored)) != list(map(repr, released)):
        yield Damage(recipe.probe.path, "it is not a copy of its images in data/")


def _name_recipe(recorded: Mapping[str, JsonValue], label: int, index: int) -> str | None:
    """Value of the column `recipe` of an image, as a build writes it."""
    prompts, generator = recorded.get("prompts"), recorded.get("generator")
    if isinstance(prompts, dict):
        if prompts.get("recipe") == "captions":
            return f"captions:{PurePath(str(prompts.get('file'))).stem}"
        if prompts.get("recipe") == "mixed":
            return name_prompt_recipe(MixedPromptSpec.model_validate(prompts), label, index)
        return str(prompts.get("template") or prompts.get("recipe"))
    return str(generator["inputs"]) if isinstance(generator, dict) and "inputs" in generator else None


def _compare_tables(expected: pa.Table, found: pa.Table, columns: Sequence[str]) -> str | None:
    if missing := [name for name in columns if name not in found.column_names]:
        return f"column '{missing[0]}' is missing"
    pairs = (table.select(columns).to_pydict() for table in (expected, found))
    return _find_difference(*pairs)


def _find_difference(expected: Mapping[str, list[object]], found: Mapping[str, list[object]]) -> str | None:
    """The first value that is another one, with the image it is of."""
    for name, values in expected.items():
        if len(values) != len(found[name]):
            return f"{len(found[name])} rows, where the plan has {len(values)}"
        if values != found[name]:
            row = next(
                n for n, pair in enumerate(zip(values, found[name], strict=True)) if pair[0] != pair[1]
            )
            image_id = expected["image_id"][row]
            return (
                f"image '{image_id}': column '{name}' is {found[name][row]!r}, not {values[row]!r} as planned"
            )
    return None


def _read_int(table: object, key: str) -> int:
    value = table.get(key) if isinstance(table, Mapping) else None
    if not isinstance(value, int) or value < 0:
        raise DataError(f"The recipe has no number '{key}'.")
    return value


def _read_list(table: Mapping[str, JsonValue], key: str) -> list[JsonValue]:
    value = table.get(key)
    if not isinstance(value, list):
        raise DataError(f"The recipe has no list '{key}'.")
    return value
