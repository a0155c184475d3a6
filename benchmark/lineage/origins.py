"""How the images of a split were made, read from its release's manifest.

A recipe's words are its generator's own, so it is read without a schema: by the few keys that every
generator of this project writes (`repo`, `factory`, `components`, `files`), wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import JsonValue

from imagenet_g.benchmark.records import OriginModel, SplitOrigin

_UNDRAWN_PARTS = re.compile(r"(text_encoder|image_encoder|tokenizer|vae|safety|feature_|scheduler)")
"""Parts of a pipeline that may come from another repository without a say in what family it is of."""
_WEIGHT_FILES = re.compile(r"\.(safetensors|bin)$")
_HASH = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class ScoreFilter:
    """A view that keeps the images with a score of at least a minimum."""

    view: str
    column: str
    minimum: float


def read_origin(recipe: JsonValue, filters: Sequence[ScoreFilter], *, released: date | None) -> SplitOrigin:
    """The origin of one split of a release.

    Args:
        recipe: The `recipe` of the split in the manifest.
        filters: The views of the split that filter by a score.
        released: Day on which the release was published; None for unknown.
    """
    described = recipe if isinstance(recipe, Mapping) else {}
    made = _get_table(described, "recipe")
    sources = _get_table(made, "sources").get("ref")
    return SplitOrigin(
        generators=_read_generators(described, made.get("generator")),
        models=tuple(dict.fromkeys(_list_models(described, filters))),
        sources=sources if isinstance(sources, str) else None,
        released=released,
    )


def _read_generators(described: Mapping[str, JsonValue], generator: JsonValue) -> tuple[str, ...] | None:
    # Of an adopted set one name is all that can be known, and often not even that.
    if described.get("kind") == "adopted":
        return (generator,) if isinstance(generator, str) else None
    # Images made from those of another split were drawn by what drew those.
    if described.get("kind") == "corrupted":
        known = _get_table(described, "recipe").get("generators")
        return tuple(str(name) for name in known) if isinstance(known, list) else None
    # A recipe without a generator is of images that were collected; without a recipe nothing is known.
    return tuple(dict.fromkeys(_list_generators(generator))) if described else None


def _get_table(value: JsonValue | Mapping[str, JsonValue], key: str) -> Mapping[str, JsonValue]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _list_generators(value: JsonValue) -> Iterator[str]:
    """Repositories and addresses below a recipe's `generator`, parts that draw nothing left out."""
    if isinstance(value, Mapping):
        for key in ("repo", "factory"):
            if isinstance(found := value.get(key), str):
                yield found
        for key, item in value.items():
            if not _UNDRAWN_PARTS.match(key):
                yield from _list_generators(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_generators(item)


def _list_models(described: Mapping[str, JsonValue], filters: Sequence[ScoreFilter]) -> Iterator[OriginModel]:
    yield from _list_filters(_get_table(described, "scorers"), filters)
    clip = _get_table(_get_table(_get_table(described, "captions"), "card"), "clip")
    if isinstance(spec := clip.get("spec"), str):
        yield OriginModel(
            role="reward", spec=spec, weights_sha256=_read_hash(clip, "weights_sha256"), detail="captions"
        )
    for where in ("recipe", "generator"):
        yield from _list_objectives(described.get(where), where)
    yield from _list_encoders(described.get("generator"))


def _list_filters(scorers: Mapping[str, JsonValue], filters: Sequence[ScoreFilter]) -> Iterator[OriginModel]:
    for one in filters:
        scorer = _get_table(scorers, one.column.partition(".")[2])
        yield OriginModel(
            role="filter",
            spec=str(scorer.get("model", one.column)),
            weights_sha256=_read_hash(scorer, "weights_sha256"),
            view=one.view,
            detail=f"{one.column} of at least {one.minimum:g}",
        )


def _list_objectives(value: JsonValue, where: str) -> Iterator[OriginModel]:
    """CLIPs in a recipe: what is drawn away from a class by a CLIP names it."""
    if isinstance(value, Mapping):
        spec = next((found for key in ("model", "spec") if isinstance(found := value.get(key), str)), "")
        if spec.startswith("open_clip:"):
            yield OriginModel(
                role="reward", spec=spec, weights_sha256=_read_hash(value, "weights_sha256"), detail=where
            )
        for key, item in value.items():
            yield from _list_objectives(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _list_objectives(item, where)


def _list_encoders(value: JsonValue) -> Iterator[OriginModel]:
    """What the stages of a loaded generator read prompts and images with."""
    if isinstance(value, Mapping):
        components = _get_table(value, "components")
        texts = sorted(name for name in components if re.fullmatch(r"text_encoder(_\d+)?", name))
        # A pipeline with a text side is conditioned by prompts; its image side then serves other uses.
        for name in texts or [name for name in ("image_encoder",) if name in components]:
            yield _make_encoder(value, name)
        for item in value.values():
            yield from _list_encoders(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_encoders(item)


def _make_encoder(stage: Mapping[str, JsonValue], name: str) -> OriginModel:
    part = _get_table(_get_table(stage, "parts"), name)
    files, prefix = (_get_table(part, "files"), "") if part else (_get_table(stage, "files"), f"{name}/")
    weights = [key for key in files if key.startswith(prefix) and _WEIGHT_FILES.search(key)]
    return OriginModel(
        role="text-encoder" if name.startswith("text") else "image-encoder",
        spec=str(part.get("repo", stage.get("repo", "unknown"))),
        weights_sha256=None,
        tower_sha256=_read_hash(_get_table(stage, "encoders"), name),
        # Of one file alone: with two, or with shards, which of them was read is not recorded.
        file_sha256=_read_hash(files, weights[0]) if len(weights) == 1 else None,
        detail=name,
    )


def _read_hash(table: Mapping[str, JsonValue], key: str) -> str | None:
    found = table.get(key)
    return found if isinstance(found, str) and _HASH.match(found) else None
