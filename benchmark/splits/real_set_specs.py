"""What the table of a real set may hold: the schema of `data/real_sets.toml` and of a user's own file.

A table is untrusted data, so that every text in it is bounded, every path stays inside its folder, and
placeholders are replaced as text, never by `str.format`, which would reach into attributes.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from imagenet_g.benchmark.records import Count, FileModel, Outputs

LabelKind = Literal["wnid", "index", "names"]
HubFormat = Literal["parquet", "tar", "tar.gz", "zip", "folders"]
NAME_PATTERN = r"[a-z0-9][a-z0-9._-]*"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MAX_PARTS = 1000


def _validate_inside(text: str) -> str:
    # A backslash separates folders on Windows, and a colon ends the name of a drive.
    if text.startswith(("/", "~")) or "\\" in text or ":" in text or ".." in text.split("/"):
        raise ValueError(f"'{text}' must be a path inside the set, with forward slashes and no '..'")
    return text


# Control characters in a title or notice would reach the user's terminal as commands.
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Name = Annotated[str, Field(max_length=80, pattern=rf"^{NAME_PATTERN}$")]
SetName = Annotated[str, Field(max_length=160, pattern=rf"^{NAME_PATTERN}(/{NAME_PATTERN})*$")]
InnerPath = Annotated[Text, AfterValidator(_validate_inside)]
Repo = Annotated[str, Field(max_length=200, pattern=r"^[\w{][\w.{}-]*/[\w{][\w.{}-]*$")]


class PartSpec(FileModel):
    """One level of a set's parts, such as "corruption" or "severity"."""

    name: Annotated[str, Field(max_length=40, pattern=r"^[a-z]+$")]
    """What a level is called: in messages, and as the placeholder `{name}` in paths."""
    values: Annotated[tuple[Name, ...], Field(min_length=1)]
    """All parts of this level, as they stand in references and in place of `{name}`."""


class HubSpec(FileModel):
    """Where a set lies on the Hub, and in what form: the table `[set.hub]`.

    What is written here is not trusted: columns are checked when the files are read.
    """

    repo: Repo
    """Dataset repository, `ORG/NAME`; may hold placeholders of parts."""
    format: HubFormat
    """"parquet", "tar" (webdataset), "tar.gz" or "zip" (archives of class folders), or "folders"."""
    files: Annotated[tuple[InnerPath, ...], Field(min_length=1)]
    """Patterns of the files that are needed; may hold placeholders of parts."""
    label: LabelKind
    """How class folders, class files or the label column name a class; values as for the set's own key."""
    image_column: Text = ""
    """Column of encoded images, for parquet alone."""
    label_column: Text = ""
    """Column of labels, for parquet alone. Of a ClassLabel the names are used, not the numbers; a list holds
    several right answers."""
    gated: bool
    """Whether users must accept terms on the Hub first, for the message where access is refused."""

    @model_validator(mode="after")
    def _validate_columns(self) -> Self:
        if self.format == "parquet" and not (self.image_column and self.label_column):
            raise ValueError("parquet needs image_column and label_column")
        return self


class RealSetSpec(FileModel):
    """One real set: a table `[[set]]`.

    TOML has no null, so what may be unknown or absent has a default here.
    """

    name: SetName
    """How references name it, such as "imagenet-r" or "imagenet-v2/top-images"."""
    title: Text
    """How people name it, for listings."""
    num_images: Count | None = None
    """Images of a whole copy, of one part where there are parts; absent: unknown."""
    class_set: Name
    """The classes it covers: "all", or NAME of a file `data/class_sets/NAME.txt`. For a user's set also a
    file NAME.txt beside the table. NAME may be the set's own name."""
    every_class: bool = True
    """Whether a whole copy has images of every class of the class set."""
    class_names: Name | None = None
    """The set's own class names: `data/class_names/NAME.csv`, for a user's set NAME.csv beside the table."""
    aliases: dict[Text, Text] = Field(default_factory=dict)
    """More spellings of those names, from spelling to name; case, blanks and signs never count."""
    other_classes: Literal["refused", "left-out"] = "refused"
    """What happens to images of classes that are not among ImageNet's 1000."""
    outputs: Outputs
    """"all": scored over 1000 outputs; "split-classes": over the set's own classes, as its authors do."""
    label: LabelKind
    """How the class folders of a local copy are named: "wnid" (n01440764), "index" (0..999), or "names"
    (those of `class_names`)."""
    inner: tuple[InnerPath, ...] = ()
    """Folders inside a local copy that may hold the class folders; `{level}` stands for a part's value."""
    inner_required: bool = False
    """Whether one of them must be there; needed with parts."""
    parts: tuple[PartSpec, ...] = ()
    """Levels of parts, outermost first; a reference then needs a value of each."""
    border_px: Annotated[int, Field(ge=0, le=100)] = 0
    """Pixels to cut from each side of every image, such as a frame that the authors drew."""
    precropped: bool = False
    """Whether the images are already cropped at 224, so that no model crops them again."""
    license: Text
    """Terms of use, for listings."""
    source: Text
    """The paper or the page that describes the set."""
    notice: Text = ""
    """What a reader must consider before quoting a number; stored with every result. Full sentences."""
    local_hint: Text
    """What a local copy looks like: a full sentence, which ends messages about a copy that does not fit."""
    hub: HubSpec | None = None
    """Absent: no copy on the Hub is known."""

    @model_validator(mode="after")
    def _validate_names(self) -> Self:
        kinds = {self.label} | ({self.hub.label} if self.hub else set())
        if ("names" in kinds) != (self.class_names is not None):
            raise ValueError('label "names" and class_names go together')
        if self.aliases and self.class_names is None:
            raise ValueError("aliases need class_names")
        return self

    @model_validator(mode="after")
    def _validate_parts(self) -> Self:
        levels = [part.name for part in self.parts]
        if len(set(levels)) != len(levels):
            raise ValueError("two levels of parts have one name")
        if (num_parts := math.prod(len(part.values) for part in self.parts)) > _MAX_PARTS:
            raise ValueError(f"{num_parts} parts are more than {_MAX_PARTS}")
        if levels and ("/" in self.name or not (self.inner and self.inner_required)):
            raise ValueError("a set with parts has a name without '/', inner, and inner_required = true")
        hub = () if self.hub is None else tuple(f"{self.hub.repo} {pattern}" for pattern in self.hub.files)
        for text in (*self.inner, *hub):
            # A placeholder that is left out would give two parts the same images.
            if sorted(set(_PLACEHOLDER.findall(text))) != sorted(levels):
                wanted = ", ".join(f"{{{level}}}" for level in levels) or "no placeholder"
                raise ValueError(f"'{text}' must have {wanted}, one for each level of parts")
        return self

    @property
    def family(self) -> str:
        """The part of the name before the first slash; a local copy of the family may hold several sets."""
        return self.name.split("/")[0]

    @property
    def pattern(self) -> str:
        """How the set is referred to, such as "imagenet-c/<corruption>/<severity>"."""
        return "/".join([self.name, *(f"<{part.name}>" for part in self.parts)])

    @property
    def hint(self) -> str:
        """What to do to have a local copy."""
        name = self.family if self.inner_required else self.name
        return f"Use a local copy with --data {name}=PATH. {self.local_hint}"

    def list_references(self) -> Iterator[str]:
        """Every reference the table stands for: one, or one a part."""
        for values in itertools.product(*(part.values for part in self.parts)):
            yield "/".join([self.name, *values])

    def choose_part(self, values: Iterable[str]) -> RealSetSpec:
        """The spec of one part, with its values in place of the placeholders.

        Args:
            values: One valid value for each level of parts; empty for a set without parts.
        """
        chosen = {part.name: value for part, value in zip(self.parts, values, strict=True)}
        if not chosen:
            return self
        words = ", ".join(
            value if len(chosen) == 1 or not value.isdecimal() else f"{level} {value}"
            for level, value in chosen.items()
        )
        update: dict[str, object] = {
            "name": "/".join([self.name, *chosen.values()]),
            "title": f"{self.title} {words}",
            "inner": tuple(fill_placeholders(inner, chosen) for inner in self.inner),
            "parts": (),
        }
        if self.hub is not None:
            files = tuple(fill_placeholders(pattern, chosen) for pattern in self.hub.files)
            repo = fill_placeholders(self.hub.repo, chosen)
            update["hub"] = self.hub.model_copy(update={"repo": repo, "files": files})
        return self.model_copy(update=update)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value, as text.

    Example:
        >>> fill_placeholders("{corruption}/{severity}", {"corruption": "fog", "severity": "3"})
        'fog/3'
    """
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], text)
