"""Strengths of images that were made elsewhere: from a file beside any layout, and from a table's columns."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adopted_sets import WNIDS, adopt, make_set, read_columns, write_files, write_folders

from imagenet_g.benchmark.splits.releases import load_release_split

GRID = ("0", "0.5", "1")
HEAD = "file_name,strength,series"


def list_lines(per_class: int = 3) -> list[str]:
    """A line for each image of the small set: image k of a class is scene "s" at strength k of the grid."""
    return [f"{name},{GRID[int(name[2])]},s" for _, name in make_set(per_class)]


def write_source(root: Path, lines: list[str]) -> tuple[Path, Path]:
    """Class folders, and a file of strengths beside them."""
    (root / "strengths.csv").write_text("\n".join(lines) + "\n")
    return write_folders(root / "set", per_class=3), root / "strengths.csv"


def test_each_image_has_the_strength_and_the_scene_of_its_line(tmp_path: Path) -> None:
    """Whatever the order of the lines."""
    source, file = write_source(tmp_path, [HEAD, *list_lines()[::-1]])
    release = adopt(source, tmp_path / "out", "--strength-file", str(file))
    for name, strength, series in read_columns(release, "source_file", "strength", "series"):
        assert (strength, series) == (float(GRID[int(str(name)[-5])]), "s")
    strengths = load_release_split(release, "drawn", cache=None).rows.strengths
    assert strengths is not None
    assert strengths.series is not None
    assert len(set(strengths.series)) == 3


def test_the_container_changes_nothing(tmp_path: Path) -> None:
    """A zip of the same images with the same file, and a table with the columns themselves."""
    source, file = write_source(tmp_path, [HEAD, *list_lines()])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(source.rglob("*.png")):
            archive.write(path, path.relative_to(source).as_posix())
    rows = [
        {
            "image": {"bytes": data, "path": None},
            "wnid": WNIDS[label],
            "strength": float(GRID[int(name[2])]),
            "series": "s",
        }
        for (label, name), data in make_set(3).items()
    ]
    (tmp_path / "table").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "table" / "a.parquet")
    words = ("--strength-file", str(file))
    found = [
        read_columns(release, "image_id", "strength", "series")
        for release in (
            adopt(source, tmp_path / "one", *words),
            adopt(tmp_path / "set.zip", tmp_path / "two", *words),
            adopt(tmp_path / "table", tmp_path / "three"),
        )
    ]
    assert found[0] == found[1] == found[2]


def test_without_a_file_there_is_no_column(tmp_path: Path) -> None:
    """Most sets have no strengths."""
    release = adopt(write_folders(tmp_path / "set"), tmp_path / "out")
    assert load_release_split(release, "drawn", cache=None).rows.strengths is None


def test_a_file_without_scenes_gives_strengths_alone(tmp_path: Path) -> None:
    """Tabs do as well."""
    source, _ = write_source(tmp_path, [])
    lines = ["strength\tpath", *("\t".join(line.split(",")[1::-1]) for line in list_lines())]
    (tmp_path / "s.tsv").write_text("\n".join(lines))
    release = adopt(source, tmp_path / "out", "--strength-file", str(tmp_path / "s.tsv"))
    strengths = load_release_split(release, "drawn", cache=None).rows.strengths
    assert strengths is not None
    assert strengths.series is None


LINES = [HEAD, *list_lines()]
WRONG: dict[str, tuple[list[str], str]] = {
    "a line too many": ([*LINES, "9-9.png,1,s"], "Line 11 of"),
    "an image twice": ([*LINES, LINES[1]], "Lines 2 and 11 of"),
    "an image without a line": (LINES[:-1], "has no line for '"),
    "no heading": (LINES[1:], "needs a heading with the columns file_name and strength"),
    "an empty file": ([], "needs a heading"),
    "a word": ([*LINES[:-1], "2-2.png,strong,s"], "Line 10 of"),
    "a negative strength": ([*LINES[:-1], "2-2.png,-1,s"], "has the strength '-1'; a strength is a finite"),
    "no number": ([*LINES[:-1], "2-2.png,nan,s"], "has the strength 'nan'"),
    "infinity": ([*LINES[:-1], "2-2.png,inf,s"], "has the strength 'inf'"),
    "an empty strength": ([*LINES[:-1], "2-2.png,,s"], "has the strength ''"),
    "a line too short": ([*LINES[:-1], "2-2.png,1"], "has 2 columns; more are needed"),
    "a scene without a name": ([*LINES[:-1], "2-2.png,1,"], "'series' is empty for some images"),
    "a strength twice in a scene": ([*LINES[:-1], "2-2.png,0.5,s"], "has two images of strength 0.5"),
    "an open quote": ([*LINES[:-1], '2-2.png,"1,s'], "is no CSV"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_does_not_fit_is_refused_with_one_message(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written."""
    lines, message = WRONG[name]
    source, file = write_source(tmp_path, lines)
    adopt(source, tmp_path / "out", "--strength-file", str(file), code=2)
    shown = " ".join(capsys.readouterr().err.split())
    assert message in shown
    assert str(file) in shown
    assert not (tmp_path / "out").exists()


def test_other_endings_and_missing_files_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is known."""
    source, _ = write_source(tmp_path, LINES)
    for name, message in (("s.json", ".csv and .tsv are known"), ("gone.csv", "cannot be read")):
        adopt(source, tmp_path / "out", "--strength-file", str(tmp_path / name), code=2)
        assert message in " ".join(capsys.readouterr().err.split())


def test_a_strength_twice_in_a_scene_is_refused_from_paths_as_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No release is written that `evaluate` then refuses."""
    files = {f"{WNIDS[k]}/7-500-{name}": data for (k, name), data in make_set(2).items()}
    source = write_files(tmp_path / "set", files)
    adopt(source, tmp_path / "out", "--path", "{class}/{series}-{strength}-*", code=2)
    assert "has two images of strength 500" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
