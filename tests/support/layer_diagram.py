"""Draw the floors of the four folders from the import contracts: `python tests/support/layer_diagram.py`.

ARCHITECTURE.md holds what this prints, and a test compares the two, so that the picture cannot drift.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 100
_SEPARATOR = " · "
Floors = tuple[tuple[str, ...], ...]


def load_floors(pyproject: str) -> dict[str, Floors]:
    """Rooms of each folder, floor by floor from the top, as the layer contracts have them.

    Args:
        pyproject: Text of pyproject.toml.

    Returns:
        Folder name to floors; the rooms of a floor may not import one another.
    """
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    return {
        container.removeprefix("imagenet_g."): tuple(
            tuple(re.split(r"\s*[|:]\s*", layer)) for layer in contract["layers"]
        )
        for contract in contracts
        for container in contract.get("containers", ())
    }


def list_folder_rows(pyproject: str) -> list[list[str]]:
    """Folders from the top; those of one row may not import one another."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers" and "containers" not in one)
    return [[name.removeprefix("imagenet_g.") for name in re.split(r"\s*\|\s*", row)] for row in layers]


def draw_diagram(pyproject: str) -> str:
    """The text diagram: one box a folder, one line a floor; a floor may import only what lies below it."""
    floors = load_floors(pyproject)
    rows = [
        _join_boxes([_draw_box(name, floors[name], _share_width(len(row))) for name in row])
        for row in list_folder_rows(pyproject)
    ]
    return "\n".join(rows)


def _share_width(boxes: int) -> int:
    return (WIDTH - (boxes - 1)) // boxes


def _draw_box(title: str, floors: Floors, width: int) -> list[str]:
    inner = width - 4
    body = [line for floor in floors for line in _wrap(floor, inner)]
    return [
        f"┌─ {title} ".ljust(width - 1, "─") + "┐",
        *(f"│ {line.ljust(inner)} │" for line in body),
        "└" + "─" * (width - 2) + "┘",
    ]


def _wrap(rooms: Sequence[str], width: int) -> list[str]:
    lines = [rooms[0]]
    for place, room in enumerate(rooms[1:], start=2):
        longer = lines[-1] + _SEPARATOR + room
        # A line that others follow ends with a dot, which needs its place too.
        if len(longer) + (0 if place == len(rooms) else len(_SEPARATOR.rstrip())) <= width:
            lines[-1] = longer
        else:
            lines[-1] += _SEPARATOR.rstrip()
            lines.append("  " + room)
    return lines


def _join_boxes(boxes: Sequence[list[str]]) -> str:
    # Boxes of a row stand on the same ground, so the shorter ones get empty lines inside.
    height = max(map(len, boxes))
    filled = [[*box[:-1], *[_make_blank(box)] * (height - len(box)), box[-1]] for box in boxes]
    return "\n".join(" ".join(parts) for parts in zip_longest(*filled))


def _make_blank(box: list[str]) -> str:
    return "│" + " " * (len(box[0]) - 2) + "│"


if __name__ == "__main__":
    sys.stdout.write(draw_diagram((ROOT / "pyproject.toml").read_text(encoding="utf-8")) + "\n")
