"""How images are named: `v1/sd-l:clip-filtered`, `imagenet-c/fog/3`, `folder:PATH`.

Parsing needs the grammar and the tables of the real sets, and opens no images; whether a version or its
view exists is checked by the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.real_set_files import RealSet, find_real_set, format_near_sets
from imagenet_g.benchmark.splits.real_set_specs import NAME_PATTERN

_NAME = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class SplitRef:
    """A parsed reference to a set of images.

    Attributes:
        kind: "version" (a split of an ImageNet-G version), "real" (a named real set) or "folder".
        base: The reference without its view: "v1/sd-l", "imagenet-val", "folder:PATH".
        view: Name of a row filter, or None for all rows.
        real_set: The set that a "real" reference names, with the classes of its table; else None.
        near_sets: A question with the sets of similar names, for a message that the version is unknown.
    """

    kind: str
    base: str
    view: str | None
    # Carried along, so that only the parsing needs the place of the tables; the name identifies the set.
    real_set: RealSet | None = field(default=None, compare=False, repr=False)
    near_sets: str = field(default="", compare=False, repr=False)

    @property
    def version(self) -> str | None:
        """The version of a "version" reference, else None."""
        return self.base.split("/")[0] if self.kind == "version" else None

    @property
    def name(self) -> str:
        """Split name inside its version, real set's name, or the folder's path."""
        if self.kind == "version":
            return self.base.split("/", 1)[1]
        return self.base.removeprefix("folder:")

    def __str__(self) -> str:
        return self.base if self.view is None else f"{self.base}:{self.view}"


def parse_split_ref(text: str, sets: Mapping[str, RealSet] | None = None) -> SplitRef:
    """Parse `<version>/<split>[:<view>]`, a real set's name `[:<view>]`, or `folder:PATH[:<view>]`.

    Whether there is such a view is known once the images are open: a set can be given views of a release.

    Args:
        text: The reference.
        sets: Known real sets by name, see `real_set_files.load_sets`; None for the shipped ones.

    Raises:
        InputError: The text has none of these forms.
        UnknownNameError: It starts like a real set but is not one of them.

    Example:
        >>> parse_split_ref("v1/sd-l:clip-filtered")
        SplitRef(kind='version', base='v1/sd-l', view='clip-filtered')
        >>> parse_split_ref("imagenet-c/fog/3").kind, parse_split_ref("folder:/data/my images").name
        ('real', '/data/my images')
    """
    if text.startswith("folder:"):
        return _parse_folder(text)
    base, separator, view = text.partition(":")
    if separator and not _NAME.fullmatch(view):
        raise InputError(f"Malformed view '{view}' in '{text}'. A view is lower-case, like ':clip-filtered'.")
    if (real_set := find_real_set(base, sets)) is not None:
        return SplitRef("real", base, view or None, real_set)
    parts = base.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise InputError(
            f"Malformed split '{text}'.{format_near_sets(base, sets)} Use <version>/<split>[:<view>] such as "
            "'v1/sd-l', a real set such as 'imagenet-val', or 'folder:PATH'; "
            "'imagenet-g splits' lists what is known."
        )
    return SplitRef("version", base, view or None, near_sets=format_near_sets(parts[0], sets))


def _parse_folder(text: str) -> SplitRef:
    if text == "folder:":
        raise InputError("'folder:' needs a path: folder:PATH, with one sub-folder per class named by wnid.")
    base, separator, view = text.rpartition(":")
    # A path may have a colon of its own, so that the disk decides which of the two is meant.
    if separator and _NAME.fullmatch(view) and _is_folder(base) and not _is_folder(text):
        return SplitRef("folder", base, view)
    return SplitRef("folder", text, None)


def _is_folder(ref: str) -> bool:
    path = ref.removeprefix("folder:")
    return bool(path) and Path(path).expanduser().is_dir()
