"""Sources of a recipe: the images that its mixes draw from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from imagenet_g.baselines.classifiers.specs import Name
from imagenet_g.benchmark.records import FileModel

Whole = Annotated[int, Field(ge=1, le=10**12)]


class TrainingSourceSpec(FileModel):
    """Images that mixes draw from."""

    name: Name
    ref: str
    """A split, one of its views, or `folder:PATH`."""
    copy_of: Name | None = None
    """Another source, of which it has the very images: for a mix that learns from each as it is and changed.
    Its other keys are then that source's, and absent here."""
    generators: tuple[str, ...] = ()
    """What drew the images; empty for real ones. It is declared when the model is evaluated."""
    expected: Whole | None = None
    """Images there should be, for a plan where the images are not."""


def fill_copies(sources: Sequence[Any]) -> list[Any]:
    """Sources in which each copy has the keys of its original.

    Raises:
        ValueError: A copy names no other source, or one that is a copy itself, or has keys of its own.

    Example:
        >>> fill_copies([{"name": "a", "ref": "folder:photos"}, {"name": "b", "copy_of": "a"}])[1]
        {'name': 'b', 'ref': 'folder:photos', 'copy_of': 'a'}
    """
    tables = [source for source in sources if isinstance(source, dict)]
    originals = {str(table.get("name")): table for table in tables if table.get("copy_of") is None}
    filled = []
    for source in sources:
        original = source.get("copy_of") if isinstance(source, dict) else None
        # What is no text is refused with its place, like every other key of a wrong kind.
        if not isinstance(original, str):
            filled.append(source)
            continue
        if original not in originals:
            raise ValueError(f"source '{source.get('name')}' is a copy of '{original}', which is no source")
        whole = originals[original] | {"name": source.get("name"), "copy_of": original}
        # Written out again they may be there, as long as they say the same.
        if own := sorted(key for key, value in source.items() if key not in whole or whole[key] != value):
            raise ValueError(
                f"source '{source.get('name')}' is a copy and has keys of its own: {', '.join(own)}"
            )
        filled.append(whole)
    return filled
