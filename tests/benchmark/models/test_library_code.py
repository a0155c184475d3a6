"""Which files decide what an outside model library and its transforms do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from torchvision import transforms

from imagenet_g.benchmark.models.library_code import (
    hash_library,
    hash_transforms,
    list_source_files,
    list_transform_files,
)
from imagenet_g.benchmark.naming.libraries import ROWS

STEPS = """
class Step:
    def __init__(self, held=None):
        self.held = held
    def __call__(self, image):
        return image
    def __repr__(self):
        return "Step()"
def step(image):
    return image
def make_step(inner):
    return lambda image: inner(image)
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An installed module with steps of transforms."""
    (tmp_path / "tally_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("tally_steps")
    del sys.modules["tally_steps"]


def write_package(folder: Path) -> Path:
    """A package with its loader and the transform in two modules, inside a namespace package."""
    package = folder / "tally_space" / "tally_package"
    package.mkdir(parents=True)
    for name in ("__init__", "loader", "preparing"):
        (package / f"{name}.py").write_text("")
    (folder / "tally_space" / "of_others.py").write_text("")
    return package


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scheme)
def test_a_library_of_this_package_has_no_hash(row: object) -> None:
    """Its predictions keep the keys they have."""
    assert hash_library(getattr(row, "scheme", "")) is None


def test_all_files_of_the_loaders_package_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other packages in the same namespace do not."""
    package = write_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    row = replace(ROWS[0], loader="tally_space.tally_package.loader:load_model")
    assert [path.name for path in list_source_files(row)] == ["__init__.py", "loader.py", "preparing.py"]
    assert {path.parent for path in list_source_files(row)} == {package}


def test_a_loader_that_does_not_exist_has_no_files() -> None:
    """Loading reports it."""
    assert list_source_files(replace(ROWS[0], loader="tally_nowhere.loader:load_model")) == ()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda steps: steps.step,
        lambda steps: steps.Step(),
        lambda steps: steps.Step().__call__,
        lambda steps: partial(steps.step),
        lambda steps: transforms.Compose([transforms.ToTensor(), steps.Step()]),
        lambda steps: transforms.Lambda(steps.step),
        lambda steps: steps.make_step(len),
    ],
    ids=["function", "object", "method", "partial", "composed", "lambda", "closure"],
)
def test_the_file_of_a_step_is_found(steps: Any, wrap: Any) -> None:
    """However the step is wrapped."""
    assert [path.name for path in list_transform_files([wrap(steps)])] == ["tally_steps.py"]


def test_torchvisions_own_steps_have_no_files() -> None:
    """Its version is recorded."""
    assert list_transform_files([transforms.Compose([transforms.Resize(8), transforms.ToTensor()])]) == []


def test_a_step_that_holds_itself_is_read_once(steps: Any) -> None:
    """And not for ever."""
    step = steps.Step()
    step.held = [step]
    assert len(list_transform_files([step])) == 1


def test_the_hash_follows_settings_and_source(steps: Any) -> None:
    """Another size prints another transform; an edited step prints the same one."""
    resized = [hash_transforms([transforms.Resize(size)]) for size in (8, 8, 9)]
    assert resized[0] == resized[1] != resized[2]
    before = hash_transforms([steps.Step()])
    Path(steps.__file__).write_text(STEPS + "# edited\n")
    assert hash_transforms([steps.Step()]) != before
