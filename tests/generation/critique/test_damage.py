"""Four ways to damage a set, and which measure notices which: each cell up, down or unmoved.

Measured by the functions behind `imagenet-g critique` on eight classes of ten images. What is unmoved is as
much a part of the table: no single measure sees every fault, which is why a critique has several.
"""

from __future__ import annotations

import pytest
from damaged_sets import DAMAGES, measure_all

UP, DOWN, SAME = "up", "down", "unmoved"
# Duplicated: half of the images of each class, twice. Collapsed: one image of each class. Shuffled: labels by
# chance. Blank: half of the images grey.
TABLE = {
    #                             within  duplicated collapsed shuffled blank
    "Fréchet, by class":        (0.03,   (UP,   UP,   UP,   UP)),
    "kernel, by class":         (0.0004, (UP,   UP,   UP,   UP)),
    "Fréchet, whole":           (0.015,  (UP,   UP,   SAME, UP)),
    "kernel, whole":            (0.0005, (SAME, SAME, SAME, UP)),
    "precision":                (0.05,   (SAME, SAME, SAME, SAME)),
    "recall":                   (0.05,   (SAME, SAME, SAME, SAME)),
    "density":                  (0.12,   (SAME, SAME, SAME, DOWN)),
    "coverage":                 (0.05,   (SAME, DOWN, SAME, SAME)),
    "diversity":                (0.04,   (SAME, DOWN, UP,   UP)),
    "Vendi score":              (0.1,    (DOWN, DOWN, UP,   UP)),
    "near-duplicates":          (0.5,    (UP,   UP,   SAME, SAME)),
    "plain images":             (0.5,    (SAME, SAME, SAME, UP)),
    "machine-recognised share": (0.1,    (SAME, SAME, DOWN, DOWN)),
    "likeness to the class":    (0.04,   (SAME, SAME, DOWN, DOWN)),
    "margin to other classes":  (0.04,   (SAME, SAME, DOWN, DOWN)),
}  # fmt: skip
CELLS = [
    (measure, damage, within, expected)
    for measure, (within, row) in TABLE.items()
    for damage, expected in zip(list(DAMAGES)[1:], row, strict=True)
]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Every measure under every damage, once."""
    return measure_all(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize(("measure", "damage", "within", "expected"), CELLS)
def test_a_damage_moves_a_measure_as_expected(
    measured: dict[str, dict[str, float]], measure: str, damage: str, within: float, expected: str
) -> None:
    """Against the same split without damage; a change of at most `within` is none."""
    change = measured[damage][measure] - measured["nothing"][measure]
    assert (SAME if abs(change) <= within else UP if change > 0 else DOWN) == expected


def test_every_damage_has_a_pattern_of_its_own() -> None:
    """So that the measures together say which fault it is, and none goes unnoticed."""
    columns = list(zip(*(row for _, row in TABLE.values()), strict=True))
    assert len(set(columns)) == len(DAMAGES) - 1
    assert all(any(cell != SAME for cell in column) for column in columns)


def test_every_measure_has_its_row(measured: dict[str, dict[str, float]]) -> None:
    """A new one needs its expectations."""
    assert set(measured["nothing"]) == set(TABLE)
