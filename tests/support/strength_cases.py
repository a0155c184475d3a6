"""A small release whose images are shifted ever more strongly, and a model that loses them one by one."""

from __future__ import annotations

from pathlib import Path

from datasets import Value
from image_sets import write_release
from toy_models import make_colour_png

GRID = (0.0, 0.5, 1.0, 2.0)
FAILS_AT = {"a": 0, "b": 1, "c": 2, "d": 2, "e": 3, "f": None}
"""The place in `GRID` at which each scene is first shown as another class; None for never."""
CLASSES = (3, 5, 9)
# Of the split, so that a wrong answer is wrong among its own classes too.
OTHERS = {3: 5, 5: 9, 9: 3}


def write_ladder(folder: Path, *, named: bool = True) -> Path:
    """A release `v9/sd-l` of three classes with six scenes each; the colour model fails as `FAILS_AT` says.

    Args:
        folder: Where it is written.
        named: Whether a column says which images are of one scene.
    """
    rows = [
        (index, scene, strength, place >= (len(GRID) if fails is None else fails))
        for index in CLASSES
        for scene, fails in FAILS_AT.items()
        for place, strength in enumerate(GRID)
    ]
    series = {"series": [scene for _, scene, _, _ in rows]} if named else {}
    return write_release(
        folder,
        [index for index, _, _, _ in rows],
        extra={"strength": Value("float32"), **dict.fromkeys(series, Value("string"))},
        columns={
            "image": [make_colour_png(OTHERS[index] if wrong else index) for index, _, _, wrong in rows],
            "strength": [strength for _, _, strength, _ in rows],
            **series,
        },
    )
