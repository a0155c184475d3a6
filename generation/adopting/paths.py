"""Where in an image's path its class stands: templates such as `val/ai/{class}_adm_*`.

A template is no regular expression: it comes from a file that may be anyone's, and every part of it is
bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.images.archives import Member, read_member
from imagenet_g.benchmark.images.file_names import OtherFiles
from imagenet_g.generation.adopting.listing import MAX_SHOWN, Listing
from imagenet_g.generation.adopting.places import split_path

FIELDS = {"class": r"[^/]+?", "strength": r"[0-9]{1,12}(?:\.[0-9]{1,12})?", "series": r"[^/]+?"}
"""What a template may take from a path: the class, how strong the shift is, and which scene it is of."""
_WORD = re.compile(r"\{([a-z]+)\}|\*")
# With more of them in one name, a name of 255 characters could be tried in too many ways.
_MAX_WILD = 3
_MAX_PARTS, _MAX_LENGTH = 16, 300


class Match(NamedTuple):
    """What a path says: the folders in front of the template's own, and the fields."""

    place: str
    fields: dict[str, str]


class PathTemplate:
    """A template of the last parts of a path; any folders may lie in front of them.

    Args:
        text: Parts with `/` between them. `*` stands for any characters of one part, `{class}`, `{strength}`
            and `{series}` for what is taken from it.

    Raises:
        InputError: It has no `{class}`, an unknown field, or is too long.

    Example:
        >>> ladder = PathTemplate("{class}_*/seed_{series}_scale_{strength}.*")
        >>> ladder.match("snow/022_eagle/seed_3_scale_500.jpg")
        Match(place='snow', fields={'class': '022', 'series': '3', 'strength': '500'})
        >>> PathTemplate("val/{class}/*").match("train/n01440764/a.png") is None
        True
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts = split_path(text)
        found = [field for field, *_ in (match.groups() for match in _WORD.finditer(text)) if field]
        if found.count("class") != 1 or len(set(found)) != len(found) or not set(found) <= FIELDS.keys():
            raise InputError(
                f"Malformed path template '{shorten(text)}'. It needs {{class}} once, and may have "
                f"{{strength}}, "
                "{series} and * beside it, such as 'val/{class}/*'."
            )
        if len(parts) > _MAX_PARTS or len(text) > _MAX_LENGTH or ".." in parts:
            raise InputError(f"Path template '{shorten(text)}' is too long, or leads upwards.")
        self._parts = [_compile_part(part) for part in parts]

    def match(self, name: str) -> Match | None:
        """The fields of a path; None where the path is another one."""
        parts = split_path(name)
        own = parts[-len(self._parts) :]
        if len(own) < len(self._parts):
            return None
        fields: dict[str, str] = {}
        for pattern, part in zip(self._parts, own, strict=True):
            # One part at a time, so that the ways to match stay few however long the path is.
            found = pattern.fullmatch(part)
            if found is None:
                return None
            fields |= found.groupdict()
        return Match("/".join(parts[: -len(self._parts)]), fields)


def list_by_path(
    members: Sequence[Member], others: OtherFiles, template: PathTemplate, *, strength_divisor: float = 1.0
) -> Listing:
    """The images whose path is as the template says; the others are counted.

    Args:
        members: Images, in order of their names.
        others: The files beside them.
        template: Where the class stands, and the strength and the series if there are any.
        strength_divisor: By what a strength in a path is divided, such as 1000 where 1500 means 1.5.

    Raises:
        InputError: No image lies so, or they lie in several places.
    """
    found = [(member, match) for member in members if (match := template.match(member.name)) is not None]
    if not found:
        raise InputError(
            f"No image lies as '{template.text}' says; the first of {len(members)} is "
            f"'{shorten(members[0].name)}'. Give the folder that this path begins in, or one above it."
        )
    places = list(dict.fromkeys(match.place for _, match in found))
    if len(places) > 1:
        shown = ", ".join(f"'{shorten(place or '.')}'" for place in places[:MAX_SHOWN])
        raise InputError(
            f"'{template.text}' is in {len(places)} places: "
            f"{shown}{', ...' if len(places) > MAX_SHOWN else ''}. "
            "Choose one with --inside FOLDER."
        )
    images = [member for member, _ in found]
    fields = [match.fields for _, match in found]
    return Listing(
        names=tuple(member.name for member in images),
        tokens=tuple(one["class"] for one in fields),
        read=lambda row: read_member(images[row]),
        layout="path",
        left_out=_count_elsewhere(members, images, others),
        strengths=_read_strengths(fields, strength_divisor),
        series=tuple(one["series"] for one in fields) if "series" in fields[0] else None,
    )


def _compile_part(part: str) -> re.Pattern[str]:
    pattern, start, wild = "", 0, 0
    for match in _WORD.finditer(part):
        name = match.group(1)
        pattern += re.escape(part[start : match.start()])
        pattern += "[^/]*?" if name is None else f"(?P<{name}>{FIELDS[name]})"
        start, wild = match.end(), wild + 1
    if wild > _MAX_WILD:
        raise InputError(
            f"'{shorten(part)}' has more than {_MAX_WILD} of *, {{class}}, {{strength}}, {{series}}."
        )
    return re.compile(pattern + re.escape(part[start:]))


def _read_strengths(fields: Sequence[dict[str, str]], divisor: float) -> tuple[float, ...] | None:
    if "strength" not in fields[0]:
        return None
    if not (math.isfinite(divisor) and divisor > 0):
        raise InputError(f"A strength cannot be divided by {divisor}; give a number above 0.")
    # Divided and not multiplied by 0.001, so that 700 is 0.7 and no number beside it.
    return tuple(float(one["strength"]) / divisor for one in fields)


def _count_elsewhere(members: Sequence[Member], images: Sequence[Member], others: OtherFiles) -> OtherFiles:
    taken = {member.name for member in images}
    elsewhere = [member.name for member in members if member.name not in taken]
    if not elsewhere:
        return others
    return OtherFiles((*others.kinds, ("image of another part", len(elsewhere), elsewhere[0])))
