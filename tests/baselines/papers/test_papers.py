"""The papers' tables: transcribed as printed, recomputed, and exactly the known slips found."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from noisy_models import run_command

from imagenet_g.baselines.papers.checks import check_cell, check_papers, check_table
from imagenet_g.baselines.papers.derivations import Derivation, Term
from imagenet_g.baselines.papers.layout import build_grid
from imagenet_g.baselines.papers.tables import CellAddress, PrintedCell, load_papers, read_papers
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.naming.published import load_published_models

ACCURACY = "top-1 accuracy, %"


def read_frame() -> pd.DataFrame:
    """The CSV, read without the code under test."""
    text = (files("imagenet_g.baselines.data") / "papers" / "tables.csv").read_text(encoding="utf-8")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def copy_papers(tmp_path: Path, *replacements: tuple[str, str]) -> Path:
    """The shipped tables with other cells, their hash put right."""
    folder = tmp_path / "papers"
    with as_file(files("imagenet_g.baselines.data") / "papers") as shipped:
        shutil.copytree(shipped, folder)
    text = (folder / "tables.csv").read_text(encoding="utf-8")
    old = hash_lines(text.splitlines())
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after)
    (folder / "tables.csv").write_text(text, encoding="utf-8")
    header = (folder / "papers.toml").read_text(encoding="utf-8")
    (folder / "papers.toml").write_text(header.replace(old, hash_lines(text.splitlines())), encoding="utf-8")
    return folder


def test_all_seventeen_tables_are_there_with_all_their_cells() -> None:
    """Ten and a slide of one paper, four and two of the others; rows by columns by quantities."""
    counts = {
        name.split("-paper/")[1]: len(t.cells)
        for name, t in load_papers().tables.items()
        if "imagenet-g" in name
    }
    assert counts == {
        "table-1": 10, "table-2": 8, "table-3": 30, "table-4": 18, "table-5": 5, "table-6": 8, "table-7": 6,
        "table-8": 36, "table-9": 42, "table-10": 42, "talk": 15,
    }  # fmt: skip
    others = {name: len(t.cells) for name, t in load_papers().tables.items() if "imagenet-g" not in name}
    assert others == {
        "fake-it-paper/table-1": 6, "fake-it-paper/table-2": 120, "fake-it-paper/table-3": 66,
        "fake-it-paper/table-4": 90, "text-guided-shifts-paper/table-1": 8,
        "text-guided-shifts-paper/table-2": 6,
    }  # fmt: skip


def test_a_cell_keeps_the_decimals_of_print() -> None:
    """60.9 stands in Table 9, and 60.90 would not be what is printed."""
    table = load_papers().find_table("imagenet-g-paper/table-9")
    row = "ResNeXt-101 (Trained on ImageNet1K)"
    assert [c.printed for c in table.cells if c.address.row == row] == [
        "79.28", "55.93", "-23.3", "33.38", "-45.90", "60.9", "-18.38",
    ]  # fmt: skip


def test_averages_agree_with_a_computation_by_pandas() -> None:
    """Every row but those of the slips, from the CSV alone."""
    frame = read_frame()
    found = {}
    is_mean = frame["column"].isin(["Average", "Avg."])
    for key, cells in frame[is_mean].groupby(["table", "row"]):
        table, row = map(str, key)
        rest = frame[(frame["table"] == table) & (frame["row"] == row) & ~is_mean]
        found[table, row] = rest["printed"].astype(float).mean() - float(cells["printed"].iloc[0])
    # One decimal in the paper of the six prompts, two in the other.
    off = {key for key, value in found.items() if abs(value) > (0.0501 if "fake-it" in key[0] else 0.00501)}
    assert off == {
        ("imagenet-g-paper/table-1", "Real + Generated Data"),
        ("imagenet-g-paper/table-8", "+ SD-Images"),
        ("imagenet-g-paper/table-8", "+ SD-Labels (a rendition of a {class label})"),
    }


def test_exactly_the_known_slips_are_found() -> None:
    """What the computation finds, and what it finds nowhere."""
    found = check_papers(load_papers())
    assert found.holds
    wrong = Counter((w.table, w.column, w.quantity) for one in found.tables for w in one.wrong)
    assert wrong == {
        ("imagenet-g-paper/table-1", "Average", "effective robustness, points"): 1,
        ("imagenet-g-paper/table-4", "ImageNet-1K-G", "accuracy gap, points"): 1,
        ("imagenet-g-paper/table-4", "ImageNet-1K", ACCURACY): 1,
        ("imagenet-g-paper/table-8", "Average", ACCURACY): 2,
        ("imagenet-g-paper/table-9", "Im1K-G (SD-L)", "accuracy gap, points"): 1,
        ("imagenet-g-paper/table-9", "Im1K", ACCURACY): 1,
        ("imagenet-g-paper/table-10", "F-Im1K-G (SD-L)", "accuracy gap, points"): 1,
        ("fake-it-paper/table-1", "gain", "gain, points"): 1,
    }
    twice = [(one.table.id, name) for one in found.tables for name in one.printed_twice]
    assert twice == [("fake-it-paper/table-4", "Pets")]


def test_the_slips_are_eleven_and_three_of_them_are_of_the_text() -> None:
    """A number in a sentence is recorded; nothing in a table shows it."""
    slips = load_papers().slips
    assert len(slips) == 11
    assert [slip.tables for slip in slips if slip.is_of_the_text] == [
        ("imagenet-g-paper/table-6",), ("fake-it-paper/table-2",), ("text-guided-shifts-paper/table-1",),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ('robustness, points",35.55', 'robustness, points",35.57', "table-1"),
        ('points",-18.38', 'points",-18.39', "table-9"),
        ('ObjectNet,"top-1 accuracy, %",72.3', 'ObjectNet,"top-1 accuracy, %",72.5', "talk"),
        ('IN-A top-5,"accuracy, %",10.1', 'IN-A top-5,"accuracy, %",2.1', "Table 2"),
    ],
)
def test_a_mistake_in_the_transcription_is_found(tmp_path: Path, before: str, after: str, place: str) -> None:
    """One digit changed is a slip that is not recorded."""
    found = check_papers(read_papers(copy_papers(tmp_path, (before, after))))
    assert not found.holds
    assert len(found.unrecorded) == 1
    assert place.replace("table-", "Table ") in found.unrecorded[0]


def test_a_slip_that_is_gone_is_missed(tmp_path: Path) -> None:
    """A transcription that corrects the paper in silence is one."""
    folder = copy_papers(tmp_path, ('Average,"top-1 accuracy, %",59.51', 'Average,"top-1 accuracy, %",57.62'))
    found = check_papers(read_papers(folder))
    assert [slip.text[:31] for slip in found.not_found] == ["The average is printed 59.51, w"]


def test_a_number_twice_in_two_tables_must_be_one(tmp_path: Path) -> None:
    """Table 4 is a part of Table 9."""
    cell = 'ImageNet-1K-G,"top-1 accuracy, %",68.6'
    folder = copy_papers(tmp_path, (f"{cell}1", f"{cell}2"))
    found = check_table(read_papers(folder).find_table("imagenet-g-paper/table-4"), read_papers(folder))
    wrong = {(w.row, w.quantity) for w in found.wrong}
    assert ("MaxViT-XL-512 (PT-Im21K-FT-Im1K)", ACCURACY) in wrong
    assert ("MaxViT-XL-512 (PT-Im21K-FT-Im1K)", "accuracy gap, points") in wrong


def make_derivation(printed: str, *terms: tuple[float, str]) -> Derivation:
    """A number and the printed numbers it is the sum of."""
    address = CellAddress(table="t", row="r", column="c", quantity="points")
    parts = tuple(Term(w, float(text), 0.5 * 10.0 ** -len(text.partition(".")[2])) for w, text in terms)
    return Derivation(PrintedCell(address, "r", printed), parts, "gap")


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [
        ("-23.35", "agrees"),
        ("-23.36", "rounding"),
        ("-23.3", "rounding"),
        ("-23.4", "rounding"),
        ("-23.2", "contradicts"),
    ],
)
def test_a_number_is_right_if_it_is_the_rounding_and_possible_if_unrounded_ones_give_it(
    printed: str, outcome: str
) -> None:
    """55.93 - 79.28: between 55.925 - 79.285 and 55.935 - 79.275, so from -23.36 to -23.34."""
    assert check_cell(make_derivation(printed, (1, "55.93"), (-1, "79.28")), 2) == outcome


def test_outcomes_are_those_of_a_search_over_unrounded_values() -> None:
    """Every pair of unrounded accuracies on a fine grid, rounded to what is printed."""
    grid = np.linspace(-0.05, 0.05, 101)
    differences = np.array([a - b for a in 43.1 + grid for b in 28.4 + grid])
    possible = {f"{value:.1f}" for value in np.round(differences, 6)}
    for printed in ("14.4", "14.5", "14.6", "14.7", "14.8", "14.9"):
        outcome = check_cell(make_derivation(printed, (1, "43.1"), (-1, "28.4")), 1)
        # The ends of the interval are reached by no value below the next rounding.
        assert (outcome != "contradicts") == (printed in possible), printed


def test_a_tie_may_be_rounded_either_way() -> None:
    """Both digits beside a tie agree."""
    terms = ((0.5, "10.01"), (0.5, "10.02"))
    assert [check_cell(make_derivation(text, *terms), 2) for text in ("10.01", "10.02", "10.03")] == [
        "agrees", "agrees", "contradicts",
    ]  # fmt: skip


def test_the_figures_of_the_question_are_those_of_timm() -> None:
    """The two clean accuracies of Tables 4 and 9 are timm's, each of the other model."""
    table, models = load_papers().find_table("imagenet-g-paper/table-9"), load_published_models()
    pairs = {
        "MaxViT-XL-512 (PT-Im21K-FT-Im1K)": "timm:vit_large_patch14_clip_336.openai_ft_in12k_in1k",
        "ViT-L/14-336 (PT-Im12K-FT-Im1K)": "timm:maxvit_xlarge_tf_512.in21k_ft_in1k",
    }
    for row, other in pairs.items():
        cell = table.find(row, "Im1K", ACCURACY)
        assert cell is not None and cell.value == pytest.approx(100 * models[other].top1)


def test_the_published_command_lists_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Seventeen, and those of figures."""
    assert run_command("published") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*load_papers().tables, "testbed", "timm-in1k"))


@pytest.mark.parametrize("name", list(load_papers().tables))
def test_a_table_is_printed_with_all_its_cells_and_slips(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Laid out: a row a line, as many numbers as were transcribed."""
    table = load_papers().find_table(name)
    grid = build_grid(table, load_papers())
    texts = (
        " ".join(cell for row in grid.rows for cell in row[1:]).replace("(", " ").replace(")", " ").split()
    )
    assert Counter(cell.printed for cell in table.cells) <= Counter(texts)
    assert run_command("published", name) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert all(slip.text in printed for slip in load_papers().slips if name in slip.tables)


def test_the_check_prints_the_slips_and_what_no_computation_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """A line a table, a line a slip, and exit code 0."""
    assert run_command("published", "--check") == 0
    printed = capsys.readouterr().out
    assert "11 slips in print:" in printed
    assert printed.count("[found") == 8
    assert printed.count("[recorded from the text; no table shows it]") == 3
    assert printed.count("unrounded values may give the printed number") == 2
    assert "table-2: 8 cells; nothing to compute: no cell follows from others" in printed
    assert "table-10: 42 cells; computed 18 gaps; 1 wrong" in printed


def test_a_check_of_one_table_is_refused() -> None:
    """It compares tables with one another."""
    with pytest.raises(InputError, match="covers all tables"):
        run_command("published", "imagenet-g-paper/table-9", "--check")


def test_an_unknown_table_is_named_with_the_known_ones() -> None:
    """A typing mistake gets a suggestion."""
    with pytest.raises(UnknownNameError, match=r"Did you mean .*'imagenet-g-paper/table-7'"):
        run_command("published", "imagenet-g-paper/table-7x")


def test_cells_that_were_not_hashed_are_refused(tmp_path: Path) -> None:
    """A silent change of a paper's number is none of ours."""
    folder = copy_papers(tmp_path)
    text = (folder / "tables.csv").read_text(encoding="utf-8")
    (folder / "tables.csv").write_text(text.replace("94.49", "94.94"), encoding="utf-8")
    with pytest.raises(DataError, match="has the hash"):
        read_papers(folder)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("table-2,Real Dataset,,ImageNet-R,FID", "table-2,Real Dataset,,ImageNet-Sketch,FID"),
        ("imagenet-g-paper/table-7,Real,", "imagenet-g-paper/table-77,Real,"),
    ],
)
def test_a_cell_twice_or_of_no_table_is_refused(tmp_path: Path, before: str, after: str) -> None:
    """The address of a cell is its identity."""
    with pytest.raises(DataError, match=r"is of no table or stands there twice"):
        read_papers(copy_papers(tmp_path, (before, after)))


def test_the_csv_has_no_other_columns() -> None:
    """Its header is what a reader of the file relies on."""
    text = (files("imagenet_g.baselines.data") / "papers" / "tables.csv").read_text(encoding="utf-8")
    assert csv.DictReader(text.splitlines()).fieldnames == [
        "table", "row", "row_as_printed", "column", "quantity", "printed",
    ]  # fmt: skip
