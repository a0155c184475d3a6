"""How images are named: `v1/sd-l:clip-filtered`, `imagenet-c/fog/3`, `folder:PATH`.

Parsing is pure and knows the grammar and the real sets; whether a version or a release's own view exists is
for the catalogue to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagenet_g.benchmark.classes import CLASS_SET_NAMES
from imagenet_g.benchmark.errors import InputError, UnknownNameError, format_near_names

REAL_SETS = (
    "imagenet-val",
    "imagenet-v2",
    "imagenet-v2/threshold-0.7",
    "imagenet-v2/top-images",
    "imagenet-sketch",
    "imagenet-r",
    "imagenet-a",
    "objectnet",
)
CORRUPTIONS = (
    "brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_blur",
    "gaussian_noise", "glass_blur", "impulse_noise", "jpeg_compression", "motion_blur", "pixelate",
    "saturate", "shot_noise", "snow", "spatter", "speckle_noise", "zoom_blur",
)  # fmt: skip
SEVERITIES = (1, 2, 3, 4, 5)
_REAL_FAMILIES = ("imagenet-val", "imagenet-v2", "imagenet-sketch", "imagenet-r", "imagenet-a", "objectnet")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class SplitRef:
    """A parsed reference to a set of images.

    Attributes:
        kind: "version" (a split of an ImageNet-G version), "real" (a named real set) or "folder".
        base: The reference without its view: "v1/sd-l", "imagenet-val", "folder:PATH".
        view: Name of a row filter, or None for all rows.
    """

    kind: str
    base: str
    view: str | None

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


def parse_split_ref(text: str) -> SplitRef:
    """Parse `<version>/<split>[:<view>]`, a real set's name `[:<view>]`, or `folder:PATH`.

    Raises:
        InputError: The text has none of these forms.
        UnknownNameError: It starts like a real set but is not one of them, or such a set has no such view.

    Example:
        >>> parse_split_ref("v1/sd-l:clip-filtered")
        SplitRef(kind='version', base='v1/sd-l', view='clip-filtered')
        >>> parse_split_ref("imagenet-c/fog/3").kind, parse_split_ref("folder:/data/my images").name
        ('real', '/data/my images')
        >>> parse_split_ref("imagenet-r:noto")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.UnknownNameError: Unknown view of 'imagenet-r' 'noto'. ...
    """
    if text.startswith("folder:"):
        return _parse_folder(text)
    base, separator, view = text.partition(":")
    if separator and not _NAME.fullmatch(view):
        raise InputError(f"Malformed view '{view}' in '{text}'. A view is lower-case, like ':clip-filtered'.")
    if base.split("/")[0] in (*_REAL_FAMILIES, "imagenet-c"):
        _validate_real_set(base)
        validate_set_view(base, view or None)
        return SplitRef("real", base, view or None)
    parts = base.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
        near = format_near_names(base, (*REAL_SETS, "imagenet-c/<corruption>/<severity>"))
        raise InputError(
            f"Malformed split '{text}'.{near} Use <version>/<split>[:<view>] such as 'v1/sd-l', "
            "a real set such as 'imagenet-val', or 'folder:PATH'; 'imagenet-g splits' lists what is known."
        )
    return SplitRef("version", base, view or None)


def validate_set_view(base: str, view: str | None) -> None:
    """Check a view of a set that brings none of its own; the set is not opened for it.

    Args:
        base: A real set or a folder.
        view: Name of a row filter, or None for all rows.

    Raises:
        UnknownNameError: It is no registered class set.
    """
    if view is not None and view not in CLASS_SET_NAMES:
        raise UnknownNameError(f"view of '{base}'", view, CLASS_SET_NAMES)


def _parse_folder(text: str) -> SplitRef:
    if text == "folder:":
        raise InputError("'folder:' needs a path: folder:PATH, with one sub-folder per class named by wnid.")
    return SplitRef("folder", text, None)


def _validate_real_set(base: str) -> None:
    if base in REAL_SETS:
        return
    parts = base.split("/")
    if parts[0] != "imagenet-c":
        raise UnknownNameError("real set", base, REAL_SETS)
    if len(parts) != 3:
        raise InputError(f"'{base}' needs a corruption and a severity: imagenet-c/<corruption>/<severity>.")
    if parts[1] not in CORRUPTIONS:
        raise UnknownNameError("corruption", parts[1], CORRUPTIONS)
    if parts[2] not in map(str, SEVERITIES):
        raise InputError(f"Severity '{parts[2]}' of '{base}' must be one of 1, 2, 3, 4, 5.")
