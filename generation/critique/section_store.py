"""Sections kept by all that decides them, so that a stopped critique loses one section at most.

    <cache>/critiques/<key>.json

The key hashes the images, the options, the features and the source code of the rooms that measure: after an
edit a section is measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import write_text

_DECIDING = (".py", ".toml", ".csv")
_Section = TypeVar("_Section", bound=FileModel)


@dataclass(frozen=True, slots=True)
class SectionStore:
    """A folder of measured sections.

    Attributes:
        folder: Where they are.
    """

    folder: Path

    def resume(
        self,
        model: type[_Section],
        facts: JsonValue,
        rooms: Sequence[str],
        measure: Callable[[], _Section],
        *,
        is_whole: Callable[[_Section], bool] = lambda section: True,
    ) -> _Section:
        """The section that is kept under these facts; else it is measured and kept.

        Args:
            model: Its type.
            facts: All that decides it: images, options, features.
            rooms: Packages whose source decides it.
            measure: Called where nothing is kept, or what is kept cannot be read or is not whole.
            is_whole: Whether the files that a kept section names are still there.

        Raises:
            StorageError: The folder cannot be written.
        """
        code = {room: hash_source(room) for room in rooms}
        path = self.folder / f"{hash_json([model.__name__, facts, code])}.json"
        try:
            kept = model.model_validate_json(path.read_bytes())
            if is_whole(kept):
                return kept
        # Not there yet, or damaged: either way it is measured.
        except (OSError, ValidationError):
            pass
        section = measure()
        write_text(path, section.model_dump_json())
        return section


@cache
def hash_source(room: str) -> str:
    """Hash of the source files and tables of a package, of its own folder only."""
    modules = sorted(entry.name for entry in files(room).iterdir() if entry.name.endswith(_DECIDING))
    return hash_json([[name, (files(room) / name).read_text(encoding="utf-8")] for name in modules])
