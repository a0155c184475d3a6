"""Which CLIPs influenced the images of a split: by a filter, or in the recipe that made them.

An image that passed a filter by one CLIP is near its class by that CLIP, and a prompt that was written to be
far by one CLIP is far by it. Neither result carries over to another CLIP. A release's manifest names the
models; its keys are the recipe's own, so they are read without a schema. That a generator reads its
prompts through the text side of a CLIP, as Stable Diffusion 1.5 does with ViT-L-14/openai, is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.distances.results import ClipUse
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.splits.manifests import ThresholdView, ViewSpec, list_parts

if TYPE_CHECKING:
    from pydantic import JsonValue

_NAMES = ("model", "spec")
_CLIP_COLUMN = "clip_score."


def list_clip_uses(
    recipe: JsonValue, *, part: Literal["split", "reference"], view: ViewSpec | None
) -> tuple[ClipUse, ...]:
    """CLIPs behind a split of a release.

    Args:
        recipe: The `recipe` of the split in the manifest; `scorers` names the models of score columns,
            `recipe` is what decides the pixels, `captions` is the source of the prompts, and `generator`
            is the record of the loaded generator.
        part: Which side of the comparison it is.
        view: The view it is seen through.
    """
    described = recipe if isinstance(recipe, Mapping) else {}
    uses = [
        use
        for name in ("recipe", "captions", "generator")
        for use in _list_pixel_uses(described.get(name), part, where=name)
    ]
    for one in () if view is None else list_parts(view):
        if isinstance(one, ThresholdView):
            uses += _list_filter_uses(described.get("scorers"), part, one)
    # A recipe and its generator may both describe the same CLIP.
    return tuple(dict.fromkeys(uses))


def is_same_clip(use: ClipUse, clip: ClipRecord) -> bool:
    """Whether a CLIP in use is the one that measures: by its weights, by its name where those are unknown.

    Example:
        >>> use = ClipUse(part="split", role="filter", spec="open_clip:a", weights_sha256="0" * 64, detail="")
        >>> clip = ClipRecord.model_construct(spec="open_clip:b", requested="b", weights_sha256="0" * 64)
        >>> is_same_clip(use, clip)  # the same weights under another name
        True
    """
    # Weights before names: one set of weights has several names, and a name can be given other weights.
    if use.weights_sha256 is not None:
        return use.weights_sha256 == clip.weights_sha256
    return use.spec is not None and use.spec in (clip.spec, clip.requested)


def format_use(use: ClipUse, ref: str, clip: ClipRecord) -> str:
    """What follows where the measuring CLIP influenced the images, in one sentence."""
    if use.role == "filter":
        return (
            f"'{ref}' was filtered by {clip.spec} ({use.detail}): its images cannot be far by that CLIP. "
            "Read another one."
        )
    return (
        f"'{ref}' was made to be far by {clip.spec} ({use.detail}): its distance by that CLIP shows the "
        "objective at work. Read another one."
    )


def _list_filter_uses(
    scorers: JsonValue, part: Literal["split", "reference"], view: ThresholdView
) -> Iterator[ClipUse]:
    name = view.column.partition(".")[2]
    detail = f"{view.column} of at least {view.minimum:g}"
    scorer = scorers.get(name) if isinstance(scorers, Mapping) else None
    found = None if not isinstance(scorer, Mapping) else _read_clip(scorer)
    if found is not None:
        yield ClipUse(part=part, role="filter", spec=found[0], weights_sha256=found[1], detail=detail)
    # By the name of the column a CLIP scored it, and the release does not name that CLIP.
    elif view.column.startswith(_CLIP_COLUMN) and scorer is None:
        yield ClipUse(part=part, role="filter", spec=None, weights_sha256=None, detail=detail)


def _list_pixel_uses(value: JsonValue, part: Literal["split", "reference"], where: str) -> Iterator[ClipUse]:
    if isinstance(value, Mapping):
        if (found := _read_clip(value)) is not None:
            yield ClipUse(part=part, role="recipe", spec=found[0], weights_sha256=found[1], detail=where)
        for key, item in value.items():
            yield from _list_pixel_uses(item, part, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _list_pixel_uses(item, part, where)


def _read_clip(table: Mapping[str, JsonValue]) -> tuple[str, str | None] | None:
    """Spec and weights hash of a table that describes a CLIP; None for any other table."""
    # A recipe names its CLIP as `model`; the record of a loaded one (`ClipRecord`) names it as `spec`.
    for name in _NAMES:
        spec, weights = table.get(name), table.get("weights_sha256")
        if isinstance(spec, str) and spec.startswith("open_clip:"):
            known = (
                isinstance(weights, str) and len(weights) == 64 and set(weights) <= set("0123456789abcdef")
            )
            return spec, str(weights) if known else None
    return None
