"""Adoption specs: what a published set is, how it is laid out, and how to get it.

A spec is data: `generation/data/adoption/NAME.toml`, or the user's own file. None of it is trusted: paths
stay inside the source, and texts are bounded and have no control characters.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.records import Count, FileModel
from imagenet_g.benchmark.shipped_specs import find_shipped_spec, list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.splits.real_set_specs import InnerPath, Name, Text
from imagenet_g.generation.adopting.class_files import load_class_map
from imagenet_g.generation.adopting.classes import BUILT_IN_ORDERS, ClassOrder, ReadClasses, read_classes
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.paths import PathTemplate

_FOLDER = files("imagenet_g.generation.data") / "adoption"
ANY_SPLIT = "*"
_MAX_TEXT = 4000
# A citation has lines; other control characters would reach the user's terminal as commands.
LongText = Annotated[str, Field(max_length=_MAX_TEXT, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")]


class AdoptedSplitSpec(FileModel):
    """One set of images that becomes a split: a table `[[split]]`."""

    name: Annotated[str, Field(max_length=80, pattern=r"^(\*|[a-z0-9][a-z0-9._-]*)$")]
    """The split's name; "*" for any, which then stands for `{split}` in the path."""
    path: InnerPath
    """Template of the images' paths, see `paths.PathTemplate`."""
    generator: Text = ""
    """What drew the images: a repository where there is one. Empty: unknown."""
    num_images: Count | None = None
    """Images of a whole copy; absent: unknown."""
    class_set: Name | None = None
    """Classes of a whole copy: "all", or a registered class set; absent: unknown."""

    @model_validator(mode="after")
    def _validate_path(self) -> Self:
        if (self.name == ANY_SPLIT) != ("{split}" in self.path):
            raise ValueError('the name "*" and {split} in the path go together')
        PathTemplate(self.path.replace("{split}", "x"))
        return self


class AdoptionSpec(FileModel):
    """A published set of images. TOML has no null, so what may be unknown has a default."""

    name: Name
    title: Text
    version: Name
    """What its release is called where the user does not say."""
    paper: Text
    home: Text
    license: Text = "unknown"
    """SPDX expression of the images' licence."""
    citation: LongText
    get: LongText
    """How to get the files: full sentences."""
    checked: LongText
    """What was read to write this spec, and what could not be checked."""
    notice: Text = ""
    """What a reader must consider before quoting a number."""
    classes: Literal["wnid", "name", "number", "map"]
    """What names the classes in a path."""
    order: Literal["", "sorted", "sorted-from-1"] = ""
    """What class numbers mean."""
    class_map: Name | None = None
    """File NAME.csv beside the spec, with the lines name,wnid; a name with several lines has several right
    answers, the first of which is its label."""
    strength_divisor: Annotated[float, Field(gt=0)] = 1.0
    """By what a strength in a path is divided."""
    leave_out_unreadable: bool = False
    """Whether the published files are known to hold damaged images."""
    md5: dict[Text, Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]] = Field(default_factory=dict)
    """md5 of the published files, where their authors state them."""
    split: Annotated[tuple[AdoptedSplitSpec, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _validate_classes(self) -> Self:
        if (self.classes == "number") != bool(self.order) or (self.classes == "map") != bool(self.class_map):
            raise ValueError('classes "number" needs order, "map" needs class_map, and others have neither')
        return self

    def find_split(self, name: str) -> AdoptedSplitSpec:
        """The split of a name, with `{split}` filled in.

        Raises:
            UnknownNameError: The set has no such split.
        """
        known = {split.name: split for split in self.split}
        if name in known and name != ANY_SPLIT:
            return known[name]
        if ANY_SPLIT not in known:
            raise UnknownNameError("split", name, known, where=f"of adoption spec '{self.name}'")
        chosen = known[ANY_SPLIT]
        return chosen.model_copy(update={"name": name, "path": chosen.path.replace("{split}", name)})


class FoundSpec(FileModel):
    """A spec, and where its class map is."""

    spec: AdoptionSpec
    folder: Path

    def read_classes(self, listing: Listing) -> ReadClasses:
        """The classes of a listing, as the spec says.

        Raises:
            InputError: A word is no class.
        """
        spec = self.spec
        if spec.classes == "map":
            return read_classes(listing.tokens, mapped=load_class_map(self.folder / f"{spec.class_map}.csv"))
        order: ClassOrder | None = BUILT_IN_ORDERS[spec.order] if spec.order else None
        return read_classes(listing.tokens, kind=spec.classes, order=order)


def find_spec(name_or_path: str) -> FoundSpec:
    """A shipped spec, or the user's own file.

    Raises:
        UnknownNameError: No spec of that name ships.
        InputError: The file cannot be read or breaks the contract.
    """
    spec = load_shipped_spec(AdoptionSpec, name_or_path, _FOLDER, kind="adoption spec")
    return FoundSpec(spec=spec, folder=find_shipped_spec(name_or_path, _FOLDER, kind="adoption spec").parent)


def list_specs() -> list[AdoptionSpec]:
    """The shipped specs, by name."""
    return [find_spec(name).spec for name in list_shipped_names(_FOLDER)]


def validate_md5(spec: AdoptionSpec, source: Path) -> None:
    """Compare a published file with what its authors state; other files are not compared.

    Raises:
        DataError: It is damaged.
    """
    wanted = spec.md5.get(source.name)
    if wanted is None or not source.is_file():
        return
    with source.open("rb") as stream:
        # Not for security: it is what the authors state.
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != wanted:
        raise DataError(f"'{source}' has md5 {found}, its authors state {wanted}; fetch it again.")
