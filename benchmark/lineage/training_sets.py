"""Well-known training sets: until when their pictures can be from, and which published weights saw them."""

from __future__ import annotations

import tomllib
from datetime import date
from fnmatch import fnmatchcase
from functools import cache as remember
from importlib.resources import files

from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import FileModel

JOINT = " + "
"""Between the names of sets that a model was trained on one after the other."""


class TrainingSetSpec(FileModel):
    """A row of `data/training_sets.toml`, which explains the keys."""

    name: str
    until: date | None = None
    source: str
    crawled: bool = False
    cleaned_of: tuple[str, ...] = ()
    open_clip: tuple[str, ...] = ()
    timm: tuple[str, ...] = ()


class UnknownTag(FileModel):
    """A tag of open_clip whose training set is not known, and why."""

    tag: str
    reason: str


class TrainingSets(FileModel):
    """The whole table."""

    set: tuple[TrainingSetSpec, ...]
    unknown: tuple[UnknownTag, ...]


def read_training_sets() -> str:
    """The text of the table."""
    return (files("imagenet_g.benchmark.data") / "training_sets.toml").read_text(encoding="utf-8")


@remember
def load_table() -> TrainingSets:
    """The whole table."""
    return TrainingSets.model_validate(tomllib.loads(read_training_sets()))


@remember
def load_training_sets() -> dict[str, TrainingSetSpec]:
    """Known training sets by name. Do not mutate."""
    return {spec.name: spec for spec in load_table().set}


def find_training_sets(name: str | None) -> tuple[TrainingSetSpec, ...]:
    """The known sets of a training; several names stand with " + " between them.

    Example:
        >>> [spec.name for spec in find_training_sets("LAION-2B + imagenet-1k + my own")]
        ['laion-2b', 'imagenet-1k']
    """
    known = load_training_sets()
    text = (name or "").lower()
    if text in known:
        return (known[text],)
    return tuple(known[part] for part in text.split(JOINT) if part in known)


def find_last_day(name: str | None) -> date | None:
    """The last day of the training data; None where it is unknown for one of the sets.

    Example:
        >>> str(find_last_day("laion-2b + imagenet-1k")), find_last_day("laion-2b + my own")
        ('2022-03-31', None)
    """
    found = find_training_sets(name)
    days = [spec.until for spec in found if spec.until is not None]
    whole = (name or "").lower() in load_training_sets()
    complete = whole or len(found) == len((name or "").split(JOINT))
    return max(days) if complete and days and len(days) == len(found) else None


def find_tag_set(tag: str) -> TrainingSetSpec | None:
    """The training set of a pretrained tag of open_clip; None where it is unknown.

    The longest pattern that fits counts: `datacomp_s34b_*` before `datacomp_s_*`.

    Example:
        >>> [find_tag_set(tag).name for tag in ("laion2b_s34b_b79k", "datacomp_s34b_b86k", "openai")]
        ['laion-2b', 'datacomp-1b', 'openai']
        >>> find_tag_set("mrl") is None
        True
    """
    fitting = [
        (len(pattern), spec)
        for spec in load_table().set
        for pattern in spec.open_clip
        if fnmatchcase(tag, pattern)
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def find_published_data(spec: str) -> str | None:
    """What published weights were trained on, by their name; None where it does not say.

    Args:
        spec: A resolved model spec; one with weights of the user's own is unknown.

    Example:
        >>> find_published_data("open_clip:ViT-B-32/laion2b_s34b_b79k")
        'laion-2b'
        >>> find_published_data("timm:vit_base_patch16_clip_224.laion2b_ft_in1k")
        'laion-2b + imagenet-1k'
        >>> find_published_data("open_clip:ViT-B-32/laion2b_s34b_b79k+checkpoint") is None
        True
    """
    scheme, _, name = spec.partition(":")
    # A folder or a repository of the user's has a name that promises nothing.
    if spec.endswith(OWN_WEIGHTS) or ":" in name:
        return None
    if scheme == "open_clip":
        found = find_tag_set(name.rpartition("/")[2])
        return None if found is None else found.name
    return _find_timm_data(name.partition(".")[2].split("_")) if scheme == "timm" else None


def _find_timm_data(words: list[str]) -> str | None:
    named = [spec.name for word in words for spec in load_table().set if word in spec.timm]
    # `in12k` and the like are sets of which no date is known here: then nothing is said of the whole.
    tuned = [word for word in words if word.startswith("in") and word[2:3].isdigit()]
    if not named or any(word != "in1k" for word in tuned):
        return None
    return JOINT.join([*named, *("imagenet-1k" for _ in tuned)])
