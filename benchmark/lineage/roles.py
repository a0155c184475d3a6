"""Whether the judged model is one of those that made or chose the images: by weights, never by name alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache as remember
from importlib.resources import files
from typing import Literal

from imagenet_g.benchmark.formats.flags import ContaminationFlag
from imagenet_g.benchmark.lineage.families import find_family
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import (
    FileModel,
    ModelRecord,
    OriginModel,
    Sha256,
    SplitOrigin,
)

_FAVOURS = {
    "filter": "images that it finds unlike their class are left out, which favours it over other models",
    "reward": "images were made so that it finds them far from their class, which works against it and not "
    "against other models",
    "text-encoder": "images follow its understanding of the class, which may favour it over other models",
    "image-encoder": "images show what it makes of the real ones, which may favour it over other models",
}
_ACTS = {
    "filter": "the filter of this view ({detail})",
    "reward": "the CLIP that the images were made to be far by ({detail})",
    "text-encoder": "what the generator reads its prompts with ({detail} of {spec})",
    "image-encoder": "what the generator sees its source images with ({detail} of {spec})",
}


class KnownEncoder(FileModel):
    """What `data/known_encoders.toml` holds of an encoder of a generator; the file explains the keys."""

    file: Sha256
    tower: Sha256
    source: str


class KnownClip(FileModel):
    """What it holds of a CLIP."""

    weights: Sha256
    text: Sha256
    image: Sha256
    source: str


class KnownEncoders(FileModel):
    """The whole table."""

    encoder: tuple[KnownEncoder, ...]
    clip: tuple[KnownClip, ...]


def read_known_encoders() -> str:
    """The text of the table."""
    return (files("imagenet_g.benchmark.data") / "known_encoders.toml").read_text(encoding="utf-8")


@remember
def load_known_encoders() -> KnownEncoders:
    """The whole table."""
    return KnownEncoders.model_validate(tomllib.loads(read_known_encoders()))


def list_role_flags(model: ModelRecord, origin: SplitOrigin, view: str | None) -> Iterator[ContaminationFlag]:
    """A flag for each part that the judged model has, or may have, in the images.

    Args:
        model: The judged model.
        origin: Of the split.
        view: The view that is scored; a filter has no part in any other.
    """
    for part in origin.models:
        if part.role == "filter" and part.view != view:
            continue
        same = is_same_weights(model, part, origin)
        if same is not False:
            act = _ACTS[part.role].format(detail=part.detail, spec=part.spec)
            yield ContaminationFlag(
                kind=f"is-{part.role}",
                reason=f"the model is {act}: {_FAVOURS[part.role]}."
                if same
                else f"whether the model is {act} is unknown: the release does not record its weights. If it "
                f"is, {_FAVOURS[part.role]}.",
                known=same is True,
            )


def is_same_weights(model: ModelRecord, part: OriginModel, origin: SplitOrigin) -> bool | None:
    """Whether two are of the same weights; None where that is not recorded.

    Args:
        model: The judged model.
        part: A model that had a part in the images.
        origin: Of the split; its generators' families say which CLIPs they read with.
    """
    if part.role in ("text-encoder", "image-encoder"):
        return _is_same_tower(model, part, origin)
    if part.weights_sha256 is not None:
        return part.weights_sha256 == model.weights_sha256
    return None if _is_comparable(model, part.spec) else False


def _is_same_tower(model: ModelRecord, part: OriginModel, origin: SplitOrigin) -> bool | None:
    # A model that reads no text cannot be what a prompt is read with.
    if model.zero_shot is None:
        return False
    side: Literal["text", "image"] = "text" if part.role == "text-encoder" else "image"
    theirs, ours = _find_tower(part), _find_own_tower(model, side)
    if theirs is not None and ours is not None:
        return theirs == ours
    # By the documents of a family a published name is excluded; none is included, for want of hashes.
    named = _list_documented(origin, side)
    return False if named and _is_published(model.spec) and model.spec not in named else None


def _find_tower(part: OriginModel) -> str | None:
    known = (row.tower for row in load_known_encoders().encoder if row.file == part.file_sha256)
    return part.tower_sha256 or next(known, None)


def _find_own_tower(model: ModelRecord, side: Literal["text", "image"]) -> str | None:
    if model.towers is not None:
        return model.towers.get(side)
    rows = (row for row in load_known_encoders().clip if row.weights == model.weights_sha256)
    return next((row.text if side == "text" else row.image for row in rows), None)


def _list_documented(origin: SplitOrigin, side: Literal["text", "image"]) -> list[str]:
    families = [family for name in origin.generators or () if (family := find_family(name))]
    encoders = [one.text_encoders if side == "text" else one.image_encoders for one in families]
    return [name for names in encoders for name in names]


def _is_published(spec: str) -> bool:
    """Whether a spec names weights that open_clip lists, and none of the user's own."""
    name = spec.removeprefix("open_clip:")
    return name != spec and "/" in name and ":" not in name and not spec.endswith(OWN_WEIGHTS)


def _is_comparable(model: ModelRecord, spec: str) -> bool:
    """Whether the judged model can be what a release names: it is of the same library, or of any.

    A column of scores has no library.
    """
    scheme, _, name = spec.partition(":")
    ours = model.spec.partition(":")[0]
    return ours in (scheme, "python") or (not name and model.zero_shot is not None)
