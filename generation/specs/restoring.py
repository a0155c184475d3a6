"""Tables of a recorded recipe, with the paths of local files on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.packaged import PREFIX
from imagenet_g.generation.specs.repos import LOCAL_PREFIX, identify_folder, place_folder
from imagenet_g.generation.specs.stages import LOCAL_REVISION

if TYPE_CHECKING:
    from pydantic import JsonValue


def restore_stage(recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
    """The table of a stage, with the paths of its repository and its parts.

    Args:
        recorded: As a recipe has it.
        places: Folders here, found by their names.

    Raises:
        InputError: A local folder is not among the places, or holds other files than the recorded ones.
        UnknownNameError: The recipe names a shipped model that does not exist.
    """
    restored = _restore_repo(recorded, places, subfolder=None)
    if isinstance(parts := recorded.get("parts"), dict):
        restored["parts"] = {
            name: _restore_repo(part, places, subfolder=str(part.get("subfolder") or ""))
            for name, part in parts.items()
            if isinstance(part, dict)
        }
    return restored


def find_place(name: str, places: Sequence[Path]) -> Path:
    """The folder or file of a name.

    Raises:
        InputError: It is not among the places.
    """
    place = next((path for path in places if path.resolve().name == name), None)
    if place is None:
        raise InputError(f"This split was made with '{name}'. Give its place: --pipeline PATH/{name}.")
    return place


def _restore_repo(
    table: dict[str, JsonValue], places: Sequence[Path], *, subfolder: str | None
) -> dict[str, JsonValue]:
    repo, revision = str(table.get("repo")), str(table.get("revision"))
    if repo.startswith(PREFIX):
        place = repo
    elif repo.startswith(LOCAL_PREFIX):
        place = str(find_place(repo.removeprefix(LOCAL_PREFIX), places))
    else:
        return dict(table)
    if identify_folder(place_folder(place, subfolder=subfolder)) != revision:
        raise InputError(f"'{place}' holds other files than the pipeline that made this split.")
    return {**table, "repo": place, "revision": LOCAL_REVISION}
