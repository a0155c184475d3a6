"""Which source files decide what a user's own code does: those that it imports, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torchvision import transforms

from imagenet_g.benchmark.fingerprints.code import (
    follow_imports,
    list_code_files,
    list_held_files,
    print_parts,
)

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
    assert [path.name for path in list_held_files([wrap(steps)])] == ["tally_steps.py"]


def test_torchvisions_own_steps_have_no_files() -> None:
    """Its version is recorded."""
    assert list_held_files([transforms.Compose([transforms.Resize(8), transforms.ToTensor()])]) == []


def test_a_step_that_holds_itself_is_read_once(steps: Any) -> None:
    """And not for ever."""
    step = steps.Step()
    step.held = [step]
    assert len(list_held_files([step])) == 1


def test_settings_of_a_step_are_printed_without_its_address() -> None:
    """Two processes print the same, two settings do not."""
    printed = [print_parts([transforms.Resize(size), object()]) for size in (8, 8, 9)]
    assert printed[0] == printed[1] != printed[2]


def write_project(folder: Path) -> Path:
    """A factory with helpers: beside it, in a package, imported late, and some that nothing imports."""
    files = {
        "tally_factory.py": "import torch\nfrom tally_helpers import SIZE\nfrom tally_parts.layers import x\n"
        "def make():\n    import tally_late\n",
        "tally_helpers.py": "import tally_deeper\nSIZE = 3\n",
        "tally_deeper.py": "import tally_factory  # a circle\n",
        "tally_late.py": "import tally_missing\n",
        "tally_parts/__init__.py": "",
        "tally_parts/layers.py": "from . import norms\nfrom .acts import y\nx = 1\n",
        "tally_parts/norms.py": "",
        "tally_parts/acts.py": "y = 1\n",
        "tally_parts/unused.py": "",
        "tally_unused.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "tally_factory.py"


def test_imports_are_followed_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these modules was imported: finding them runs nothing."""
    factory = write_project(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in follow_imports([factory])}
    assert found == {
        *("tally_factory.py", "tally_helpers.py", "tally_deeper.py", "tally_late.py"),
        *("tally_parts/__init__.py", "tally_parts/layers.py", "tally_parts/norms.py", "tally_parts/acts.py"),
    }
    assert not [name for name in sys.modules if name.startswith("tally_")]


def test_helpers_in_the_current_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the installed command looks for a factory, though it is not on the path of Python."""
    factory = write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "tally_helpers.py" in follow_imports([factory])


def test_an_installed_package_is_followed_within_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own files count, those of another installed package do not."""
    site = tmp_path / "site-packages"
    write_project(site)
    (site / "tally_parts/layers.py").write_text("from . import norms\nimport tally_helpers\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setitem(sys.modules, "tally_parts.layers", _make_module(site / "tally_parts/layers.py"))
    found = {path.name for path in list_code_files([], ["tally_parts.layers"])}
    assert found == {"__init__.py", "layers.py", "norms.py"}


def test_a_file_that_is_no_python_ends_the_search(tmp_path: Path) -> None:
    """Such as a compiled module: it counts itself."""
    (tmp_path / "fast.so").write_bytes(bytes(range(256)))
    assert follow_imports([tmp_path / "fast.so"]) == [tmp_path / "fast.so"]


def _make_module(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    return module
