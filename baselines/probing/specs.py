"""Data sets of linear probes, as reviewed TOML in `data/probes/`: their files and their parts."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import Count, FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.splits.references import parse_split_ref

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
Parts = Annotated[dict[Part, str], Field(min_length=1)]


class ListLayout(FileModel):
    """Text files that name an image a line."""

    kind: Literal["lists"]
    parts: Parts
    """File of each part, relative to the set's folder."""
    line: str
    """Regular expression of a whole line, with named groups."""
    image: str
    """The image's file, with the groups in braces, such as "images/{id}.jpg"."""
    label: str = "{label}"
    """The image's class, likewise."""

    @model_validator(mode="after")
    def _validate_groups(self) -> Self:
        try:
            groups = re.compile(self.line).groupindex
            # A name in braces that is no group would fail at the first line, behind hours of other sets.
            (self.image + self.label).format(**dict.fromkeys(groups, ""))
        except (re.error, KeyError, IndexError, ValueError) as error:
            raise ValueError(f"line, image and label do not fit together: {error}") from error
        return self


class FlowersLayout(FileModel):
    """Flowers 102 as its authors give it: `setid.mat`, `imagelabels.mat` and a folder `jpg`."""

    kind: Literal["flowers"]


class CarsLayout(FileModel):
    """Cars 196 as its authors gave it: `cars_annos.mat`, where `test` is 1 for an image of the test part."""

    kind: Literal["cars"]


class AnnotationLayout(FileModel):
    """JSON files with lists `images` (id, file_name) and `annotations` (image_id, category_id)."""

    kind: Literal["annotations"]
    parts: Parts


class TarLayout(FileModel):
    """Webdataset tars: an image and a file `.cls` with its class under one name."""

    kind: Literal["webdataset"]
    parts: Parts
    """Pattern of the tars of each part."""


class ClassFolderLayout(FileModel):
    """Folders of classes without a division; so many images of each class are drawn for a part."""

    kind: Literal["class-folders"]
    test_per_class: Annotated[int, Field(ge=1)]
    val_per_class: Annotated[int, Field(ge=0)]
    draw_seed: Count


class DigitsLayout(FileModel):
    """The digits that come with scikit-learn: no folder."""

    kind: Literal["digits"]
    num_train: Annotated[int, Field(ge=1)]
    """The first so many images are learnt from, the others tested."""


class SplitLayout(FileModel):
    """Views of one split of this project: no folder but a local copy of the split, where it has one."""

    kind: Literal["split"]
    parts: Annotated[dict[Part, tuple[str, ...]], Field(min_length=1)]
    """References of each part, such as `VERSION/SPLIT:VIEW`; an image of two parts is refused."""
    without_classes: str | None = None
    """A set of classes to be left out, such as those that the models were trained on."""

    @model_validator(mode="after")
    def _validate_base(self) -> Self:
        bases = {parse_split_ref(ref).base for refs in self.parts.values() for ref in refs}
        # One content hash and one local copy then stand for the whole set.
        if len(bases) != 1:
            raise ValueError(f"parts are views of one split, not of {', '.join(sorted(bases)) or 'none'}")
        return self


Layout = Annotated[
    ListLayout
    | FlowersLayout
    | CarsLayout
    | AnnotationLayout
    | TarLayout
    | ClassFolderLayout
    | DigitsLayout
    | SplitLayout,
    Field(discriminator="kind"),
]


class PlaceSpec(FileModel):
    """One form in which a set comes."""

    folders: Annotated[tuple[str, ...], Field(min_length=1)] = ("",)
    """Where below the named folder its files may lie; "" for there."""
    needs: tuple[str, ...] = ()
    """Files and folders by which the form is known."""
    layout: Layout


class FetchSpec(FileModel):
    """How `--fetch` gets a set."""

    torchvision: str | None = None
    """A class of torchvision.datasets that downloads it."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    hub: str | None = None
    """A data set of the Hub, "owner/name"."""
    patterns: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _validate_kind(self) -> Self:
        if (self.torchvision is None) == (self.hub is None):
            raise ValueError("name exactly one of torchvision and hub")
        return self


class PrintedSizes(FileModel):
    """Numbers of images as a paper prints them."""

    train: Count
    val: Count | None = None
    """TOML has no null: absent where none is printed."""
    test: Count


class ProbeSetSpec(FileModel):
    """A data set of linear probes."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    title: str
    source: str
    """Where sizes, files and division were read."""
    get: str
    """How a person gets the files."""
    num_classes: Annotated[int, Field(ge=2, le=100_000)]
    sizes: PrintedSizes
    metric: Literal["top-1", "mean per class"] = "top-1"
    """Which accuracy the paper prints."""
    fit: Literal["lbfgs", "sgd"] = "lbfgs"
    notice: str | None = None
    """What a reader must know before comparing a number with the paper's."""
    fetch: FetchSpec | None = None
    places: Annotated[tuple[PlaceSpec, ...], Field(min_length=1)]

    def identify(self) -> str:
        """Hash of all that it says."""
        return hash_json(self.model_dump(mode="json"))

    @property
    def needs_folder(self) -> bool:
        """Whether its files must be somewhere."""
        return any(place.layout.kind not in ("digits", "split") for place in self.places)


def _find_folder() -> Traversable:
    return files("imagenet_g.baselines.data") / "probes"


def list_probe_sets() -> tuple[str, ...]:
    """Names of the shipped sets, sorted."""
    return list_shipped_names(_find_folder())


def load_probe_set(name_or_path: str) -> ProbeSetSpec:
    """A shipped set by its name, or one of the user's own from a .toml file.

    Raises:
        UnknownNameError: No set of that name ships.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    return load_shipped_spec(ProbeSetSpec, name_or_path, _find_folder(), kind="probe set")


def parse_places(pairs: list[str], specs: list[ProbeSetSpec]) -> dict[str, Path]:
    """Folders of sets from `NAME=PATH`.

    Raises:
        InputError: A pair is malformed, or names a set that is not probed.
    """
    places = {}
    known = {spec.name for spec in specs}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not (separator and name and path):
            raise InputError(f"Malformed --data '{pair}'. Use NAME=PATH, such as dtd=/data/dtd.")
        if name not in known:
            raise InputError(
                f"--data names '{name}', which is not probed here. Probed: {', '.join(sorted(known))}."
            )
        places[name] = Path(path).expanduser()
    return places
