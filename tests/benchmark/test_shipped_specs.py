"""Specs found by name or by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import find_shipped_spec, list_shipped_names, load_shipped_spec


class Recipe(FileModel):
    """A spec of one key."""

    steps: int


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two specs that ship, one of them malformed, and a file that is not a spec."""
    (tmp_path / "fast.toml").write_text("steps = 3\n")
    (tmp_path / "broken.toml").write_text('steps = "many"\n')
    (tmp_path / "README.md").write_text("no spec")
    return tmp_path


def test_names_are_those_of_the_toml_files(folder: Path) -> None:
    """Sorted, without their ending."""
    assert list_shipped_names(folder) == ("broken", "fast")


def test_a_name_is_a_file_that_ships(folder: Path) -> None:
    """And is read as the model says."""
    assert load_shipped_spec(Recipe, "fast", folder, kind="recipe") == Recipe(steps=3)


def test_a_path_is_the_file_itself(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever ships."""
    own = tmp_path_factory.mktemp("own") / "fast.toml"
    assert find_shipped_spec(str(own), folder, kind="recipe") == own


def test_an_unknown_name_is_told_with_those_there_are(folder: Path) -> None:
    """And that a file would do."""
    with pytest.raises(UnknownNameError, match=r"'fsat'.*fast.*Or give your own .toml file"):
        find_shipped_spec("fsat", folder, kind="recipe")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("broken", r"Recipe 'broken' cannot be used: steps: "), ("away.toml", "cannot be read")],
)
def test_a_spec_that_cannot_be_used_gives_one_message(folder: Path, name: str, reason: str) -> None:
    """With the key, or why it cannot be read."""
    with pytest.raises(InputError, match=reason):
        load_shipped_spec(Recipe, name, folder, kind="recipe")


@pytest.mark.parametrize("text", ["steps = " + "9" * 5000, "steps = " + "[" * 20_000], ids=["long", "deep"])
def test_what_python_cannot_hold_is_no_toml(folder: Path, text: str) -> None:
    """Python's own reader raises another error for these than for other faults."""
    (folder / "own.toml").write_text(text)
    with pytest.raises(InputError, match=r"own\.toml' cannot be read"):
        load_shipped_spec(Recipe, str(folder / "own.toml"), folder, kind="recipe")


def test_an_endless_key_is_cut_in_the_message(folder: Path) -> None:
    """The name of the file comes before it, and would be out of sight."""
    (folder / "own.toml").write_text(f"{'k' * 5000} = 1")
    with pytest.raises(InputError) as caught:
        load_shipped_spec(Recipe, str(folder / "own.toml"), folder, kind="recipe")
    assert len(str(caught.value)) < 600
