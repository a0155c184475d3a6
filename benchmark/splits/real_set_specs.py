"""What is known of the real sets, from `data/real_sets.toml`, and how each one spells its classes."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from imagenet_g.benchmark.classes import NUM_CLASSES, load_index_by_wnid, load_objectnet_labels
from imagenet_g.benchmark.records import Count, FileModel, Outputs

LabelKind = Literal["wnid", "index", "objectnet"]


class HubSpec(FileModel):
    """Where a set lies on the Hub, and in what form."""

    repo: str
    format: Literal["parquet", "tar", "tar.gz", "zip"]
    files: tuple[str, ...]
    """Patterns of the files that are needed."""
    label: LabelKind
    image_column: str = ""
    label_column: str = ""
    gated: bool


class RealSetSpec(FileModel):
    """One real set."""

    name: str
    title: str
    num_images: Count
    class_set: str
    outputs: Outputs
    label: LabelKind
    """How the class folders of a local copy are named."""
    inner: tuple[str, ...]
    inner_required: bool = False
    border_px: Count = 0
    precropped: bool = False
    license: str
    source: str
    notice: str = ""
    local_hint: str
    aliases: dict[str, str] = Field(default_factory=dict)
    """More spellings of ObjectNet's class names."""
    hub: HubSpec

    @property
    def hint(self) -> str:
        """What to do to have a local copy."""
        name = self.name.split("/")[0] if self.inner_required else self.name
        return f"Use a local copy with --data {name}=PATH: {self.local_hint}"


@cache
def load_real_set_specs() -> dict[str, RealSetSpec]:
    """All sets by name; "imagenet-c" stands for its 95 parts. Do not mutate."""
    text = (files("imagenet_g.benchmark.data") / "real_sets.toml").read_text(encoding="utf-8")
    specs = (RealSetSpec.model_validate(table) for table in tomllib.loads(text)["set"])
    return {spec.name: spec for spec in specs}


def find_real_set(base: str) -> RealSetSpec:
    """The spec of a real set by its parsed reference, such as "imagenet-r" or "imagenet-c/fog/3".

    Example:
        >>> find_real_set("imagenet-c/fog/3").title
        'ImageNet-C fog, severity 3'
    """
    specs = load_real_set_specs()
    if base in specs:
        return specs[base]
    family, corruption, severity = base.split("/")
    spec = specs[family]
    values = {"corruption": corruption, "severity": severity}
    repo = spec.hub.repo.format(**values)
    return spec.model_copy(
        update={
            "name": base,
            "title": f"{spec.title} {corruption}, severity {severity}",
            "inner": tuple(inner.format(**values) for inner in spec.inner),
            "hub": spec.hub.model_copy(update={"repo": repo}),
        }
    )


def parse_label(spec: RealSetSpec, kind: LabelKind, text: str) -> tuple[int, ...] | None:
    """Class indices that a class name stands for, or None when it stands for none of the 1000.

    Example:
        >>> parse_label(find_real_set("imagenet-v2"), "index", "207")
        (207,)
        >>> parse_label(find_real_set("imagenet-v2"), "index", "n01440764") is None
        True
    """
    match kind:
        case "wnid":
            index = load_index_by_wnid().get(text)
            return None if index is None else (index,)
        case "index":
            # As a number: sorted as text, "10" comes before "2", and every label would be wrong.
            return (int(text),) if text.isascii() and text.isdecimal() and int(text) < NUM_CLASSES else None
        case "objectnet":
            aliases = {_simplify(alias): name for alias, name in spec.aliases.items()}
            key = _simplify(aliases.get(_simplify(text), text))
            return _load_objectnet_by_key().get(key)


@cache
def _load_objectnet_by_key() -> dict[str, tuple[int, ...]]:
    return {_simplify(name): indices for name, indices in load_objectnet_labels().items()}


def _simplify(name: str) -> str:
    """`Coffee/French press` and `coffee_french_press` are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
