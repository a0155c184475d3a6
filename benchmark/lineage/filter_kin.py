"""What a model has in common with the CLIP that filtered a split: its weights, a tower, its training data.

A filter keeps the images that it recognises, so a model that resembles it is favoured on what is left, and is
no independent judge of it. Weights decide where they are recorded; a shared training set makes kin. Sharing
the training set of the benchmark itself (ImageNet-1k) does not, as most classifiers do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal, TypeAlias

from imagenet_g.benchmark.lineage.roles import is_same_weights, load_known_encoders
from imagenet_g.benchmark.lineage.training_sets import JOINT, find_published_data
from imagenet_g.benchmark.records import FileModel, ModelRecord, OriginModel, SplitOrigin

FilterRelation: TypeAlias = Literal["is-filter", "kin", "unknown", "other"]
_COMMON_SET = "imagenet-1k"
_PACKAGED = ":packaged:"
CLASS_SCORES = ("clip_score", "label_probability", "label_margin", "label_rank")
"""Scores of how well a model recognises the class of an image."""
OTHER_SCORES = ("safe_probability", "grey_range", "lightest", "darkest")
"""Scores in which the class has no part, such as safety: a filter by one favours no model's recognition."""


class FilterKinship(FileModel):
    """How a model is related to the filters of a split."""

    relation: FilterRelation
    """"is-filter": the same weights. "kin": a tower or a training set in common. "unknown": the release does
    not record enough to decide. "other": other weights, and nothing in common that is known."""
    reason: str


def find_filter_kinship(
    model: ModelRecord, origin: SplitOrigin | None, *, known: Sequence[ModelRecord] = ()
) -> FilterKinship:
    """The closest relation of a model to any filter of a split, whichever view that filter makes.

    Args:
        model: With what is recorded and declared of its training.
        origin: Of the split, unfiltered or not: it names the filters of all of its views.
        known: Records of other models. Where one of them is the filter, its training data are read there.
    """
    if origin is None:
        return FilterKinship(
            relation="unknown", reason="nothing is recorded of how the images were made and chosen"
        )
    filters = [part for part in origin.models if part.role == "filter" and not _is_about_other(part)]
    if not filters:
        return FilterKinship(relation="other", reason="the release names no filter by class")
    found = [_compare(model, part, origin, known) for part in filters]
    order: tuple[FilterRelation, ...] = ("is-filter", "kin", "unknown", "other")
    return min(found, key=lambda one: order.index(one.relation))


def _compare(
    model: ModelRecord, part: OriginModel, origin: SplitOrigin, known: Sequence[ModelRecord]
) -> FilterKinship:
    same = is_same_weights(model, part, origin)
    if same:
        reason = f"it is the filter, {part.spec} ({part.detail})"
        return FilterKinship(relation="is-filter", reason=reason)
    if tower := _find_shared_tower(model, part):
        return FilterKinship(relation="kin", reason=f"it has the {tower} side of the filter, {part.spec}")
    if shared := sorted(_list_sets(model) & _list_filter_sets(part, known)):
        reason = f"it was trained on data of the filter, {part.spec}: {', '.join(shared)}"
        return FilterKinship(relation="kin", reason=reason)
    if same is None:
        reason = f"the release does not record the weights of its filter, {part.spec}"
        return FilterKinship(relation="unknown", reason=reason)
    reason = f"other weights than the filter, {part.spec}, and no training set in common that is known"
    return FilterKinship(relation="other", reason=reason)


def _is_about_other(part: OriginModel) -> bool:
    # Of a filter, the detail begins with the column of the score.
    return part.detail.partition(".")[0] in OTHER_SCORES


def _find_shared_tower(model: ModelRecord, part: OriginModel) -> str | None:
    row = next((one for one in load_known_encoders().clip if one.weights == part.weights_sha256), None)
    if row is None or model.towers is None:
        return None
    sides = {"image": row.image, "text": row.text}
    return next((side for side, tower in sides.items() if tower in model.towers.values()), None)


def _list_sets(model: ModelRecord) -> set[str]:
    return _split_sets(model.training_data) | _split_sets(find_published_data(model.spec))


def _list_filter_sets(part: OriginModel, known: Sequence[ModelRecord]) -> set[str]:
    named = _split_sets(find_published_data(part.spec)) | _list_packaged_sets(part.spec)
    return named.union(
        *(_list_sets(one) for one in known if part.weights_sha256 in (one.weights_sha256,)),
    )


def _list_packaged_sets(spec: str) -> set[str]:
    """What a shipped model was trained on, from its own record; empty for any other."""
    name, folder = spec.partition(_PACKAGED)[2], files("imagenet_g.benchmark.data") / "models"
    # A name from a release: only one that ships is looked up, and no path is made of any other.
    known = {entry.name for entry in folder.iterdir()} if name and folder.is_dir() else set()
    if name not in known or not (record := folder / name / "training.json").is_file():
        return set()
    stages = json.loads(record.read_text(encoding="utf-8"))["stages"]
    return set().union(*(_split_sets(stage["data"]["ref"]) for stage in stages))


def _split_sets(text: str | None) -> set[str]:
    names = {name.strip().lower() for name in (text or "").split(JOINT)}
    return names - {"", _COMMON_SET}
