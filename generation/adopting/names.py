"""What a user calls an adopted set."""

from __future__ import annotations

import re
from pathlib import Path

from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.real_set_specs import NAME_PATTERN
from imagenet_g.benchmark.splits.registry import load_versions

_MAX_CITATION_BYTES = 100_000


def validate_names(version: str, split: str) -> None:
    """Check that references can name the version and the split.

    Raises:
        InputError: A name is malformed, or the version is one that is known here or a real set.
    """
    for option, name in (("--version", version), ("--split", split)):
        if not re.fullmatch(NAME_PATTERN, name):
            raise InputError(
                f"Malformed {option} '{shorten(name)}'. Use lower-case letters, digits, dots, dashes and "
                "underscores, "
                "such as 'gen-1'."
            )
    families = {name.split("/")[0] for name in load_real_sets()}
    if version in families:
        raise InputError(
            f"--version '{version}' is the name of a real set; choose another, such as '{version}-gen'."
        )
    if version in load_versions():
        raise InputError(f"--version '{version}' is a version of ImageNet-G; choose another name.")


def read_citation(path: Path | None) -> str | None:
    """The text of a file with BibTeX; None without one.

    Raises:
        InputError: It cannot be read, is too long or is no text.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CITATION_BYTES + 1)
        if len(data) > _MAX_CITATION_BYTES:
            raise InputError(f"--citation '{path}' has more than {_MAX_CITATION_BYTES} bytes; is it BibTeX?")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--citation '{path}' cannot be read: {error}.") from error
