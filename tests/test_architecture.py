"""ARCHITECTURE.md shows the code as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from layer_diagram import draw_diagram, load_floors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
FOLDERS = ("benchmark", "generation", "baselines", "leaderboard")


def list_rooms() -> list[str]:
    """Sub-packages, such as "benchmark/splits"; data and the top package's own file do not count."""
    found = (path.parent for folder in FOLDERS for path in (ROOT / folder).glob("*/__init__.py"))
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.name not in ("data", "package"))


def read_purpose(room: str) -> str:
    """First line of a package's docstring."""
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def test_the_picture_is_drawn_from_the_import_contracts() -> None:
    """`python tests/support/layer_diagram.py` prints what belongs there."""
    assert draw_diagram(PYPROJECT) in PAGE


def test_every_line_of_the_picture_is_as_wide_as_the_others() -> None:
    """Or the frames of the boxes do not meet."""
    # One box in a row, and three with the spaces between them.
    assert {len(line) for line in draw_diagram(PYPROJECT).splitlines()} == {100, 98}


@pytest.mark.parametrize("room", list_rooms())
def test_every_room_stands_in_the_table_with_its_purpose(room: str) -> None:
    """As its own docstring has it."""
    purpose = read_purpose(room)
    assert purpose
    assert f"| `{room}` | {purpose} |" in PAGE


def test_the_table_has_no_room_that_is_gone() -> None:
    """Or a reader looks for it."""
    assert sorted(re.findall(r"^\| `(\w+/\w+)` \|", PAGE, re.MULTILINE)) == list_rooms()


def test_another_contract_gives_another_picture() -> None:
    """Or the comparison would say nothing."""
    changed = PYPROJECT.replace("| images | naming |", "| naming |")
    assert changed != PYPROJECT
    assert draw_diagram(changed) not in PAGE


def test_contracts_of_all_four_folders_are_read() -> None:
    """A folder without layers would be missing from the picture."""
    assert sorted(load_floors(PYPROJECT)) == sorted(FOLDERS)
